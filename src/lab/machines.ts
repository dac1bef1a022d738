/**
 * The machines of a lab: their names, namespaces and addresses. Site k has the LAN 10.k.0.0/24 with
 * fd00:k::/64 and the WAN address 198.51.100.k, so that an address tells where it belongs.
 */
import { LabFault } from "./fault.ts";

/** Site k takes the last byte of a WAN address, and the LAN's second byte. */
export const sitesMax = 250;
/** Hosts take .11 to .250 of their LAN. */
export const hostsMax = 240;
export const managerNumber = 254;
export const controlPort = 7802;
export const labNamePattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

export type LabOptions = {
  readonly name: string;
  readonly sites: number;
  readonly hosts: number;
  /** Router, Gateway and Eavesdropper on machines of their own instead of one edge. */
  readonly separate: boolean;
  readonly roles: boolean;
  readonly almrp: "star" | "mst";
  /** How Gateways touch their sites; the default of the configuration when left out. */
  readonly interface?: "routed" | "bridged";
  readonly wan: "bridge" | "emulated";
  /** The WAN loses or limits packets, so none of them may stand for many (GSO). */
  readonly perPacket: boolean;
};

export type MachineKind =
  "edge" | "router" | "gateway" | "eavesdropper" | "host" | "lan" | "wan" | "manager";

export type RoleName = "site" | "router" | "gateway" | "eavesdropper" | "manager" | "wan-emulator";

export type Machine = {
  /** What people write: `site1/host2`, `manager`, `wan`. */
  readonly path: string;
  readonly kind: MachineKind;
  /** Number of the site from 1; 0 for `wan` and `manager`. */
  readonly site: number;
  readonly namespace: string;
  readonly addresses: readonly MachineAddress[];
};

/** One interface; those of a LAN have an IPv6 address, too. */
export type MachineAddress = {
  readonly interface: string;
  readonly address: string;
  readonly ipv6?: string;
};

/** A process that belongs to a machine; `argv` follows the command that starts FastCast. */
export type Job = {
  readonly machine: string;
  readonly role: RoleName;
  readonly namespace: string;
  readonly argv: readonly string[];
  readonly socket: string;
  readonly log: string;
};

/** True for the namespaces that a lab of this name may have made, and for no other. */
export const isLabNamespace = (namespace: string, name: string): boolean =>
  namespace.startsWith(`${name}-`) &&
  /^(site\d+-(edge|lan|router|gateway|eavesdropper|host\d+)|wan|manager)$/.test(
    namespace.slice(name.length + 1),
  );

export const siteName = (site: number): string => `site${site}`;
export const wanAddress = (site: number): string => `198.51.100.${site}`;
export const lanAddress = (site: number, host: number): string => `10.${site}.0.${host}`;

/** Decimal numbers read as hexadecimal ones: what counts is that people recognise them. */
export const lanAddress6 = (site: number, host: number): string => `fd00:${site}::${host}`;

/** A machine's path as part of a file's or namespace's name. */
const flat = (machine: string): string => machine.replaceAll("/", "-");
export const configFile = (directory: string, machine: string): string =>
  `${directory}/${flat(machine)}.yaml`;
export const socketFile = (directory: string, machine: string): string =>
  `${directory}/${flat(machine)}.sock`;
export const logFile = (directory: string, machine: string): string =>
  `${directory}/${flat(machine)}.log`;

export function checkOptions(options: LabOptions): void {
  const refuse = (message: string): never => {
    throw new LabFault("usage", message);
  };
  if (!labNamePattern.test(options.name)) {
    refuse(`--name ${options.name}: must be lower-case letters, digits, inner hyphens, 32 at most`);
  }
  if (!Number.isInteger(options.sites) || options.sites < 1 || options.sites > sitesMax) {
    refuse(`--sites ${options.sites}: must be 1 to ${sitesMax} (sites share 198.51.100.0/24)`);
  }
  if (!Number.isInteger(options.hosts) || options.hosts < 0 || options.hosts > hostsMax) {
    refuse(`--hosts ${options.hosts}: must be 0 to ${hostsMax} (a LAN is a /24)`);
  }
}

export function machinesOf(options: LabOptions): Machine[] {
  const at = (path: string): Pick<Machine, "path" | "namespace"> => ({
    path,
    namespace: `${options.name}-${flat(path)}`,
  });
  const machines: Machine[] = [
    { ...at("wan"), kind: "wan", site: 0, addresses: [] },
    { ...at("manager"), kind: "manager", site: 0, addresses: [wan0(managerNumber)] },
  ];
  for (let site = 1; site <= options.sites; site++) {
    const inSite = (kind: MachineKind, addresses: Machine["addresses"], name: string = kind) => {
      machines.push({ ...at(`${siteName(site)}/${name}`), kind, site, addresses });
    };
    inSite("lan", []);
    if (options.separate) {
      inSite("router", [lan("lan0", site, 1), wan0(site)]);
      inSite("gateway", [lan("lan0", site, 2)]);
      inSite("eavesdropper", [lan("lan0", site, 3)]);
    } else {
      inSite("edge", [lan("lan0", site, 1), wan0(site)]);
    }
    for (let host = 1; host <= options.hosts; host++) {
      inSite("host", [lan("eth0", site, 10 + host)], `host${host}`);
    }
  }
  return machines;
}

const lan = (name: string, site: number, host: number): MachineAddress => ({
  interface: name,
  address: `${lanAddress(site, host)}/24`,
  ipv6: `${lanAddress6(site, host)}/64`,
});

const wan0 = (site: number): MachineAddress => ({
  interface: "wan0",
  address: `${wanAddress(site)}/24`,
});
