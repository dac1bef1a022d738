import { expect, test } from "bun:test";
import type { LanQuery } from "../../src/lan/membership.ts";
import { OlderQueriers } from "../../src/lan/older-queriers.ts";

const query: LanQuery = {
  group: undefined,
  sources: [],
  suppress: false,
  maxResponseMs: 10_000,
  robustness: 0,
  queryIntervalMs: 0,
  version: 3,
};

test("RFC 9776 §7.2.1 the lowest version heard rules while its timer runs", () => {
  const queriers = new OlderQueriers(4);
  expect(queriers.version(0)).toBe(3);
  queriers.onGeneralQuery({ ...query, version: 1 }, 0);
  queriers.onGeneralQuery({ ...query, version: 2 }, 100_000);
  expect([queriers.version(349_999), queriers.version(350_000)]).toEqual([1, 2]);
  expect([queriers.version(449_999), queriers.version(450_000)]).toEqual([2, 3]);
  expect(queriers.nextDeadlineMs(1)).toBe(350_000);
  expect(queriers.nextDeadlineMs(2)).toBe(450_000);
  expect(queriers.nextDeadlineMs(3)).toBe(Number.POSITIVE_INFINITY);
});

test("§8.12 robustness and interval are those of the last query that said them", () => {
  const queriers = new OlderQueriers(4);
  queriers.onGeneralQuery({ ...query, robustness: 3, queryIntervalMs: 60_000 }, 0);
  queriers.onGeneralQuery({ ...query, version: 2, maxResponseMs: 1_000 }, 0);
  expect(queriers.nextDeadlineMs(2)).toBe(3 * 60_000 + 10 * 1_000);
});

test("a forged query holds no longer than the bounds", () => {
  const queriers = new OlderQueriers(6);
  const forged = { robustness: 7, queryIntervalMs: 31_744_000, maxResponseMs: 8_387_584 };
  queriers.onGeneralQuery({ ...query, ...forged }, 0);
  queriers.onGeneralQuery({ ...query, ...forged, version: 2 }, 0);
  expect(queriers.nextDeadlineMs(2)).toBe(4 * 600_000 + 60_000);
});
