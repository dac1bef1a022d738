/**
 * What to do with packets of a channel, (source, group), in numbers that whoever decides gives a
 * meaning: a cache for the packet path in front of a slow decision, of both families. Clear it when
 * what was decided may be different now.
 */
import { type Address, ipv4Address } from "../base/address.ts";
import { ipv4Destination, ipv4Source } from "../wire/ipv4.ts";
import { ipv6Destination, ipv6Source } from "../wire/ipv6.ts";
import { ChannelTable } from "./channel-table.ts";
import { ChannelTable6 } from "./channel-table6.ts";

export type PacketChannel = { readonly source: Address; readonly group: Address };

const slots = 32_768;

export class Decisions {
  readonly #decide: (channel: PacketChannel) => number;
  readonly #ipv4 = new ChannelTable(slots);
  readonly #ipv6 = new ChannelTable6(slots);

  constructor(decide: (channel: PacketChannel) => number) {
    this.#decide = decide;
  }

  /** The decision for the packet whose header, IPv4 or IPv6, begins at `packet`. */
  of(bytes: Uint8Array, packet: number): number {
    if (ipVersion(bytes, packet) === 6) return this.#ofIpv6(bytes, packet);
    const source = ipv4Source(bytes, packet);
    const group = ipv4Destination(bytes, packet);
    const known = this.#ipv4.get(source, group);
    if (known >= 0) return known;
    const decision = this.#decide({ source: ipv4Address(source), group: ipv4Address(group) });
    if (!this.#ipv4.set(source, group, decision)) {
      this.#ipv4.clear();
      this.#ipv4.set(source, group, decision);
    }
    return decision;
  }

  clear(): void {
    this.#ipv4.clear();
    this.#ipv6.clear();
  }

  #ofIpv6(bytes: Uint8Array, packet: number): number {
    const known = this.#ipv6.get(bytes, packet);
    if (known >= 0) return known;
    const decision = this.#decide(channelOf(bytes, packet));
    if (!this.#ipv6.set(bytes, packet, decision)) {
      this.#ipv6.clear();
      this.#ipv6.set(bytes, packet, decision);
    }
    return decision;
  }
}

/** Source and group of the packet whose header, IPv4 or IPv6, begins at `packet`. */
export const channelOf = (bytes: Uint8Array, packet: number): PacketChannel =>
  ipVersion(bytes, packet) === 6
    ? { source: ipv6Source(bytes, packet), group: ipv6Destination(bytes, packet) }
    : {
        source: ipv4Address(ipv4Source(bytes, packet)),
        group: ipv4Address(ipv4Destination(bytes, packet)),
      };

/** The longest header that holds a channel: RFC 8200 §3. */
const headerBytesMax = 40;

/** The last packet of some kind, for whoever asks: to remember one makes no garbage. */
export class LastPacket {
  /** The number of the site that brought it, where one did. */
  site = 0;
  readonly #header = new Uint8Array(headerBytesMax);

  take(bytes: Uint8Array, packet: number, site = 0): void {
    for (let i = 0; i < headerBytesMax; i++) this.#header[i] = bytes[packet + i] ?? 0;
    this.site = site;
  }

  get channel(): PacketChannel {
    return channelOf(this.#header, 0);
  }
}

/** The first four bits of a packet that has any bytes. */
export const ipVersion = (bytes: Uint8Array, packet: number): number =>
  (bytes[packet] as number) >>> 4;
