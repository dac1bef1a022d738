import { expect, test } from "bun:test";
import fc from "fast-check";
import { address } from "../../src/base/address.ts";
import type { Want } from "../../src/wire/want.ts";
import { sameWant, unionOfWants, wantsSource } from "../../src/wire/want.ts";

const group = address("233.252.0.1");
const all = [1, 2, 3, 4].map((i) => address(`192.0.2.${i}`));
const [a, b, c] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];

const include = (...sources: Want["sources"]): Want => ({ group, mode: "include", sources });
const exclude = (...sources: Want["sources"]): Want => ({ group, mode: "exclude", sources });

test("include wants the named sources, exclude all others", () => {
  expect(all.filter((source) => wantsSource(include(a, b), source))).toEqual([a, b]);
  expect(all.filter((source) => wantsSource(exclude(a, b), source))).toEqual(all.slice(2));
});

// The examples of RFC 9776 §3.2, with b, c for its c, d and so on.
test.each([
  [exclude(a, b), exclude(b, c), exclude(b)],
  [exclude(a, b, c), include(b), exclude(a, c)],
  [include(b), exclude(a, b, c), exclude(a, c)],
  [include(c), include(a, b), include(a, b, c)],
  [exclude(), include(a), exclude()],
  [exclude(a), exclude(), exclude()],
] as const)("the merging rule of RFC 9776 §3.2: %#", (one, other, both) => {
  expect(unionOfWants(one, other)).toEqual(both);
});

const want = fc
  .record({ mode: fc.constantFrom("include", "exclude"), sources: fc.subarray(all) })
  .map((some): Want => ({ group, ...some }));

test("both together want what one or the other wants, in any order", () => {
  fc.assert(
    fc.property(want, want, (one, other) => {
      const both = unionOfWants(one, other);
      for (const source of [...all, address("198.51.100.9")]) {
        const wanted = wantsSource(one, source) || wantsSource(other, source);
        expect(wantsSource(both, source)).toBe(wanted);
      }
      expect(sameWant(both, unionOfWants(other, one))).toBe(true);
      expect(sameWant(unionOfWants(both, one), both)).toBe(true);
    }),
  );
});

test("sameWant compares group, mode and sources", () => {
  expect(sameWant(include(a, b), include(a, b))).toBe(true);
  expect(sameWant(include(a), exclude(a))).toBe(false);
  expect(sameWant(include(a), include(a, b))).toBe(false);
  expect(sameWant(include(a), include(b))).toBe(false);
  expect(sameWant(include(a), { ...include(a), group: address("233.252.0.2") })).toBe(false);
});
