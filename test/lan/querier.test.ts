import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { Querier, type QuerierMode } from "../../src/lan/querier.ts";
import { limits } from "../../src/limits.ts";

const own = address("192.0.2.5");
const lower = address("192.0.2.4");
const group = address("233.252.0.1");
const [a, b] = ["198.51.100.1", "198.51.100.2"].map(address) as [Address, Address];

/** A querier over timers that a test sets by hand. */
function rig(mode: QuerierMode = "on", nowMs = 0, from = own) {
  const answered = new Set<string>();
  const timers = {
    isLowered: (of: Address, source: Address | undefined) => !answered.has(source ?? of),
    otherQuerierPresentMs: () => 255_000,
  };
  const querier = new Querier({ mode, address: from, timers }, nowMs);
  return { querier, answered };
}

/** What is sent until `untilMs`: `ms: general 1000`, `ms: Q(G)`, `ms: S Q(G,a b)`. */
function sentUntil(querier: Querier, untilMs: number): string[] {
  const sent: string[] = [];
  for (;;) {
    const nowMs = querier.nextDeadlineMs();
    if (nowMs > untilMs) return sent;
    querier.onDeadline(nowMs);
    for (const query of takeAll(querier)) sent.push(`${nowMs}: ${queryText(query)}`);
  }
}

function takeAll(querier: Querier): LanQuery[] {
  const all: LanQuery[] = [];
  for (let query = querier.takeQuery(); query; query = querier.takeQuery()) all.push(query);
  return all;
}

function queryText(query: LanQuery): string {
  if (query.group === undefined) return `general ${query.maxResponseMs}`;
  const sources = query.sources.length > 0 ? `,${query.sources.join(" ")}` : "";
  return `${query.suppress ? "S " : ""}Q(G${sources})`;
}

describe("RFC 9776 §8.6, §8.7 general queries", () => {
  test("startup queries a quarter of the interval apart with fast answers, then every interval", () => {
    const { querier } = rig("on", 1_000);
    expect(querier.isQuerier).toBe(true);
    expect(sentUntil(querier, 300_000)).toEqual([
      "1000: general 1000",
      "32250: general 1000",
      "157250: general 10000",
      "282250: general 10000",
    ]);
  });

  test("a query carries our robustness and interval", () => {
    const { querier } = rig();
    querier.onDeadline(0);
    expect(querier.takeQuery()).toEqual({
      group: undefined,
      sources: [],
      suppress: false,
      maxResponseMs: limits.startupQueryResponseMs,
      robustness: limits.robustness,
      queryIntervalMs: limits.queryIntervalMs,
      version: 3,
    });
    expect(querier.takeQuery()).toBeUndefined();
  });

  test("off sends nothing, whatever happens", () => {
    const { querier } = rig("off");
    querier.onQueryHeard(lower, true, 0);
    expect(querier.onSpecificQuery(group, [], 0)).toBe("not-querier");
    querier.onDeadline(1_000_000);
    expect(querier.takeQuery()).toBeUndefined();
    expect(querier.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    expect(querier.state).toEqual({ kind: "off" });
  });
});

describe("RFC 9776 §6.6.2 election", () => {
  test.each([
    ["a general query of a lower address wins", own, "192.0.2.4", true, false],
    ["a specific query does not", own, "192.0.2.4", false, true],
    ["a higher address does not", own, "192.0.2.6", true, true],
    ["our own address does not", own, "192.0.2.5", true, true],
    ["addresses are numbers, not text", own, "192.0.10.1", true, true],
    ["a proxy query of 0.0.0.0 does not", own, "0.0.0.0", true, true],
    ["another family does not", own, "fe80::1", true, true],
    ["RFC 9777 §7.6.2 MLD too", address("fe80::5"), "fe80::4", true, false],
  ])("%s", (_, from, source, general, isQuerier) => {
    const { querier } = rig("on", 0, from);
    querier.onQueryHeard(address(source), general, 1_000);
    expect(querier.isQuerier).toBe(isQuerier);
  });

  test("silent until Other Querier Present Interval after its last query, then no startup", () => {
    const { querier } = rig();
    querier.onQueryHeard(lower, true, 0);
    querier.onQueryHeard(lower, true, 100_000);
    expect(querier.state).toEqual({ kind: "silent", querier: lower, untilMs: 355_000 });
    expect(sentUntil(querier, 354_999)).toEqual([]);
    expect(sentUntil(querier, 480_000)).toEqual(["355000: general 10000", "480000: general 10000"]);
    expect(querier.isQuerier).toBe(true);
  });

  test("the one that yields forgets what it was about to send", () => {
    const { querier } = rig();
    querier.onDeadline(0);
    querier.onSpecificQuery(group, [], 0);
    querier.onQueryHeard(lower, true, 0);
    expect(takeAll(querier)).toEqual([]);
    expect(querier.onSpecificQuery(group, [], 1)).toBe("not-querier");
    expect(querier.nextDeadlineMs()).toBe(255_000);
  });
});

describe("RFC 9776 §6.6.3 specific queries", () => {
  /** A querier whose startup is over, at 40 s. */
  function started() {
    const rigged = rig();
    sentUntil(rigged.querier, 40_000);
    return rigged;
  }

  test("at once, then Last Member Query Interval apart until counted out", () => {
    const { querier } = started();
    expect(querier.onSpecificQuery(group, [], 40_000)).toBe("accepted");
    expect(takeAll(querier).map(queryText)).toEqual(["Q(G)"]);
    expect(querier.nextDeadlineMs()).toBe(41_000);
    expect(sentUntil(querier, 100_000)).toEqual(["41000: Q(G)"]);
  });

  test("a repeated query of a group that answered carries S", () => {
    const { querier, answered } = started();
    answered.add(group);
    querier.onSpecificQuery(group, [], 40_000);
    expect(takeAll(querier).map(queryText)).toEqual(["Q(G)"]);
    expect(sentUntil(querier, 100_000)).toEqual(["41000: S Q(G)"]);
  });

  test("sources that answered and those that did not go in two queries", () => {
    const { querier, answered } = started();
    querier.onSpecificQuery(group, [a, b], 40_000);
    expect(takeAll(querier).map(queryText)).toEqual([`Q(G,${a} ${b})`]);
    answered.add(a);
    expect(sentUntil(querier, 100_000)).toEqual([`41000: S Q(G,${a})`, `41000: Q(G,${b})`]);
  });

  test("a second source joins the repetitions of the first", () => {
    const { querier } = started();
    querier.onSpecificQuery(group, [a], 40_000);
    querier.onSpecificQuery(group, [b], 40_400);
    expect(takeAll(querier).map(queryText)).toEqual([`Q(G,${a})`, `Q(G,${a} ${b})`]);
    expect(sentUntil(querier, 100_000)).toEqual([`41400: Q(G,${b})`]);
  });

  test("a group and its sources go in one round", () => {
    const { querier } = started();
    querier.onSpecificQuery(group, [], 40_000);
    querier.onSpecificQuery(group, [a], 40_000);
    takeAll(querier);
    expect(sentUntil(querier, 100_000)).toEqual([`41000: Q(G,${a})`]);
  });

  test("sources of one group are capped", () => {
    const { querier } = started();
    const first = ipv4Of(a);
    const sources = Array.from({ length: limits.sourcesPerGroupMax }, (_, i) =>
      ipv4Address(first + i),
    );
    expect(querier.onSpecificQuery(group, sources, 40_000)).toBe("accepted");
    expect(querier.onSpecificQuery(group, [address("203.0.113.1")], 40_000)).toBe("sources-full");
  });

  test("groups are capped", () => {
    const { querier } = started();
    const first = ipv4Of(address("239.0.0.0"));
    for (let i = 0; i < limits.groupsPerLanMax; i++) {
      expect(querier.onSpecificQuery(ipv4Address(first + i), [], 40_000)).toBe("accepted");
    }
    expect(querier.onSpecificQuery(group, [], 40_000)).toBe("table-full");
    expect(querier.onSpecificQuery(ipv4Address(first), [a], 40_000)).toBe("accepted");
  });

  test("queries that nobody takes are bounded; what finds no room stays due", () => {
    const { querier } = started();
    for (let i = 0; i < limits.effectsMax; i++) querier.onSpecificQuery(group, [a], 40_000);
    const late = address("233.252.0.2");
    expect(querier.onSpecificQuery(late, [], 40_000)).toBe("accepted");
    expect(querier.nextDeadlineMs()).toBe(40_000);
    const sent = takeAll(querier);
    expect(sent.length).toBeLessThanOrEqual(limits.effectsMax);
    expect(sent.some((query) => query.group === late)).toBe(false);
    querier.onDeadline(40_000);
    expect(takeAll(querier).map((query) => query.group)).toContain(late);
  });
});
