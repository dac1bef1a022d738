import { expect, test } from "bun:test";
import { limits } from "../src/limits.ts";

test("every bound is a positive whole number", () => {
  for (const [name, value] of Object.entries(limits)) {
    expect([name, Number.isSafeInteger(value) && value > 0]).toEqual([name, true]);
  }
});

test("every duration and every size in bytes says its unit last", () => {
  const misplaced = Object.keys(limits).filter((name) => /(Ms|Bytes)(?!Max$|Min$)./.test(name));
  expect(misplaced).toEqual([]);
});

test("a link is silent only after several heartbeats were due", () => {
  expect(limits.linkSilenceMs / limits.heartbeatIntervalMs).toBeGreaterThanOrEqual(4);
});

test("an Eavesdropper's absence outlasts two query intervals (RFC 9776 §8.4)", () => {
  const { robustness, queryIntervalMs, queryResponseIntervalMs } = limits;
  const membershipMs = robustness * queryIntervalMs + queryResponseIntervalMs;
  expect(limits.eavesdropperAbsenceMs).toBeGreaterThanOrEqual(membershipMs);
});
