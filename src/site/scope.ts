import { type Address, addressBytes, familyOf, ipv4Of } from "../base/address.ts";
import { readU32 } from "../base/bytes.ts";
import { ipv4GroupScope } from "../wire/ipv4.ts";
import { ipv6GroupScope } from "../wire/ipv6.ts";

/**
 * Whether a group's packets may leave or enter a site at all: link-local and control groups never,
 * site-local ones (239.255.0.0/16, ffx5::/16) not in this version, nor what is narrower, reserved
 * or of no known scope (RFC 5771 §4, RFC 2365 §6, RFC 4291 §2.7, RFC 7346 §2).
 */
export function mayCross(group: Address): boolean {
  const scope =
    familyOf(group) === 4
      ? ipv4GroupScope(ipv4Of(group))
      : ipv6GroupScope(readU32(addressBytes(group), 0));
  return scope === "global" || scope === "organisation-local";
}
