import { type Address, familyOf, ipv4Of } from "../base/address.ts";
import { ipv4GroupScope } from "../wire/ipv4.ts";

/**
 * Whether a group's packets may leave or enter a site at all: link-local and control groups never,
 * site-local ones (239.255.0.0/16) not in this version (RFC 5771 §4, RFC 2365 §6).
 */
export function mayCross(group: number): boolean {
  const scope = ipv4GroupScope(group);
  return scope === "global" || scope === "organisation-local";
}

/** The same for an address; IPv6 does not cross in this version. */
export const mayCrossAddress = (group: Address): boolean =>
  familyOf(group) === 4 && mayCross(ipv4Of(group));
