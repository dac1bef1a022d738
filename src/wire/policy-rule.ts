/**
 * A rule of a site's policy as people write it: `GROUPS`, or `GROUPS from SOURCES`, both prefixes
 * of IPv4. The verdict stands beside it.
 */
import { familyOf, isMulticast, parsePrefix, type Prefix } from "../base/address.ts";

export type Verdict = "allow" | "deny";

export type PolicyRule = {
  readonly verdict: Verdict;
  readonly groups: Prefix;
  /** Every source when left out. */
  readonly sources?: Prefix | undefined;
};

export const ruleForm =
  "must be groups, such as 239.192.7.0/24, or groups from sources, such as " +
  "233.252.0.0/24 from 10.1.0.0/24";

/** The rule, or what is wrong with its text in words for people. */
export function parseRule(verdict: Verdict, text: string): PolicyRule | string {
  const [head = "", word, tail = "", extra] = text.trim().split(/\s+/);
  const groups = parsePrefix(head);
  const sources = word === "from" ? parsePrefix(tail) : undefined;
  if (!groups || extra !== undefined || (word !== undefined && !sources)) {
    return `${ruleForm}; prefixes have no host bits set`;
  }
  if (familyOf(groups.address) === 6 || (sources && familyOf(sources.address) === 6)) {
    return "must be about IPv4: of IPv6 groups the default alone decides";
  }
  if (!isMulticast(groups.address) || groups.bits < 4) {
    return "must begin with multicast groups: a prefix within 224.0.0.0/4";
  }
  if (sources && sources.bits >= 4 && isMulticast(sources.address)) {
    return "must name hosts behind from, not groups";
  }
  if (verdict === "allow" && isLinkLocal(groups)) {
    return "cannot be allowed: groups of 224.0.0.0/24 never leave their LAN";
  }
  return { verdict, groups, sources };
}

/** Nothing but 224.0.0.0/24 (RFC 5771 §4). */
const isLinkLocal = ({ address, bits }: Prefix): boolean =>
  bits >= 24 && address.startsWith("224.0.0.");
