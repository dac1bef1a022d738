import { describe, expect, test } from "bun:test";
import { ipv4Of } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { RateLimit, type Rates } from "../../src/site/rate-limit.ts";
import { group, group2 } from "./site.ts";

const [one, two] = [ipv4Of(group), ipv4Of(group2)];

/** Packets of `bytes` that pass when `perMs` come each millisecond. */
function passed(rates: Rates, bytes: number, perMs: number, forMs: number): number {
  const limit = new RateLimit(rates);
  let count = 0;
  for (let ms = 0; ms < forMs; ms++) {
    for (let i = 0; i < perMs; i++) if (limit.takes(one, bytes, ms)) count++;
  }
  return count;
}

describe("in the long run the rate holds", () => {
  test.each([
    [{ packetsPerSecond: 100 }, 1_000, 100],
    [{ bitsPerSecond: 8_000_000 }, 1_000, 1_000],
    [{ groupBitsPerSecond: 800_000 }, 1_000, 100],
    [{ packetsPerSecond: 50, bitsPerSecond: 8_000_000 }, 1_000, 50],
    [{ packetsPerSecond: 5_000, bitsPerSecond: 800_000 }, 1_000, 100],
    [{ bitsPerSecond: 8_000 }, 65_000, 1 / 65],
    [{ packetsPerSecond: 1 }, 20, 1],
  ] as const)("%j with packets of %d bytes", (rates, bytes, perSecond) => {
    const seconds = 100;
    const burst = (perSecond * limits.rateBurstMs) / 1_000 + 1;
    const count = passed(rates, bytes, 3, seconds * 1_000);
    expect(count).toBeGreaterThanOrEqual(Math.floor(perSecond * seconds));
    expect(count).toBeLessThanOrEqual(Math.ceil(perSecond * seconds + burst));
  });
});

test("a burst passes at once, and after a pause again", () => {
  const limit = new RateLimit({ packetsPerSecond: 100 });
  const burst = (atMs: number): number =>
    Array.from({ length: 50 }, () => limit.takes(one, 100, atMs)).filter(Boolean).length;
  expect(burst(0)).toBe(20);
  expect(burst(0)).toBe(0);
  expect(burst(100_000)).toBe(20);
});

test("groups do not take from one another, and a refused packet draws nothing", () => {
  const limit = new RateLimit({ groupBitsPerSecond: 8_000, packetsPerSecond: 1_000 });
  expect(limit.takes(one, 1_000, 0)).toBe(true);
  for (let i = 0; i < 10_000; i++) expect(limit.takes(one, 1_000, 0)).toBe(false);
  expect(limit.takes(two, 1_000, 0)).toBe(true);
});

test("groups of IPv6 with the same ID are told apart by what stands before it", () => {
  const limit = new RateLimit({ groupBitsPerSecond: 8_000 });
  expect(limit.takes(1, 1_000, 0, 0xff1e_0000)).toBe(true);
  expect(limit.takes(1, 1_000, 0, 0xff1e_0000)).toBe(false);
  expect(limit.takes(1, 1_000, 0, 0xff18_0000)).toBe(true);
});

test("more groups than buckets begin anew", () => {
  const limit = new RateLimit({ groupBitsPerSecond: 8 });
  for (let i = 0; i < 3 * limits.groupsPerSiteMax; i++) {
    expect(limit.takes(one + i, 100, 0)).toBe(true);
    expect(limit.takes(one + i, 100, 0)).toBe(false);
  }
});

test("nothing is limited that is not named", () => {
  expect(passed({}, 65_000, 100, 100)).toBe(10_000);
});
