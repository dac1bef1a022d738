/**
 * What may cross between this site and the others, as the operator rules it: an ordered list for
 * each direction, of which the first rule that matches decides, and a default. `in` is from other
 * sites onto our LANs, `out` from our LANs to other sites. Scopes that never cross are refused
 * before any rule, so no rule can open them (RFC 5771 §4, RFC 2365 §6). Rules are about IPv4: of
 * IPv6 the default alone decides.
 *
 * Each site judges by its own rules, on the addresses of the packet itself. The answers are cached
 * by channel on the packet path, so a long list costs nothing there.
 */
import { type Address, familyOf, ipv4Mask, ipv4Of } from "../base/address.ts";
import type { PolicyRule, Verdict } from "../wire/policy-rule.ts";
import type { Want } from "../wire/want.ts";
import { mayCross } from "./scope.ts";

export type Direction = "in" | "out";

export type PolicyRules = {
  readonly in: readonly PolicyRule[];
  readonly out: readonly PolicyRule[];
  /** For what no rule matches. */
  readonly default: Verdict;
};

export const openRules: PolicyRules = { in: [], out: [], default: "allow" };

/** A rule as numbers; a mask of 0 matches every source. */
type Rule = {
  readonly isAllowed: boolean;
  readonly group: number;
  readonly groupMask: number;
  readonly source: number;
  readonly sourceMask: number;
};

export class Policy {
  readonly rules: PolicyRules;
  readonly #rules: Readonly<Record<Direction, readonly Rule[]>>;
  readonly #isAllowed: boolean;

  constructor(rules: PolicyRules) {
    this.rules = rules;
    this.#rules = { in: rules.in.map(asNumbers), out: rules.out.map(asNumbers) };
    this.#isAllowed = rules.default === "allow";
  }

  /** Whether packets of the channel may cross. */
  admits(direction: Direction, source: Address, group: Address): boolean {
    if (!mayCross(group)) return false;
    if (familyOf(source) !== familyOf(group)) return false;
    if (familyOf(group) === 6) return this.#isAllowed;
    const [from, to] = [ipv4Of(source), ipv4Of(group)];
    for (const rule of this.#rules[direction]) {
      if (isOfGroup(rule, to) && (from & rule.sourceMask) >>> 0 === rule.source) {
        return rule.isAllowed;
      }
    }
    return this.#isAllowed;
  }

  /**
   * Whether any source of the group may cross. It may say yes where several denials together leave
   * no source; then each packet is refused by itself.
   */
  admitsSome(direction: Direction, group: Address): boolean {
    if (!mayCross(group)) return false;
    if (familyOf(group) === 6) return this.#isAllowed;
    const to = ipv4Of(group);
    const denied: Rule[] = [];
    for (const rule of this.#rules[direction]) {
      if (!isOfGroup(rule, to)) continue;
      if (!rule.isAllowed && rule.sourceMask === 0) return false;
      if (!rule.isAllowed) denied.push(rule);
      else if (!denied.some((before) => coversSources(before, rule))) return true;
    }
    return this.#isAllowed;
  }

  /** What of a want may cross: of named sources those admitted; undefined when nothing is. */
  narrowed(direction: Direction, want: Want): Want | undefined {
    if (!mayCross(want.group)) return undefined;
    if (this.#isAllowed && this.#rules[direction].length === 0) return want;
    const { group } = want;
    if (want.mode === "exclude") return this.admitsSome(direction, group) ? want : undefined;
    const sources = want.sources.filter((source) => this.admits(direction, source, group));
    if (sources.length === 0) return undefined;
    return sources.length === want.sources.length ? want : { ...want, sources };
  }
}

const asNumbers = ({ verdict, groups, sources }: PolicyRule): Rule => ({
  isAllowed: verdict === "allow",
  group: ipv4Of(groups.address),
  groupMask: ipv4Mask(groups.bits),
  source: sources ? ipv4Of(sources.address) : 0,
  sourceMask: ipv4Mask(sources?.bits ?? 0),
});

const isOfGroup = (rule: Rule, group: number): boolean =>
  (group & rule.groupMask) >>> 0 === rule.group;

/** Whether all sources of `inner` are sources of `outer`; a longer mask is the larger number. */
const coversSources = (outer: Rule, inner: Rule): boolean =>
  outer.sourceMask <= inner.sourceMask && (inner.source & outer.sourceMask) >>> 0 === outer.source;
