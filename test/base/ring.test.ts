import { expect, test } from "bun:test";
import fc from "fast-check";
import { Ring } from "../../src/base/ring.ts";

test("full is an answer, empty is undefined", () => {
  const ring = new Ring<number>(2);
  expect(ring.take()).toBeUndefined();
  expect([ring.push(1), ring.push(2), ring.push(3)]).toEqual([true, true, false]);
  expect([ring.take(), ring.take(), ring.take()]).toEqual([1, 2, undefined]);
  for (const capacity of [0, -1, 1.5, Number.NaN]) {
    expect(() => new Ring(capacity)).toThrow("capacity");
  }
});

test("any pushes and takes are those of a bounded array", () => {
  const steps = fc.array(fc.option(fc.nat(), { freq: 2 }), { maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), steps, (capacity, values) => {
      const ring = new Ring<number>(capacity);
      const model: number[] = [];
      for (const value of values) {
        if (value === null) {
          expect(ring.take()).toBe(model.shift());
        } else {
          expect(ring.push(value)).toBe(model.length < capacity);
          if (model.length < capacity) model.push(value);
        }
        expect(ring.size).toBe(model.length);
      }
    }),
  );
});
