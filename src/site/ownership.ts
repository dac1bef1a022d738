import {
  type Address,
  addressBytes,
  familyOf,
  ipv4Of,
  type Prefix,
  prefixContains,
} from "../base/address.ts";
import { ipv4SourceIsMartian } from "../wire/ipv4.ts";
import { ipv6AddressIsMartian } from "../wire/ipv6.ts";

/**
 * Which sources belong to this site: the rule that keeps a re-emitted packet, and the packets of a
 * site that shares the LAN by mistake, out of the overlay. TTL is never the loop guard.
 */
export class Ownership {
  readonly prefixes: readonly Prefix[];

  constructor(prefixes: readonly Prefix[]) {
    this.prefixes = prefixes;
  }

  owns(source: Address): boolean {
    return !isMartian(source) && this.prefixes.some((prefix) => prefixContains(prefix, source));
  }
}

/** Whether no packet with this source may leave a LAN. */
export const isMartian = (source: Address): boolean =>
  familyOf(source) === 4
    ? ipv4SourceIsMartian(ipv4Of(source))
    : ipv6AddressIsMartian(addressBytes(source), 0);
