import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { ObservedQuerier } from "../../src/lan/observed-querier.ts";
import { limits } from "../../src/limits.ts";

const general: LanQuery = {
  group: undefined,
  sources: [],
  suppress: false,
  maxResponseMs: 10_000,
  robustness: 3,
  queryIntervalMs: 60_000,
  version: 3,
};
const specific = { ...general, group: address("233.252.0.1"), maxResponseMs: 1_000 };

describe("RFC 9776 §8 intervals by the values of the last query", () => {
  test("§4.1.6, §4.1.7 adopted, and from a query that does not say the default", () => {
    const querier = new ObservedQuerier("lapse");
    querier.onQuery(general, 0);
    expect([querier.robustness, querier.queryIntervalMs]).toEqual([3, 60_000]);
    expect(querier.otherQuerierPresentMs()).toBe(185_000);
    expect(querier.olderHostPresentMs()).toBe(190_000);
    expect(querier.membershipIntervalMs()).toBe(270_000); // not below its default
    querier.onQuery({ ...general, robustness: 0, queryIntervalMs: 0, version: 2 }, 0);
    expect([querier.robustness, querier.queryIntervalMs]).toEqual([2, 125_000]);
  });

  test("§8.8 the time to answer is the query's own", () => {
    const querier = new ObservedQuerier("lapse");
    expect(querier.answerMs(specific)).toBe(2_000);
    querier.onQuery(specific, 0);
    expect(querier.answerMs(specific)).toBe(3_000);
    expect(querier.answerMs({ ...specific, maxResponseMs: 0 })).toBe(3_000);
    const boundMs = 3 * limits.adoptedQueryResponseMsMax;
    expect(querier.answerMs({ ...specific, maxResponseMs: 3_174_400 })).toBe(boundMs);
  });
});

describe("RFC 9776 §8.5 whether the querier is there", () => {
  test("where memberships lapse it does not matter", () => {
    const querier = new ObservedQuerier("lapse");
    querier.onQuery(general, 0);
    expect(querier.isAbsent).toBe(false);
    expect(querier.absenceMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ["absent", "specific query", true],
    ["absent", "general query", false],
    ["present", "general query", false],
    ["present", "absence", true],
  ] as const)("%s, %s: absent %p", (before, event, isAbsent) => {
    const querier = new ObservedQuerier("keep");
    if (before === "present") querier.onQuery(general, 0);
    expect(querier.isAbsent).toBe(before === "absent");
    if (event === "absence") querier.onAbsence();
    else querier.onQuery(event === "general query" ? general : specific, 1_000);
    expect(querier.isAbsent).toBe(isAbsent);
    expect(querier.absenceMs()).toBe(isAbsent ? Number.POSITIVE_INFINITY : 186_000);
    expect(querier.membershipIntervalMs()).toBe(isAbsent ? limits.unrefreshedMs : 270_000);
    expect(querier.isUnrefreshed(0, 270_000)).toBe(isAbsent);
    expect(querier.isUnrefreshed(0, 269_999)).toBe(false);
  });
});
