import { expect, test } from "bun:test";
import { hash32, Prng } from "../../src/base/prng.ts";

/** xoshiro128** 1.1 as published (Blackman, Vigna), its state made by SplitMix32 from a seed. */
function* reference(seed: number): Generator<number> {
  const mask = 0xffff_ffffn;
  const mixed = (step: number): bigint => {
    let z = (BigInt(seed >>> 0) + 0x9e37_79b9n * BigInt(step)) & mask;
    z = ((z ^ (z >> 16n)) * 0x85eb_ca6bn) & mask;
    z = ((z ^ (z >> 13n)) * 0xc2b2_ae35n) & mask;
    return z ^ (z >> 16n);
  };
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask;
  let [s0, s1, s2, s3] = [mixed(1), mixed(2), mixed(3), mixed(4) | 1n];
  for (;;) {
    yield Number((rotl((s1 * 5n) & mask, 7n) * 9n) & mask);
    const t = (s1 << 9n) & mask;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotl(s3, 11n);
  }
}

test("the numbers are those of the published generator", () => {
  for (const seed of [0, 1, 42, 0x8000_0000, 0xffff_ffff, -1, 2 ** 32 + 1]) {
    const prng = new Prng(seed);
    const published = reference(seed);
    for (let i = 0; i < 1000; i++) expect(prng.u32()).toBe(published.next().value);
  }
});

test("the same seed gives the same numbers, another seed others", () => {
  const first = (seed: number): number[] => {
    const prng = new Prng(seed);
    return [prng.u32(), prng.below(1000), prng.fraction()];
  };
  expect(first(7)).toEqual(first(7));
  expect(first(7)).not.toEqual(first(8));
});

test("ranges are kept, and every value of a small one comes about as often", () => {
  const prng = new Prng(1);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 10_000; i++) {
    const value = prng.below(5);
    counts[value] = (counts[value] ?? 0) + 1;
    const fraction = prng.fraction();
    expect(fraction >= 0 && fraction < 1).toBe(true);
    const near = prng.around(100, 0.25);
    expect(near >= 75 && near < 125).toBe(true);
  }
  expect(counts.length).toBe(5);
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  expect(prng.below(1)).toBe(0);
  expect(prng.pick(["only"])).toBe("only");
});

test("hash32 is FNV-1a of the UTF-8 bytes", () => {
  // Vectors of the FNV authors (fnv-1a, 32 bits).
  expect(hash32("")).toBe(0x811c9dc5);
  expect(hash32("a")).toBe(0xe40c292c);
  expect(hash32("foobar")).toBe(0xbf9cf968);
  expect(hash32("ü")).not.toBe(hash32("u"));
});
