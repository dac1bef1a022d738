import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address } from "../../src/base/address.ts";
import { QueryEvidence, type QuerySeen } from "../../src/lan/query-evidence.ts";
import { limits } from "../../src/limits.ts";

const router = address("192.0.2.1");
const other = address("192.0.2.2");
const zero = address("0.0.0.0");
const group = address("233.252.0.1");

const general: QuerySeen = {
  source: router,
  version: 3,
  group: undefined,
  maxResponseMs: 10_000,
  isOurs: false,
};
const specific: QuerySeen = { ...general, group, maxResponseMs: 1_000 };

function rig(presentMs = 255_000) {
  return new QueryEvidence(() => presentMs, 0);
}

/** General queries from sources in turns, an interval apart; the time of the last. */
function ask(evidence: QueryEvidence, sources: readonly Address[], everyMs: number): number {
  let nowMs = 0;
  for (const source of sources) {
    nowMs += everyMs;
    evidence.onQuery({ ...general, source }, nowMs);
  }
  return nowMs;
}

describe("RFC 9776 §8.5 no querier", () => {
  test("no query for the interval, while hosts report or data flows", () => {
    const evidence = rig();
    expect(evidence.noQuerier(1_000_000)).toBeUndefined(); // an empty LAN needs none
    evidence.onReport(999_000);
    expect(evidence.noQuerier(1_000_000)).toBe(
      "no general query for 1000 s, nor any since we listen, but reports 1 s ago",
    );
    evidence.onQuery(general, 1_000_000);
    evidence.onReport(1_250_000);
    evidence.onData(1_254_000);
    expect(evidence.noQuerier(1_254_999)).toBeUndefined();
    expect(evidence.noQuerier(1_255_000)).toBe(
      "no general query for 255 s, but reports 5 s ago and data 1 s ago",
    );
  });

  test("a querier that asks more seldom is not missed before its own interval", () => {
    const evidence = rig(1_200_000);
    evidence.onData(1_100_000);
    expect(evidence.noQuerier(1_199_999)).toBeUndefined();
    expect(evidence.noQuerier(1_200_000)).toBeDefined();
  });

  test("a specific query is none", () => {
    const evidence = rig();
    evidence.onQuery(specific, 250_000);
    evidence.onReport(250_000);
    expect(evidence.noQuerier(255_000)).toBeDefined();
  });
});

describe("RFC 9776 §6.6.2 two queriers", () => {
  test("that ask in turns", () => {
    const evidence = rig();
    const nowMs = ask(evidence, [router, other, router, other], 60_000);
    expect(evidence.twoQueriers(nowMs + 1_000)).toBe(
      "192.0.2.1 (last 61 s ago) and 192.0.2.2 (last 1 s ago) ask in turns: 3 changes in 121 s",
    );
    expect(evidence.twoQueriers(nowMs + 600_000)).toBeUndefined();
  });

  test.each([
    ["one alone", [router, router, router, router, router]],
    ["an election: the lower address takes over", [other, other, router, router, router]],
    ["a router that starts and yields", [router, other, router, router, router]],
    ["RFC 4541 §2.1.1 proxy queries beside it", [router, zero, router, zero, router, zero]],
  ])("%s is no finding", (_, sources) => {
    const evidence = rig();
    expect(evidence.twoQueriers(ask(evidence, sources, 60_000))).toBeUndefined();
  });

  test("one that goes away and comes back slowly is no finding", () => {
    const evidence = rig();
    const nowMs = ask(evidence, [router, other, router, other, router], 300_000);
    expect(evidence.twoQueriers(nowMs)).toBeUndefined();
  });

  test("we may be one of them", () => {
    const evidence = rig();
    for (const nowMs of [0, 125_000, 250_000]) {
      evidence.onQuery({ ...general, isOurs: true }, nowMs);
      evidence.onQuery({ ...general, source: other }, nowMs + 1_000);
    }
    expect(evidence.twoQueriers(252_000)).toContain("192.0.2.1 (we)");
  });
});

describe("RFC 9776 §7.3.1 a querier of an older version", () => {
  test.each([
    [{ version: 3 }, undefined],
    [{ version: 2 }, "192.0.2.1 asked in IGMPv2 5 s ago: hosts hide their sources"],
    [{ version: 1 }, "192.0.2.1 asked in IGMPv1 5 s ago: hosts hide their sources"],
    [{ version: 2, isOurs: true }, undefined],
    [
      { version: 2, source: address("fe80::1") },
      "fe80::1 asked in MLDv1 5 s ago: hosts hide their sources",
    ],
  ] as const)("%j", (values, words) => {
    const evidence = rig();
    evidence.onQuery({ ...general, ...values }, 0);
    expect(evidence.oldVersion(5_000)).toBe(words as string | undefined);
    expect(evidence.oldVersion(255_001)).toBeUndefined();
  });
});

describe("RFC 4541 §2.1.1 queries from 0.0.0.0 only", () => {
  test.each([
    ["nothing", [], false],
    ["0.0.0.0", [zero], true],
    ["a router beside it", [zero, router], false],
  ] as const)("%s", (_, sources, isFound) => {
    const evidence = rig();
    const nowMs = ask(evidence, sources, 1_000);
    expect(evidence.proxyOnly(nowMs) !== undefined).toBe(isFound);
    expect(evidence.proxyOnly(nowMs + 300_000)).toBeUndefined();
  });
});

describe("RFC 4541 §2.1.1 reports go to router ports only", () => {
  test("two general queries, the response time over, and no report at all", () => {
    const evidence = rig();
    evidence.onQuery(general, 0);
    expect(evidence.reportsHidden(100_000)).toBeUndefined();
    evidence.onQuery(general, 125_000);
    expect(evidence.reportsHidden(135_000)).toBeUndefined();
    expect(evidence.reportsHidden(135_001)).toBe(
      "2 general queries, but no report of a host for 135 s",
    );
    evidence.onReport(140_000);
    expect(evidence.reportsHidden(141_000)).toBeUndefined();
    evidence.onQuery(general, 250_000);
    evidence.onQuery(specific, 251_000);
    expect(evidence.reportsHidden(300_000)).toBeUndefined();
  });
});

describe("RFC 9776 §6.6.3, §8.8 leaves that nobody asks about", () => {
  test("within twice the Last Member Query Time", () => {
    const evidence = rig();
    evidence.onLeave(group, 10_000);
    expect(evidence.leavesUnasked(14_000)).toBeUndefined();
    expect(evidence.leavesUnasked(14_001)).toBe(
      "1 leaves without a query within 4 s, the last of 233.252.0.1",
    );
    expect(evidence.leavesUnasked(20_000)).toBeUndefined();
  });

  test("the first of several leaves counts", () => {
    const evidence = rig();
    evidence.onLeave(group, 10_000);
    evidence.onLeave(group, 13_000);
    expect(evidence.leavesUnasked(14_001)).toBeDefined();
  });

  test.each([
    ["its query came", specific, 10_500, true],
    ["a general one did", general, 10_500, true],
    ["it came too late", specific, 14_001, false],
    ["another group's came", { ...specific, group: address("233.252.0.2") }, 10_500, false],
    ["it was just asked for: not again within that time", specific, 9_000, true],
    ["it was asked for long ago", specific, 5_000, false],
  ])("%s", (_, query, atMs, isAsked) => {
    const evidence = rig();
    if (atMs < 10_000) evidence.onQuery(query, atMs);
    evidence.onLeave(group, 10_000);
    if (atMs > 10_000) evidence.onQuery(query, atMs);
    expect(evidence.leavesUnasked(20_000) === undefined).toBe(isAsked);
  });

  test("groups, leaves and queriers above their bounds push the oldest out", () => {
    const evidence = rig();
    for (let i = 0; i < 10 * limits.leavesWatchedMax; i++) {
      evidence.onQuery({ ...general, source: ipv4Address(i + 1) }, 0);
      evidence.onQuery({ ...specific, group: ipv4Address(0xe9fc_0000 + i) }, 0);
    }
    for (let i = 0; i < 10 * limits.leavesWatchedMax; i++) {
      evidence.onLeave(ipv4Address(0xe9fd_0000 + i), 10_000);
    }
    expect(evidence.leavesUnasked(20_000)).toStartWith(`${limits.leavesWatchedMax} leaves`);
    expect(evidence.twoQueriers(0)?.split(" and ")).toHaveLength(limits.queriersPerLanMax);
  });
});
