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
    const channel = { source: ipv6Source(bytes, packet), group: ipv6Destination(bytes, packet) };
    const decision = this.#decide(channel);
    if (!this.#ipv6.set(bytes, packet, decision)) {
      this.#ipv6.clear();
      this.#ipv6.set(bytes, packet, decision);
    }
    return decision;
  }
}

/** The first four bits of a packet that has any bytes. */
export const ipVersion = (bytes: Uint8Array, packet: number): number =>
  (bytes[packet] as number) >>> 4;
