/**
 * The kernel's IPv4 multicast routing table (`linux/mroute.h`), as far as `routed` needs it: the
 * LANs and the TUN as virtual interfaces, and one (*,G) or (S,G) entry from the LANs to the TUN for
 * what remote sites want. The kernel forwards by them from the first packet on, lowers the TTL, and
 * drops what no entry names. Entries, interfaces and the claim on the table go with the socket.
 */
import { type Address, addressBytes } from "../base/address.ts";
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

const AF_INET = 2;
const SOCK_RAW_NONBLOCK = 3 | 0o4000 | 0o2000000;
const IPPROTO_IP = 0;
const IPPROTO_IGMP = 2;
const SO_RCVBUF = 8;
const SOL_SOCKET = 1;
const MRT_INIT = 200;
const MRT_DONE = 201;
const MRT_ADD_VIF = 202;
const MRT_ADD_MFC = 204;
const MRT_DEL_MFC = 205;
const MRT_TABLE = 209;
const MRT_ADD_MFC_PROXY = 210;
const MRT_DEL_MFC_PROXY = 211;
const VIFF_USE_IFINDEX = 8;
const maxVifs = 32;
const noForwarding = 255;
const anyAddress = "0.0.0.0" as Address;

export class MulticastRouting {
  /** The private table, or undefined for the kernel's default one. */
  readonly table: number | undefined;
  readonly #socket: number;
  readonly #lans: number;
  readonly #mfc = block(60);
  readonly #upcall = block(256);

  /**
   * Claims the table and adds the interfaces (by index); the TUN comes last.
   * Throws `SystemError`, EADDRINUSE when another daemon owns the table.
   */
  constructor(lans: readonly number[], tun: number, table: number | undefined) {
    this.table = table;
    this.#lans = lans.length;
    this.#socket = must(
      libc().socket(AF_INET, SOCK_RAW_NONBLOCK, IPPROTO_IGMP),
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
    setNumberOption(this.#socket, IPPROTO_IP, MRT_DONE, 1);
    libc().close(this.#socket);
  }

  #claim(): void {
    if (this.table !== undefined) {
      must(
        setNumberOption(this.#socket, IPPROTO_IP, MRT_TABLE, this.table),
        `cannot take multicast routing table ${this.table}`,
        () => "This kernel lacks CONFIG_IP_MROUTE_MULTIPLE_TABLES: set gateway.mroute_table: auto.",
      );
    }
    if (setNumberOption(this.#socket, IPPROTO_IP, MRT_INIT, 1) === 0) return;
    const failed = errno();
    const code = errnoName(failed);
    const which =
      this.table === undefined ? "the kernel's multicast routing table" : `table ${this.table}`;
    throw new SystemError(
      `cannot own ${which}`,
      code,
      failed === EADDRINUSE
        ? "Another daemon (pimd, smcroute, igmpproxy, another Gateway) owns it: stop it, or give " +
            "this Gateway a table of its own with gateway.mroute_table: 7010."
        : needs("CAP_NET_ADMIN")(code),
    );
  }

  #addInterface(vif: number, index: number): void {
    const control = block(16);
    control.view.setUint16(0, vif, true);
    control.bytes[2] = VIFF_USE_IFINDEX;
    control.bytes[3] = 1;
    control.view.setInt32(8, index, true);
    must(
      setOption(this.#socket, IPPROTO_IP, MRT_ADD_VIF, control),
      `cannot add interface ${index} to the multicast routing table`,
      () => "Check that it is up and has an IPv4 address and the MULTICAST flag (`ip addr`).",
    );
  }

  /** One `struct mfcctl`: origin, group, parent, one TTL threshold per interface. */
  #write(option: number, channel: Channel, parent: number, forward: boolean): void {
    const { bytes, view } = this.#mfc;
    bytes.fill(0);
    bytes.set(addressBytes(channel.source ?? anyAddress), 0);
    bytes.set(addressBytes(channel.group), 4);
    view.setUint16(8, parent, true);
    bytes.fill(noForwarding, 10, 10 + maxVifs);
    if (forward) {
      // The kernel takes (*,G) only from an interface among the entry's own outgoing ones, and
      // never sends back on it.
      if (channel.source === undefined) bytes[10 + parent] = 1;
      bytes[10 + this.#lans] = 1;
    }
    const deleting = option === MRT_DEL_MFC || option === MRT_DEL_MFC_PROXY;
    if (setOption(this.#socket, IPPROTO_IP, option, this.#mfc) < 0 && !deleting) {
      throw new SystemError(
        `cannot set the multicast route (${channel.source ?? "*"},${channel.group})`,
        errnoName(errno()),
        "See `ip mroute show table all`.",
      );
    }
  }
}
