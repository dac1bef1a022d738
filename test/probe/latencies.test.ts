import { expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { Latencies } from "../../src/probe/latencies.ts";

test("quantiles are within 1.6 % of the exact ones, over seven orders of magnitude", () => {
  const prng = new Prng(3);
  const latencies = new Latencies();
  const values = Array.from({ length: 5_000 }, () => Math.floor(10 ** (prng.fraction() * 7)));
  for (const value of values) latencies.add(value);
  values.sort((a, b) => a - b);
  for (const share of [0.001, 0.5, 0.9, 0.99, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1] as number;
    expect(Math.abs(latencies.quantileMicros(share) - exact)).toBeLessThanOrEqual(exact * 0.016);
  }
  expect(latencies.maxMicros).toBe(values.at(-1) as number);
});

test("values below 128 µs are exact", () => {
  for (let micros = 0; micros < 128; micros++) {
    const latencies = new Latencies();
    latencies.add(micros);
    expect(latencies.quantileMicros(0.5)).toBe(micros);
  }
});

test("negative and enormous values stay in the table", () => {
  const latencies = new Latencies();
  latencies.add(-5_000);
  latencies.add(2 ** 50);
  expect([latencies.minMicros, latencies.maxMicros]).toEqual([-5_000, 2 ** 50]);
  expect(latencies.quantileMicros(0.5)).toBe(0);
  expect(latencies.quantileMicros(1)).toBeGreaterThan(4_200_000_000);
});

test("nothing at all is 0", () => {
  const latencies = new Latencies();
  expect([latencies.minMicros, latencies.maxMicros, latencies.quantileMicros(0.5)]).toEqual([
    0, 0, 0,
  ]);
});
