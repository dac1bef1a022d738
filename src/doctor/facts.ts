/** What the doctor read of a host. Undefined is what it could not see, never what is not there. */

/** What could not be read, and why. */
export type Unseen = { readonly what: string; readonly why: string };

export type PrivilegeFacts = {
  readonly isRoot: boolean;
  /** The bit masks `CapEff` and `CapBnd` of proc(5). */
  readonly effective: bigint | undefined;
  readonly bounding: bigint | undefined;
  readonly executable: string;
  readonly hasFileCapabilities: boolean | undefined;
  readonly isSetuid: boolean | undefined;
  /** Why /dev/net/tun cannot be opened; undefined when it can. */
  readonly tunFault: string | undefined;
};

/** A switch of `net.ipv4.conf`: of all interfaces, and of this one. */
export type Conf = { readonly all: number; readonly own: number };

export type BridgeFacts = {
  /** The interface itself, or the bridge that it is a port of. */
  readonly name: string;
  readonly isPort: boolean;
  readonly snooping: number | undefined;
  readonly querier: number | undefined;
  /** `multicast_router` of the bridge, or of the port. */
  readonly router: number | undefined;
};

export type InterfaceFacts = {
  readonly name: string;
  readonly use: "lan" | "wan";
  /** IFF_… of the interface; undefined when there is no such interface. */
  readonly flags: number | undefined;
  readonly hasCarrier: boolean | undefined;
  readonly mtuBytes: number | undefined;
  readonly addresses: readonly string[];
  readonly hasDefaultRoute: boolean;
  readonly rpFilter: Conf | undefined;
  readonly forceIgmpVersion: Conf | undefined;
  readonly bridge: BridgeFacts | undefined;
};

export type KernelFacts = {
  readonly igmpMembershipsMax: number | undefined;
  readonly receiveBufferBytesMax: number | undefined;
  readonly ipv6Disabled: boolean | undefined;
  /** The kernel can route multicast at all (CONFIG_IP_MROUTE). */
  readonly routesMulticast: boolean | undefined;
  /** How many owners multicast routing tables of this network have, of any table. */
  readonly multicastForwarding: number | undefined;
  /** Interfaces in the default multicast routing table. */
  readonly vifs: readonly string[] | undefined;
  /** Of IPv4, by whatever interface. */
  readonly hasDefaultRoute: boolean;
  /** What `nft list ruleset` prints. */
  readonly ruleset: string | undefined;
};

export type ContactFacts = {
  /** `router.contacts` or `manager.contacts` */
  readonly key: string;
  readonly endpoint: string;
  /** The fastest of a few handshakes, or why there was none. */
  readonly answer: { readonly rttMs: number } | { readonly fault: string };
};

/** One site's prefixes, as its row says. */
export type RowPrefixes = { readonly site: string; readonly prefixes: readonly string[] };

export type LanFinding = {
  readonly lan: string;
  readonly code: string;
  readonly evidence: string;
  readonly fix: string;
};

/** What the process behind one control socket said. */
export type RoleFacts = {
  readonly socket: string;
  readonly roles: readonly string[];
  readonly faults: readonly string[];
  readonly findings: readonly LanFinding[];
  readonly rows: readonly RowPrefixes[];
  readonly gateway:
    | {
        readonly tun: string;
        readonly table: string;
        readonly capturedPackets: number;
        readonly tunDropped: number;
        readonly tooLong: number;
        readonly refused: number;
      }
    | undefined;
  /** Packets that the capture ring of a LAN lost. */
  readonly rings: readonly { readonly lan: string; readonly dropped: number }[];
};

export type Facts = {
  readonly platform: string;
  /**
   * LANs were named by the configuration or a flag; or guessed, as there was neither; or there are
   * none, since the configuration is that of a role that touches no LAN.
   */
  readonly lans: "named" | "guessed" | "none";
  /** Names of the tunnel interfaces of this host's Gateways. */
  readonly tuns: readonly string[];
  readonly privileges: PrivilegeFacts;
  readonly interfaces: readonly InterfaceFacts[];
  readonly kernel: KernelFacts;
  readonly contacts: readonly ContactFacts[];
  readonly roles: readonly RoleFacts[];
  readonly unseen: readonly Unseen[];
};
