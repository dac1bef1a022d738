import { describe, expect, test } from "bun:test";
import { Delays, pairMs } from "../../src/almrp/rtt.ts";
import { AssertionError } from "../../src/base/assert.ts";

const control = (rows: Record<string, Record<string, number>>) => ({
  rttMs: new Map(Object.entries(rows).map(([id, row]) => [id, new Map(Object.entries(row))])),
});

const known = control({ a: { b: 10, c: 30 }, b: { a: 14 } });

describe("the delay of a pair", () => {
  test("is the mean of both directions", () => {
    expect(pairMs(known, "a", "b")).toBe(12);
    expect(pairMs(known, "b", "a")).toBe(12);
  });

  test("is the direction that is known", () => {
    expect(pairMs(known, "a", "c")).toBe(30);
    expect(pairMs(known, "c", "a")).toBe(30);
  });

  test("is unknown without either, 0 when measured as 0", () => {
    expect(pairMs(known, "b", "c")).toBeUndefined();
    expect(pairMs(control({ a: { b: 0 } }), "a", "b")).toBe(0);
  });

  test("must be a duration", () => {
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => pairMs(control({ a: { b: ms } }), "a", "b")).toThrow(AssertionError);
    }
  });
});

describe("delays by index", () => {
  const delays = new Delays(["a", "b", "c"], known);

  test("an unknown pair costs twice the largest known one and orders last", () => {
    expect(delays.isKnown(1, 2)).toBe(false);
    expect(delays.assumedMs).toBe(60);
    expect(delays.costMs(2, 1)).toBe(60);
    expect(delays.orderMs(2, 1)).toBe(Number.POSITIVE_INFINITY);
  });

  test("known pairs are symmetric, a site is at 0 from itself", () => {
    expect([delays.costMs(0, 1), delays.costMs(1, 0), delays.costMs(1, 1)]).toEqual([12, 12, 0]);
  });

  test("pairs outside the sites do not count as largest", () => {
    expect(new Delays(["a", "b"], known).assumedMs).toBe(24);
  });

  test("with nothing known all pairs cost 0 and are unknown", () => {
    const nothing = new Delays(["a", "b"], control({}));
    expect([nothing.costMs(0, 1), nothing.isKnown(0, 1)]).toEqual([0, false]);
  });
});
