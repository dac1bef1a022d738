/** Reads the facts of this host from procfs, sysfs and the C library; it changes nothing. */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from "node:fs";
import { networkInterfaces } from "node:os";
import { basename } from "node:path";
import type { Address } from "../base/address.ts";
import { hasFileAttribute } from "../io/libc.ts";
import type {
  BridgeFacts,
  Conf,
  InterfaceFacts,
  KernelFacts,
  PrivilegeFacts,
  Unseen,
} from "./facts.ts";
import { defaultRoutes, interfaceTowards, parseRoutes, type Route } from "./routes.ts";

export type HostOptions = {
  /** Interfaces to look at as LANs; undefined for every Ethernet interface that is up. */
  readonly lans: readonly string[] | undefined;
  /** Where other sites are; the interfaces towards them are the WAN. */
  readonly peers: readonly Address[];
};

export type HostFacts = {
  readonly privileges: PrivilegeFacts;
  readonly interfaces: readonly InterfaceFacts[];
  readonly kernel: KernelFacts;
};

const nftMs = 3_000;
const rulesetBytesMax = 4 * 1024 * 1024;
const ARPHRD_ETHER = 1;

export class Host {
  readonly unseen: Unseen[] = [];
  readonly #routes: readonly Route[];

  constructor() {
    this.#routes = parseRoutes(this.#text("/proc/net/route", "routes") ?? "");
  }

  read({ lans, peers }: HostOptions): HostFacts {
    const looked = lans ?? ethernets();
    const defaults = defaultRoutes(this.#routes).map((route) => route.interface);
    const towards = peers.map((peer) => interfaceTowards(this.#routes, peer) ?? defaults[0]);
    const wans = new Set(peers.length === 0 ? defaults : towards);
    const privileges = this.#privileges();
    return {
      privileges,
      interfaces: [
        ...looked.map((name) => this.#interface(name, "lan")),
        ...[...wans].flatMap((name) =>
          name === undefined || looked.includes(name) ? [] : [this.#interface(name, "wan")],
        ),
      ],
      kernel: this.#kernel(privileges),
    };
  }

  #privileges(): PrivilegeFacts {
    const status = this.#text("/proc/self/status", "capabilities of this process") ?? "";
    const mask = (name: string): bigint | undefined => {
      const hex = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
      return hex === undefined ? undefined : BigInt(`0x${hex}`);
    };
    const executable = process.execPath;
    const hasFileCapabilities = hasFileAttribute(executable, "security.capability");
    if (hasFileCapabilities === undefined) {
      this.#miss("file capabilities", `${executable} does not show its attributes`);
    }
    return {
      isRoot: process.getuid?.() === 0,
      effective: mask("CapEff"),
      bounding: mask("CapBnd"),
      executable,
      hasFileCapabilities,
      isSetuid: (statSync(executable).mode & 0o6000) !== 0,
      tunFault: faultOf(() => closeSync(openSync("/dev/net/tun", constants.O_RDWR))),
    };
  }

  #interface(name: string, use: InterfaceFacts["use"]): InterfaceFacts {
    const root = `/sys/class/net/${name}`;
    const exists = existsSync(root);
    const addresses = (networkInterfaces()[name] ?? []).flatMap(({ family, cidr, address }) =>
      family === "IPv4" ? [cidr ?? address] : [],
    );
    // The carrier of an interface that is down cannot be read, and says nothing.
    const carrier = exists ? quietNumber(`${root}/carrier`) : undefined;
    return {
      name,
      use,
      flags: exists ? this.#number(`${root}/flags`, `flags of ${name}`) : undefined,
      hasCarrier: carrier === undefined ? undefined : carrier === 1,
      mtuBytes: exists ? this.#number(`${root}/mtu`, `MTU of ${name}`) : undefined,
      addresses,
      hasDefaultRoute: defaultRoutes(this.#routes).some((route) => route.interface === name),
      rpFilter: exists ? this.#conf(name, "rp_filter") : undefined,
      forceIgmpVersion: exists ? this.#conf(name, "force_igmp_version") : undefined,
      bridge: exists ? this.#bridge(name) : undefined,
    };
  }

  #bridge(name: string): BridgeFacts | undefined {
    const root = "/sys/class/net";
    const isPort = existsSync(`${root}/${name}/brport`);
    if (!isPort && !existsSync(`${root}/${name}/bridge`)) return undefined;
    const bridge = isPort ? basename(readlinkSync(`${root}/${name}/brport/bridge`)) : name;
    const setting = (key: string): number | undefined =>
      this.#number(`${root}/${bridge}/bridge/${key}`, `${key} of ${bridge}`);
    const ofPort = `${root}/${name}/brport/multicast_router`;
    return {
      name: bridge,
      isPort,
      snooping: setting("multicast_snooping"),
      querier: setting("multicast_querier"),
      router: isPort ? this.#number(ofPort, ofPort) : setting("multicast_router"),
    };
  }

  #kernel(privileges: PrivilegeFacts): KernelFacts {
    const sysctl = (path: string): number | undefined =>
      this.#number(`/proc/sys/${path}`, path.replaceAll("/", "."));
    const routesMulticast = existsSync("/proc/net/ip_mr_vif");
    const vifs = routesMulticast
      ? this.#text("/proc/net/ip_mr_vif", "interfaces of the multicast routing table")
      : undefined;
    return {
      igmpMembershipsMax: sysctl("net/ipv4/igmp_max_memberships"),
      receiveBufferBytesMax: sysctl("net/core/rmem_max"),
      ipv6Disabled:
        !existsSync("/proc/net/if_inet6") ||
        quietNumber("/proc/sys/net/ipv6/conf/all/disable_ipv6") === 1,
      routesMulticast,
      multicastForwarding: sysctl("net/ipv4/conf/all/mc_forwarding"),
      vifs: vifs === undefined ? undefined : vifNames(vifs),
      hasDefaultRoute: defaultRoutes(this.#routes).length > 0,
      ruleset: this.#ruleset(privileges),
    };
  }

  #ruleset({ effective = 0n }: PrivilegeFacts): string | undefined {
    const capNetAdmin = 12n;
    if (((effective >> capNetAdmin) & 1n) === 0n) {
      return this.#miss("firewall rules", "reading them needs CAP_NET_ADMIN");
    }
    if (!Bun.which("nft")) return this.#miss("firewall rules", "there is no program nft");
    const nft = Bun.spawnSync(["nft", "list", "ruleset"], {
      timeout: nftMs,
      maxBuffer: rulesetBytesMax,
      stderr: "pipe",
    });
    if (nft.exitCode === 0) return nft.stdout.toString();
    const said = nft.stderr.toString().trim().split("\n")[0];
    return this.#miss("firewall rules", `nft list ruleset failed: ${said || "no answer"}`);
  }

  #conf(name: string, key: string): Conf | undefined {
    const root = "/proc/sys/net/ipv4/conf";
    const all = this.#number(`${root}/all/${key}`, `${key} of all`);
    const own = this.#number(`${root}/${name}/${key}`, `${key} of ${name}`);
    return all === undefined || own === undefined ? undefined : { all, own };
  }

  #number(path: string, what: string): number | undefined {
    const text = this.#text(path, what);
    return text === undefined ? undefined : Number(text);
  }

  #text(path: string, what: string): string | undefined {
    const read = textOf(path);
    return "fault" in read ? this.#miss(what, `${path}: ${read.fault}`) : read.text;
  }

  #miss(what: string, why: string): undefined {
    this.unseen.push({ what, why });
  }
}

/** Interfaces of Ethernet that are up with an IPv4 address, the host's own loopback aside. */
function ethernets(): string[] {
  const root = "/sys/class/net";
  if (!existsSync(root)) return [];
  const addressed = networkInterfaces();
  return readdirSync(root).filter((name) => {
    const isEthernet = quietNumber(`${root}/${name}/type`) === ARPHRD_ETHER;
    return isEthernet && (addressed[name] ?? []).some(({ family }) => family === "IPv4");
  });
}

/** The second column of /proc/net/ip_mr_vif, below its heading. */
const vifNames = (text: string): string[] =>
  text
    .split("\n")
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[1] ?? []);

function quietNumber(path: string): number | undefined {
  const read = textOf(path);
  return "fault" in read ? undefined : Number(read.text);
}

function textOf(path: string): { readonly text: string } | { readonly fault: string } {
  let text = "";
  const fault = faultOf(() => {
    text = readFileSync(path, "latin1");
  });
  return fault === undefined ? { text } : { fault };
}

/** The code of the system's fault; undefined when the call went well. */
function faultOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}
