import {
  type Address,
  familyOf,
  ipv4Address,
  ipv4Mask,
  ipv4Of,
  type Prefix,
  prefixContains,
} from "../base/address.ts";
import { ipv4SourceIsMartian } from "../wire/ipv4.ts";

/**
 * Which sources belong to this site: the rule that keeps a re-emitted packet, and the packets of a
 * site that shares the LAN by mistake, out of the overlay. TTL is never the loop guard.
 */
export class Ownership {
  readonly prefixes: readonly Prefix[];
  readonly #networks: readonly { readonly network: number; readonly mask: number }[];

  constructor(prefixes: readonly Prefix[]) {
    this.prefixes = prefixes;
    this.#networks = prefixes
      .filter(({ address }) => familyOf(address) === 4)
      .map(({ address, bits }) => ({ network: ipv4Of(address), mask: ipv4Mask(bits) }));
  }

  owns(source: number): boolean {
    if (ipv4SourceIsMartian(source)) return false;
    return this.#networks.some(({ network, mask }) => (source & mask) >>> 0 === network);
  }

  ownsAddress(source: Address): boolean {
    return familyOf(source) === 4
      ? this.owns(ipv4Of(source))
      : this.prefixes.some((prefix) => prefixContains(prefix, source));
  }
}

/** A packet's source and group as addresses, for the control path. */
export const channelOf = (source: number, group: number): { source: Address; group: Address } => ({
  source: ipv4Address(source),
  group: ipv4Address(group),
});
