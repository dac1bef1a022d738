import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteRing } from "../../src/base/byte-ring.ts";

const head = (ring: ByteRing): number[] => {
  const from = ring.headOffset;
  return [...ring.memory.subarray(from, from + ring.headBytes)];
};

describe("ByteRing", () => {
  test("takes a whole run or nothing of it", () => {
    const ring = new ByteRing(4);
    const bytes = Uint8Array.of(9, 1, 2, 3, 9);
    expect(ring.push(bytes, 1, 4)).toBe(true);
    expect(ring.push(bytes, 0, 2)).toBe(false);
    expect([ring.size, ring.free]).toEqual([3, 1]);
    expect(head(ring)).toEqual([1, 2, 3]);
  });

  test("a run that wraps is read in two parts", () => {
    const ring = new ByteRing(4);
    ring.push(Uint8Array.of(1, 2, 3), 0, 3);
    ring.consume(2);
    expect(ring.push(Uint8Array.of(4, 5, 6), 0, 3)).toBe(true);
    expect(head(ring)).toEqual([3, 4]);
    ring.consume(2);
    expect(head(ring)).toEqual([5, 6]);
    ring.clear();
    expect([ring.size, ring.headBytes]).toEqual([0, 0]);
  });

  test("peekU32 reads across the break", () => {
    const ring = new ByteRing(6);
    ring.push(Uint8Array.of(0, 0, 0, 0), 0, 4);
    ring.consume(3);
    ring.push(Uint8Array.of(0xff, 2, 3, 4, 5), 0, 5);
    expect(ring.peekU32(1)).toBe(0xff020304);
    expect(() => ring.peekU32(3)).toThrow("behind the ring's end");
  });

  test("asserts what would corrupt it", () => {
    const ring = new ByteRing(4);
    const bytes = new Uint8Array(4);
    expect(() => ring.consume(1)).toThrow("more than the ring holds");
    expect(() => ring.consume(-1)).toThrow();
    expect(() => ring.push(bytes, 2, 1)).toThrow("not there");
    expect(() => ring.push(bytes, 3, 5)).toThrow("not there");
    expect(() => ring.push(bytes, -1, 2)).toThrow("not there");
    expect(() => new ByteRing(0)).toThrow("capacity");
  });

  test("any pushes and reads are those of a bounded array", () => {
    const step = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.nat({ max: 9 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.array(step), (capacity, steps) => {
        const ring = new ByteRing(capacity);
        let model: number[] = [];
        for (const some of steps) {
          if (typeof some === "number") {
            const count = Math.min(some, ring.headBytes);
            expect(head(ring).slice(0, count)).toEqual(model.slice(0, count));
            ring.consume(count);
            model = model.slice(count);
          } else {
            const fits = model.length + some.length <= capacity;
            expect(ring.push(some, 0, some.length)).toBe(fits);
            if (fits) model.push(...some);
          }
          expect([ring.size, ring.free]).toEqual([model.length, capacity - model.length]);
        }
      }),
    );
  });
});
