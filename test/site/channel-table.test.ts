import { expect, test } from "bun:test";
import fc from "fast-check";
import { ChannelTable } from "../../src/site/channel-table.ts";

const few = fc.constantFrom(0, 1, 0x0a01_000b, 0xefc0_0001, 0xffff_ffff);
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set"), a: few, b: few, n: fc.nat(99) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("get"), a: few, b: few }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear") }) },
);

test("behaves as a bounded map", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const table = new ChannelTable(16);
      const model = new Map<string, number>();
      for (const one of operations) {
        if (!("a" in one)) {
          table.clear();
          model.clear();
          continue;
        }
        const key = `${one.a} ${one.b}`;
        if ("n" in one) {
          const fits = model.has(key) || model.size < 8;
          expect(table.set(one.a, one.b, one.n)).toBe(fits);
          if (fits) model.set(key, one.n);
        }
        expect(table.get(one.a, one.b)).toBe(model.get(key) ?? -1);
      }
      for (const [key, n] of model) {
        const [a, b] = key.split(" ").map(Number) as [number, number];
        expect(table.get(a, b)).toBe(n);
      }
    }),
    { numRuns: 500 },
  );
});

test("takes half as many channels as it has slots, and still ends its search", () => {
  const table = new ChannelTable(64);
  const taken = Array.from({ length: 40 }, (_, i) => table.set(i, 7, i)).filter(Boolean).length;
  expect(taken).toBe(32);
  expect(table.get(1_000, 7)).toBe(-1);
  expect(table.set(3, 7, 5)).toBe(true);
  expect(table.get(3, 7)).toBe(5);
});

test("slots are a power of two", () => {
  expect(() => new ChannelTable(48)).toThrow("power of two");
});
