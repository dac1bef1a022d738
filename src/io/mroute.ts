/**
 * The kernel's multicast routing table of one IP family, as far as `routed` needs it: the LANs and
 * the TUN as virtual interfaces, and one (*,G) or (S,G) entry from the LANs to the TUN for what
 * remote sites want. The kernel forwards by them from the first packet on, lowers TTL or hop limit,
 * and drops what no entry names. Entries, interfaces and the claim on the table go with the socket.
 */
import type { Family } from "../base/address.ts";
import { limits } from "../limits.ts";
import type { Channel } from "../wire/plan.ts";
import {
  block,
  EADDRINUSE,
  errno,
  errnoName,
  libc,
  must,
  needs,
  setNumberOption,
  setOption,
  SystemError,
} from "./libc.ts";
import { type RouteCodec, routeCodecs } from "./mroute-codec.ts";

const SOCK_RAW_NONBLOCK = 3 | 0o4000 | 0o2000000;
const SO_RCVBUF = 8;
const SOL_SOCKET = 1;
// With IPv6 the same options are named MRT6_….
const MRT_INIT = 200;
const MRT_DONE = 201;
const MRT_ADD_VIF = 202;
const MRT_ADD_MFC = 204;
const MRT_DEL_MFC = 205;
const MRT_TABLE = 209;
const MRT_ADD_MFC_PROXY = 210;
const MRT_DEL_MFC_PROXY = 211;

/** What to claim: the interfaces by index, and a private table or the kernel's default one. */
export type TableClaim = {
  readonly family: Family;
  readonly lans: readonly number[];
  readonly tun: number;
  readonly table: number | undefined;
};

export class MulticastRouting {
  readonly family: Family;
  /** The private table, or undefined for the kernel's default one. */
  readonly table: number | undefined;
  readonly #codec: RouteCodec;
  readonly #socket: number;
  readonly #lans: number;
  readonly #entry: ReturnType<typeof block>;
  readonly #upcall = block(256);

  /**
   * Claims the table and adds the interfaces; the TUN comes last.
   * Throws `SystemError`, EADDRINUSE when another daemon owns the table.
   */
  constructor({ family, lans, tun, table }: TableClaim) {
    this.family = family;
    this.table = table;
    this.#lans = lans.length;
    this.#codec = routeCodecs[family];
    this.#entry = block(this.#codec.entryBytes);
    this.#socket = must(
      libc().socket(this.#codec.domain, SOCK_RAW_NONBLOCK, this.#codec.protocol),
      "cannot open the multicast routing socket",
      needs("CAP_NET_RAW"),
    );
    try {
      this.#claim();
      // Nobody reads the cache misses: what no entry names is not wanted anywhere.
      setNumberOption(this.#socket, SOL_SOCKET, SO_RCVBUF, 4096);
      for (const [vif, index] of [...lans, tun].entries()) this.#addInterface(vif, index);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Lets packets of the channel go to the TUN: of (*,G) from every LAN, of (S,G) from the LAN that
   * the source belongs to. One (*,G) entry for each LAN keeps the LANs apart from one another.
   */
  add(channel: Channel, lan = 0): void {
    if (channel.source !== undefined) return this.#write(MRT_ADD_MFC, channel, lan, true);
    for (let vif = 0; vif < this.#lans; vif++) this.#write(MRT_ADD_MFC_PROXY, channel, vif, true);
  }

  /** Stops packets of (S,G) before the TUN, although (*,G) stands. */
  block(channel: Channel, lan = 0): void {
    this.#write(MRT_ADD_MFC, channel, lan, false);
  }

  delete(channel: Channel): void {
    if (channel.source !== undefined) return this.#write(MRT_DEL_MFC, channel, 0, false);
    for (let vif = 0; vif < this.#lans; vif++) this.#write(MRT_DEL_MFC_PROXY, channel, vif, false);
  }

  /** Forgets the kernel's cache-miss messages, so that its queue does not fill. */
  drainUpcalls(): void {
    const { pointer } = this.#upcall;
    for (let i = 0; i < limits.packetsPerTurnMax; i++) {
      if (Number(libc().recv(this.#socket, pointer as number, 256, 0)) <= 0) return;
    }
  }

  close(): void {
    setNumberOption(this.#socket, this.#codec.level, MRT_DONE, 1);
    libc().close(this.#socket);
  }

  #claim(): void {
    if (this.table !== undefined) {
      must(
        setNumberOption(this.#socket, this.#codec.level, MRT_TABLE, this.table),
        `cannot take multicast routing table ${this.table}`,
        () =>
          "This kernel lacks CONFIG_IP_MROUTE_MULTIPLE_TABLES or its like of IPv6: set " +
          "gateway.mroute_table: auto.",
      );
    }
    if (setNumberOption(this.#socket, this.#codec.level, MRT_INIT, 1) === 0) return;
    const failed = errno();
    const code = errnoName(failed);
    const which =
      this.table === undefined ? "the kernel's multicast routing table" : `table ${this.table}`;
    throw new SystemError(
      `cannot own ${which} of IPv${this.#codec.family}`,
      code,
      failed === EADDRINUSE
        ? "Another daemon (pimd, smcroute, igmpproxy, another Gateway) owns it: stop it, or give " +
            "this Gateway a table of its own with gateway.mroute_table: 7010."
        : needs("CAP_NET_ADMIN")(code),
    );
  }

  #addInterface(vif: number, index: number): void {
    const control = this.#codec.interfaceControl(vif, index);
    must(
      setOption(this.#socket, this.#codec.level, MRT_ADD_VIF, control),
      `cannot add interface ${index} to the multicast routing table`,
      () => "Check that it is up and has an address and the MULTICAST flag (`ip addr`).",
    );
  }

  #write(option: number, channel: Channel, parent: number, forward: boolean): void {
    const { group, source } = channel;
    const tun = this.#lans;
    // The kernel takes (*,G) only from an interface among the entry's own outgoing ones, and
    // never sends back on it.
    const towards = source === undefined ? [parent, tun] : [tun];
    const origin = source ?? this.#codec.anyOrigin;
    this.#entry.bytes.fill(0);
    this.#codec.writeEntry(this.#entry, {
      origin,
      group,
      parent,
      outgoing: forward ? towards : [],
    });
    const deleting = option === MRT_DEL_MFC || option === MRT_DEL_MFC_PROXY;
    if (setOption(this.#socket, this.#codec.level, option, this.#entry) < 0 && !deleting) {
      throw new SystemError(
        `cannot set the multicast route (${source ?? "*"},${group})`,
        errnoName(errno()),
        "See `ip mroute show table all`.",
      );
    }
  }
}
