import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, address } from "../../src/base/address.ts";
import { ChannelTable6 } from "../../src/site/channel-table6.ts";
import { foreign6, group6, own6, packet, ssm6 } from "./site.ts";

const few = fc.constantFrom(own6, foreign6, group6, ssm6, address("::"));
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ a: few, b: few, n: fc.nat(99) }) },
  { weight: 6, arbitrary: fc.record({ a: few, b: few }) },
  { weight: 1, arbitrary: fc.record({ clear: fc.constant(true) }) },
);

/** A header of that channel, somewhere in a buffer. */
function header(source: Address, group: Address): Uint8Array {
  const bytes = new Uint8Array(60).fill(0xa5);
  bytes.set(packet(source, address("ff0e::1"), 0), 7);
  bytes.set(packet(group, address("ff0e::1"), 0).subarray(8, 24), 7 + 24);
  return bytes;
}

test("behaves as a bounded map", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const table = new ChannelTable6(16);
      const model = new Map<string, number>();
      for (const one of operations) {
        if (!("a" in one)) {
          table.clear();
          model.clear();
          continue;
        }
        const key = `${one.a} ${one.b}`;
        const bytes = header(one.a, one.b);
        if ("n" in one) {
          const fits = model.has(key) || model.size < 8;
          expect(table.set(bytes, 7, one.n)).toBe(fits);
          if (fits) model.set(key, one.n);
        }
        expect(table.get(bytes, 7)).toBe(model.get(key) ?? -1);
      }
      for (const [key, n] of model) {
        const [a, b] = key.split(" ") as [Address, Address];
        expect(table.get(header(a, b), 7)).toBe(n);
      }
    }),
    { numRuns: 500 },
  );
});

test("takes half as many channels as it has slots, and still ends its search", () => {
  const table = new ChannelTable6(64);
  const at = (i: number) => header(address(`fd00:1::${i}`), group6);
  const taken = Array.from({ length: 40 }, (_, i) => table.set(at(i), 7, i)).filter(Boolean).length;
  expect(taken).toBe(32);
  expect(table.get(at(1_000), 7)).toBe(-1);
  expect(table.set(at(3), 7, 5)).toBe(true);
  expect(table.get(at(3), 7)).toBe(5);
});

test("slots are a power of two", () => {
  expect(() => new ChannelTable6(48)).toThrow("power of two");
});
