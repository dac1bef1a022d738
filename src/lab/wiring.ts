/**
 * The wires of a lab as lines for `ip -batch`: first the namespaces, then the veth pairs between
 * them, then what each namespace sets inside. Pure; `namespaces.ts` runs it.
 */
import type { LabOptions, Machine } from "./machines.ts";
import { lanAddress, lanAddress6, siteName, wanAddress } from "./machines.ts";

export type Interior = {
  readonly namespace: string;
  /** Files below /proc/sys and what to write there, before any interface comes up. */
  readonly sysctls: readonly (readonly [path: string, value: string])[];
  readonly lines: readonly string[];
  /** Run after those, where the kernel has IPv6. */
  readonly ipv6Lines: readonly string[];
};

export type Wiring = {
  readonly namespaces: readonly string[];
  /** Run in the root namespace; they leave nothing behind there. */
  readonly links: readonly string[];
  readonly interiors: readonly Interior[];
};

export function wiringOf(options: LabOptions, machines: readonly Machine[]): Wiring {
  return {
    namespaces: machines.map((machine) => machine.namespace),
    links: machines.flatMap((machine) => linksOf(options, machine)),
    interiors: machines.map((machine) => interiorOf(options, machine, machines)),
  };
}

/**
 * Makes a machine send single packets into the WAN. Otherwise TCP's super-packets of up to 64 KiB
 * cross it whole, about ten times as fast; but then a loss takes forty packets at once.
 */
export const perPacketLine = "link set wan0 gso_max_segs 1";

/** The name of the port towards a machine, on its LAN's switch: `edge`, `host1`. */
export const lanPort = (machine: Machine): string => machine.path.split("/")[1] ?? machine.path;

/** The name of the port towards a machine, in the WAN: `site1`, `manager`. */
export const wanPort = (machine: Machine): string =>
  machine.site === 0 ? machine.path : siteName(machine.site);

export const isOnWan = (machine: Machine): boolean =>
  machine.addresses.some((one) => one.interface === "wan0");

function linksOf(options: LabOptions, machine: Machine): string[] {
  return machine.addresses.map(({ interface: name }) => {
    const onWan = name === "wan0";
    const port = onWan ? wanPort(machine) : lanPort(machine);
    const other = onWan ? "wan" : `${siteName(machine.site)}-lan`;
    const far = `${options.name}-${other}`;
    return `link add ${name} netns ${machine.namespace} type veth peer name ${port} netns ${far}`;
  });
}

function interiorOf(options: LabOptions, machine: Machine, all: readonly Machine[]): Interior {
  const { namespace } = machine;
  const ipv6Lines = ipv6LinesOf(machine);
  switch (machine.kind) {
    case "lan":
      return { namespace, sysctls: quiet, lines: switchLines(machine, all), ipv6Lines };
    case "wan":
      return { namespace, sysctls: quiet, lines: wanLines(options, all), ipv6Lines };
    case "router": {
      const sysctls = [...forwarding, ...usableAtOnce];
      return { namespace, sysctls, lines: machineLines(options, machine), ipv6Lines };
    }
    default: {
      const lines = machineLines(options, machine);
      return { namespace, sysctls: usableAtOnce, lines, ipv6Lines };
    }
  }
}

// A switch is no IPv6 host: no router solicitations and no MLD reports of its own.
const quiet = [
  ["net/ipv6/conf/all/disable_ipv6", "1"],
  ["net/ipv6/conf/default/disable_ipv6", "1"],
] as const;

// Nobody else can have a machine's addresses: no second of waiting for duplicates, in which hosts
// report what they join from no address at all, and routers ignore it (RFC 9777 §5.2.14).
const usableAtOnce = [
  ["net/ipv6/conf/all/accept_dad", "0"],
  ["net/ipv6/conf/default/accept_dad", "0"],
] as const;

// The Manager reaches the Gateway through the Router's machine.
const forwarding = [["net/ipv4/ip_forward", "1"]] as const;

function machineLines(options: LabOptions, machine: Machine): string[] {
  const lines = ["link set lo up"];
  for (const { interface: name, address } of machine.addresses) {
    lines.push(`addr add ${address} dev ${name}`);
    if (name === "wan0" && options.perPacket) lines.push(perPacketLine);
    lines.push(`link set ${name} up`);
  }
  return [...lines, ...routeLines(options, machine)];
}

function ipv6LinesOf(machine: Machine): string[] {
  const lines = machine.addresses.flatMap(({ interface: name, ipv6 }) =>
    ipv6 === undefined ? [] : [`addr add ${ipv6} dev ${name} nodad`],
  );
  if (lines.length === 0 || isOnWan(machine)) return lines;
  return [...lines, `route add ::/0 via ${lanAddress6(machine.site, 1)}`];
}

function routeLines(options: LabOptions, machine: Machine): string[] {
  if (machine.kind === "manager") {
    if (!options.separate) return [];
    return Array.from(
      { length: options.sites },
      (_, i) => `route add 10.${i + 1}.0.0/24 via ${wanAddress(i + 1)}`,
    );
  }
  return isOnWan(machine) ? [] : [`route add default via ${lanAddress(machine.site, 1)}`];
}

function switchLines(machine: Machine, all: readonly Machine[]): string[] {
  const lines = ["link set lo up", "link add br0 type bridge mcast_snooping 1 mcast_querier 0"];
  for (const neighbour of all) {
    if (neighbour.site !== machine.site || neighbour === machine) continue;
    const port = lanPort(neighbour);
    lines.push(`link set ${port} master br0`);
    // A FastCast machine hears all multicast of its LAN: a router port, set by hand.
    if (neighbour.kind !== "host") lines.push(`link set ${port} type bridge_slave mcast_router 2`);
    lines.push(`link set ${port} up`);
  }
  return [...lines, "link set br0 up"];
}

function wanLines(options: LabOptions, all: readonly Machine[]): string[] {
  const ports = all.filter(isOnWan).map(wanPort);
  const up = ports.map((port) => `link set ${port} up`);
  if (options.wan === "emulated") return ["link set lo up", ...up];
  const enslave = ports.map((port) => `link set ${port} master br0`);
  const bridge = "link add br0 type bridge mcast_snooping 0";
  return ["link set lo up", bridge, ...enslave, ...up, "link set br0 up"];
}
