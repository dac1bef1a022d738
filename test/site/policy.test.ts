import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, address, ipv4Address, ipv4Mask, ipv4Of } from "../../src/base/address.ts";
import { Policy } from "../../src/site/policy.ts";
import { mayCross } from "../../src/site/scope.ts";
import type { PolicyRule } from "../../src/wire/policy-rule.ts";
import {
  exclude,
  foreign,
  group,
  group6,
  include,
  openPolicy,
  own,
  own2,
  own6,
  rules,
  ssm,
  ssm6,
} from "./site.ts";

const admits = (policy: Policy, source: string, of: string): boolean =>
  policy.admits("out", address(source), address(of));

describe("rules", () => {
  test("the first that matches decides, then the default", () => {
    const texts = ["allow 233.252.0.0/24 from 10.1.0.0/24", "deny 233.252.0.0/16"];
    const policy = new Policy(rules("out", texts));
    expect(admits(policy, "10.1.0.9", "233.252.0.1")).toBe(true);
    expect(admits(policy, "10.1.1.9", "233.252.0.1")).toBe(false);
    expect(admits(policy, "10.1.0.9", "233.252.1.1")).toBe(false);
    expect(admits(policy, "10.1.1.9", "233.251.0.1")).toBe(true);
    const closed = new Policy(rules("out", texts, "deny"));
    expect(admits(closed, "10.1.0.9", "233.252.0.1")).toBe(true);
    expect(admits(closed, "10.1.1.9", "233.251.0.1")).toBe(false);
  });

  test("each direction has its own", () => {
    const policy = new Policy(rules("in", ["deny 224.0.0.0/4"]));
    expect(policy.admits("in", foreign, group)).toBe(false);
    expect(policy.admits("out", own, group)).toBe(true);
  });

  test.each(["224.0.0.1", "224.0.0.251", "224.0.1.1", "239.255.0.1", "10.1.0.1"])(
    "no rule opens %s, whose scope never crosses",
    (of) => {
      const policy = new Policy(rules("out", ["allow 224.0.0.0/4"]));
      expect(admits(policy, own, of)).toBe(false);
      expect(policy.admitsSome("out", address(of))).toBe(false);
      expect(policy.narrowed("out", exclude(address(of)))).toBeUndefined();
    },
  );
});

describe("wants", () => {
  test("of named sources those admitted stay", () => {
    const policy = new Policy(rules("in", [`deny ${ssm} from ${own}`]));
    expect(policy.narrowed("in", include(ssm, own, own2))).toEqual(include(ssm, own2));
    expect(policy.narrowed("in", include(ssm, own))).toBeUndefined();
    expect(policy.narrowed("in", include(ssm, own2))).toEqual(include(ssm, own2));
    expect(policy.narrowed("out", include(ssm, own))).toEqual(include(ssm, own));
  });

  test("of any source stay as long as one source may cross", () => {
    const narrowed = (texts: string[], standard: "allow" | "deny") =>
      new Policy(rules("in", texts, standard)).narrowed("in", exclude(group)) !== undefined;
    expect(narrowed([`deny ${group} from 10.0.0.0/8`], "allow")).toBe(true);
    expect(narrowed([`deny ${group} from 10.0.0.0/8`], "deny")).toBe(false);
    expect(narrowed([`allow ${group} from ${own}`, `deny ${group}`], "allow")).toBe(true);
    expect(narrowed([`deny ${group} from 0.0.0.0/0`], "allow")).toBe(false);
    const shadowed = [`deny ${group} from 10.0.0.0/8`, `allow ${group} from ${own}`];
    expect(narrowed([...shadowed, `deny ${group}`], "allow")).toBe(false);
  });

  test("of IPv6 follow the default alone", () => {
    for (const standard of ["allow", "deny"] as const) {
      const isAllowed = standard === "allow";
      const policy = new Policy(rules("in", ["deny 224.0.0.0/4"], standard));
      expect(policy.admits("in", own6, group6)).toBe(isAllowed);
      expect(policy.admitsSome("in", group6)).toBe(isAllowed);
      for (const want of [exclude(group6), include(ssm6, own6)]) {
        expect(policy.narrowed("in", want)).toEqual(isAllowed ? want : undefined);
      }
    }
    expect(openPolicy.narrowed("in", exclude(address("ff12::1")))).toBeUndefined();
    expect(openPolicy.admits("in", own6, group)).toBe(false);
  });
});

// Few bits differ, so that rules overlap: groups 239.192.0.0/29, sources 10.0.0.0/29.
const inRange = (base: string) => (low: number) => (ipv4Of(address(base)) | low) >>> 0;
const groupAt = inRange("239.192.0.0");
const sourceAt = inRange("10.0.0.0");
const prefixIn = (at: (low: number) => number) =>
  fc
    .record({ low: fc.integer({ min: 0, max: 7 }), bits: fc.integer({ min: 28, max: 32 }) })
    .map(({ low, bits }) => ({ address: ipv4Address(at(low) & ipv4Mask(bits)), bits }));
const anyRule: fc.Arbitrary<PolicyRule> = fc.record({
  verdict: fc.constantFrom("allow", "deny"),
  groups: prefixIn(groupAt),
  sources: fc.option(prefixIn(sourceAt), { nil: undefined }),
});
const anyRules = fc.record({
  in: fc.array(anyRule, { maxLength: 12 }),
  out: fc.array(anyRule, { maxLength: 12 }),
  default: fc.constantFrom("allow" as const, "deny" as const),
});

/** The bits of an address as text: what a prefix matches is what its text begins. */
const bitsOf = (of: Address): string => ipv4Of(of).toString(2).padStart(32, "0");
const begins = ({ address: base, bits }: PolicyRule["groups"], of: Address): boolean =>
  bitsOf(of).startsWith(bitsOf(base).slice(0, bits));

test("random rules decide as a plain reading of the list does", () => {
  fc.assert(
    fc.property(anyRules, (all) => {
      const policy = new Policy(all);
      for (const direction of ["in", "out"] as const) {
        for (let low = 0; low < 8; low++) {
          const verdicts = Array.from({ length: 8 }, (_, source) => {
            const [of, from] = [ipv4Address(groupAt(low)), ipv4Address(sourceAt(source))];
            const first = all[direction].find(
              (one) => begins(one.groups, of) && (!one.sources || begins(one.sources, from)),
            );
            const isAllowed = mayCross(of) && (first?.verdict ?? all.default) === "allow";
            expect(policy.admits(direction, from, of)).toBe(isAllowed);
            return isAllowed;
          });
          // A group that nobody may send to is never missed the other way.
          if (verdicts.includes(true)) {
            expect(policy.admitsSome(direction, ipv4Address(groupAt(low)))).toBe(true);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
