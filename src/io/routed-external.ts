/**
 * The site interface `routed-external`: the site's own multicast routers (pimd, FRR, any that
 * serves hosts by IGMP) hand packets to a tunnel interface, because a host behind it asks for them,
 * and route onward what comes out of it. No routing table is ours: RPF, TTL and the choice of LANs
 * are the router's, and `emit` does not look at its mask.
 *
 *     router's end 192.0.0.1 --- fc0 --- 192.0.0.2, the host that FastCast is
 *
 * A TUN is point-to-point, so the address has the host as its peer. A router takes a source for
 * connected, and thus as first hop for its packets, when the tunnel has an address of the source's
 * network. So each prefix of another site gives fc0 its network address, without a route: unicast
 * to those sites goes where it went before. FRR needs no more; pimd does not read a second address
 * and needs `phyint fc0 altnet PREFIX` for each prefix.
 *
 * Prefixes stay until the end: absent is unknown, not gone. An interface that an administrator made
 * beforehand (`ip tuntap add fc0 mode tun`) is used as it is and outlives us: then the router needs
 * no restart with ours, which pimd otherwise does, as it reads interfaces at its start only.
 */
import { ptr } from "bun:ffi";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import {
  type Address,
  familyOf,
  ipv4Address,
  ipv4Of,
  type Prefix,
  prefixContains,
  prefixText,
} from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { limits } from "../limits.ts";
import type { LanVoice, PacketBatch, PacketSource, SiteLan, SitePort } from "../role/node.ts";
import { frameHeaderBytes, framePayloadBytes } from "../wire/frame.ts";
import { ipv4Protocol, ipv4SourceIsMartian, protocolIgmp } from "../wire/ipv4.ts";
import type { Want } from "../wire/want.ts";
import { libc, SystemError } from "./libc.ts";
import { addAddress, deleteAddress, type InterfaceAddress } from "./netlink.ts";
import { Tun } from "./tun.ts";

/** The host on the tunnel: it asks for what is wanted, and answers the router's queries. */
export interface HostOnTunnel {
  onWant(want: Want): void;
  onUnwanted(group: Address): void;
  /** An IGMP packet in `bytes[from, to)`, borrowed. */
  onIgmp(bytes: Uint8Array, from: number, to: number): void;
}

export type RoutedExternalOptions = {
  readonly lans: readonly SiteLan[];
  readonly tun: string;
  /** The router's end; the host is the other one of the /30. */
  readonly address: Address;
  /** What belongs to this site or lies around this host, beside the networks of the LANs. */
  readonly owned: readonly Prefix[];
};

/** RFC 791 §3.1: five words. */
const ipv4HeaderBytesMin = 20;

export class RoutedExternal implements SitePort {
  readonly kind = "routed-external";
  readonly lans: readonly SiteLan[];
  readonly tun: Tun;
  readonly sources: readonly PacketSource[];
  /** By which the host on the tunnel speaks. */
  readonly voice: LanVoice;
  #host: HostOnTunnel | undefined;
  readonly #local: Address;
  readonly #owned: readonly Prefix[];
  readonly #addresses = new Map<string, InterfaceAddress>();
  readonly #counters = {
    capturedPackets: 0,
    capturedBytes: 0,
    igmpPackets: 0,
    "emitted-packets": 0,
    "emitted-bytes": 0,
    "emitted-refused": 0,
    "emitted-otherFamily": 0,
    reportsSent: 0,
    reportsRefused: 0,
    // Of the prefixes that other sites say now.
    prefixesOwn: 0,
    prefixesRefused: 0,
  };
  #bytes: Uint8Array | undefined;
  #base = 0;

  /** Opens everything, or nothing. Throws `SystemError`. */
  constructor(options: RoutedExternalOptions) {
    this.lans = options.lans;
    this.tun = new Tun(options.tun, [4]);
    const { address: local } = options;
    this.#local = local;
    this.#owned = [...options.lans.flatMap((lan) => lan.prefixes), ...options.owned];
    const peer = otherHost(local);
    try {
      withoutRpFilter(options.tun);
      addAddress({ index: this.tun.index, local, peer, bits: 32, route: true });
    } catch (error) {
      this.tun.close();
      throw error;
    }
    this.sources = [{ descriptor: this.tun.descriptor, read: () => this.#read() }];
    this.voice = { address: peer, send: (bytes, length) => this.#report(bytes, length) };
  }

  /** Gives the tunnel its host; before the first packet is read. */
  attach(host: HostOnTunnel): void {
    this.#host = host;
  }

  /** What keeps packets of other sites from the router, as a sentence; undefined when nothing. */
  get warning(): string | undefined {
    if (setting("all") !== "1") return undefined;
    return (
      "net.ipv4.conf.all.rp_filter is 1: the kernel drops packets of other sites on " +
      `${this.tun.name}. Set it to 0 or 2, and that of single interfaces to 1 where it is wanted.`
    );
  }

  allow(want: Want): void {
    if (familyOf(want.group) === 4) this.#attached.onWant(want);
  }

  forbid(group: Address): void {
    if (familyOf(group) === 4) this.#attached.onUnwanted(group);
  }

  /**
   * Sources of these prefixes send from beyond the tunnel. Those known stay. Other sites say what
   * they like, so a prefix that is ours, or that no interface can have, is counted and left out.
   */
  reach(prefixes: Iterable<Prefix>): void {
    const counted = { prefixesOwn: 0, prefixesRefused: 0 };
    for (const prefix of prefixes) {
      if (familyOf(prefix.address) !== 4 || this.#addresses.has(prefixText(prefix))) continue;
      if (this.#isOwn(prefix)) counted.prefixesOwn++;
      else if (!this.#addPrefix(prefix)) counted.prefixesRefused++;
    }
    Object.assign(this.#counters, counted);
  }

  emit(_lans: number, bytes: Uint8Array, from: number, length: number): void {
    const isIpv4 = (bytes[from] as number) >>> 4 === 4;
    if (!isIpv4) this.#counters["emitted-otherFamily"]++;
    else if (this.#write(bytes, from, length)) {
      this.#counters["emitted-packets"]++;
      this.#counters["emitted-bytes"] += length;
    } else this.#counters["emitted-refused"]++;
  }

  /** Nothing waits: the tunnel takes a packet at once or refuses it. */
  flush(): void {
    this.#bytes = undefined;
  }

  counters(): Record<string, number> {
    return {
      ...this.#counters,
      prefixes: this.#addresses.size,
      tunDropped: this.#statistic("tx_dropped"),
      // What the kernel itself refused of what we wrote, as for a source that it takes for a lie.
      tunReceiveDropped: this.#statistic("rx_dropped"),
    };
  }

  close(): void {
    for (const address of this.#addresses.values()) deleteAddress(address);
    this.tun.close();
  }

  /** What waits in the TUN: IGMP goes to the host, the rest to the Gateway. */
  #read(): PacketBatch {
    const { bytes, length, packets } = this.tun.read();
    let kept = 0;
    for (let at = 0; at < length;) {
      const from = at + frameHeaderBytes;
      const end = from + framePayloadBytes(bytes, at);
      if (isIgmp(bytes, from, end)) {
        this.#counters.igmpPackets++;
        this.#attached.onIgmp(bytes, from, end);
      } else {
        if (kept < at) bytes.copyWithin(kept, at, end);
        kept += end - at;
        this.#counters.capturedPackets++;
        this.#counters.capturedBytes += end - from;
      }
      at = end;
    }
    return { bytes, length: kept, packets };
  }

  get #attached(): HostOnTunnel {
    assert(this.#host !== undefined, "the tunnel has its host before its first packet");
    return this.#host;
  }

  #report(bytes: Uint8Array, length: number): void {
    if (this.#write(bytes, 0, length)) this.#counters.reportsSent++;
    else this.#counters.reportsRefused++;
    this.#bytes = undefined;
  }

  #write(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#base = ptr(bytes) as number;
    }
    return Number(libc().write(this.tun.descriptor, this.#base + from, length)) === length;
  }

  #addPrefix(prefix: Prefix): boolean {
    const { address, bits } = prefix;
    if (bits === 0 || ipv4SourceIsMartian(ipv4Of(address))) return false;
    if (this.#addresses.size >= limits.tunnelPrefixesMax) return false;
    // A network address is nobody's, but for single hosts and pairs: those are made peers.
    const local = bits < 31 ? address : this.#local;
    const added = { index: this.tun.index, local, peer: address, bits, route: false };
    try {
      addAddress(added);
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
    this.#addresses.set(prefixText(prefix), added);
    return true;
  }

  /** A prefix inside one of ours is no other site's, whatever it says. */
  #isOwn({ address, bits }: Prefix): boolean {
    return this.#owned.some((own) => own.bits <= bits && prefixContains(own, address));
  }

  #statistic(name: string): number {
    const path = `/sys/class/net/${this.tun.name}/statistics/${name}`;
    return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
  }
}

/** The other host of the same /30. */
const otherHost = (address: Address): Address => ipv4Address((ipv4Of(address) ^ 3) >>> 0);

const isIgmp = (bytes: Uint8Array, from: number, end: number): boolean =>
  end - from >= ipv4HeaderBytesMin &&
  (bytes[from] as number) >>> 4 === 4 &&
  ipv4Protocol(bytes, from) === protocolIgmp;

const settingPath = (name: string): string => `/proc/sys/net/ipv4/conf/${name}/rp_filter`;

const setting = (name: string): string =>
  existsSync(settingPath(name)) ? readFileSync(settingPath(name), "utf8").trim() : "";

/** No route leads to the sources behind the tunnel, so none may be asked for. */
function withoutRpFilter(tun: string): void {
  if (existsSync(settingPath(tun))) writeFileSync(settingPath(tun), "0");
}
