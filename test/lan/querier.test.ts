import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { Querier, type QuerierMode, type QuerierVersion } from "../../src/lan/querier.ts";
import { limits } from "../../src/limits.ts";

const own = address("192.0.2.5");
const lower = address("192.0.2.4");
const higher = address("192.0.2.6");
const group = address("233.252.0.1");
const general = { group: undefined, version: 3 } as const;
const specific = { group, version: 3 } as const;
const [a, b] = ["198.51.100.1", "198.51.100.2"].map(address) as [Address, Address];

/** A querier over timers that a test sets by hand. */
function rig(mode: QuerierMode = "on", nowMs = 0, from = own, version: QuerierVersion = 3) {
  const answered = new Set<string>();
  const timers = {
    isLowered: (of: Address, source: Address | undefined) => !answered.has(source ?? of),
    otherQuerierPresentMs: () => 255_000,
  };
  const querier = new Querier({ mode, address: from, timers, version }, nowMs);
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
  test("startup queries a quarter of the interval apart, fast answers, then every interval", () => {
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
    querier.onQueryHeard(lower, general, 0);
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
  ])("%s", (_, from, source, isGeneral, isQuerier) => {
    const { querier } = rig("on", 0, from);
    querier.onQueryHeard(address(source), isGeneral ? general : specific, 1_000);
    expect(querier.isQuerier).toBe(isQuerier);
  });

  test("silent until Other Querier Present Interval after its last query, then no startup", () => {
    const { querier } = rig();
    querier.onQueryHeard(lower, general, 0);
    querier.onQueryHeard(lower, general, 100_000);
    expect(querier.state).toEqual({
      kind: "silent",
      version: 3,
      querier: lower,
      untilMs: 355_000,
    });
    expect(sentUntil(querier, 354_999)).toEqual([]);
    expect(sentUntil(querier, 480_000)).toEqual(["355000: general 10000", "480000: general 10000"]);
    expect(querier.isQuerier).toBe(true);
  });

  test("the one that yields forgets what it was about to send", () => {
    const { querier } = rig();
    querier.onDeadline(0);
    querier.onSpecificQuery(group, [], 0);
    querier.onQueryHeard(lower, general, 0);
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

describe("a querier that listens first (RFC 9776 §6.6.2, §8.5)", () => {
  type Kind = "listening" | "querying" | "silent";
  const zero = address("0.0.0.0");
  const v2 = { group: undefined, version: 2 } as const;
  const v1 = { group: undefined, version: 1 } as const;

  /** In a state since 1,000,000 ms. */
  function autoIn(kind: Kind) {
    const startMs = kind === "querying" ? 745_000 : 1_000_000;
    const { querier } = rig("auto", startMs);
    if (kind === "querying") sentUntil(querier, 1_000_000);
    if (kind === "silent") querier.onQueryHeard(lower, general, 1_000_000);
    return querier;
  }

  test.each([
    ["listening", "§6.6.2 a lower address", lower, general, "silent"],
    ["listening", "a higher address: somebody asks already", higher, general, "silent"],
    ["listening", "a specific query: somebody asks already", higher, specific, "silent"],
    ["listening", "RFC 4541 §2.1.1 a proxy query", zero, general, "listening"],
    ["listening", "our own address", own, general, "listening"],
    ["listening", "another family", address("fe80::1"), general, "listening"],
    ["querying", "§6.6.2 a lower address", lower, general, "silent"],
    ["querying", "a lower address, §7.3.1 version 2", lower, v2, "silent"],
    ["querying", "a lower address, §7.3.1 version 1", lower, v1, "silent"],
    ["querying", "a specific query of a lower address", lower, specific, "silent"],
    ["querying", "§6.6.2 a higher address shall yield to us", higher, general, "querying"],
    ["querying", "RFC 4541 §2.1.1 a proxy query", zero, general, "querying"],
    ["querying", "our own address", own, general, "querying"],
    ["silent", "§6.6.2 a lower address", lower, general, "silent"],
    ["silent", "a higher address", higher, general, "silent"],
    ["silent", "a specific query", higher, specific, "silent"],
  ] as const)("%s: %s", (kind, _, source, query, after) => {
    const querier = autoIn(kind);
    const deadlineMs = querier.nextDeadlineMs();
    querier.onQueryHeard(source, query, 1_100_000);
    expect(querier.state.kind).toBe(after);
    if (after === "silent") {
      expect(querier.state).toMatchObject({ querier: source, untilMs: 1_355_000 });
      expect(querier.nextDeadlineMs()).toBe(1_355_000);
      expect(querier.onSpecificQuery(group, [], 1_100_000)).toBe("not-querier");
    } else {
      expect(querier.nextDeadlineMs()).toBe(deadlineMs);
    }
  });

  test.each(["listening", "silent"] as const)("%s: §8.5 until the interval ends", (kind) => {
    const querier = autoIn(kind);
    expect(sentUntil(querier, 1_254_999)).toEqual([]);
    expect(querier.isQuerier).toBe(false);
    expect(sentUntil(querier, 1_500_000)).toEqual([
      "1255000: general 10000", // no startup burst
      "1380000: general 10000",
    ]);
  });

  test("§8.5 the interval is the observed one when a query comes", () => {
    const timers = { isLowered: () => true, otherQuerierPresentMs: () => 22_000 };
    const querier = new Querier({ mode: "auto", address: own, timers }, 0);
    querier.onQueryHeard(higher, general, 10_000);
    expect(querier.nextDeadlineMs()).toBe(32_000);
  });

  test("a higher address that does not yield makes us silent after a Query Interval", () => {
    const querier = autoIn("querying");
    querier.onQueryHeard(higher, general, 1_010_000);
    querier.onQueryHeard(higher, general, 1_135_000);
    expect(querier.isQuerier).toBe(true);
    querier.onQueryHeard(higher, general, 1_135_001);
    expect(querier.state).toMatchObject({ kind: "silent", querier: higher, untilMs: 1_390_001 });
  });

  test("one that yielded and starts again later is new", () => {
    const querier = autoIn("querying");
    querier.onQueryHeard(higher, general, 1_010_000);
    sentUntil(querier, 1_999_999);
    querier.onQueryHeard(higher, general, 2_000_000);
    querier.onQueryHeard(higher, general, 2_031_250);
    expect(querier.isQuerier).toBe(true);
  });

  test.each([
    ["192.0.2.200 against .5", own, "192.0.2.200", "querying"],
    ["RFC 9777 §7.6.2 a lower prefix, a higher identifier", "2001:db8::5", "fe80::6", "querying"],
    ["RFC 9777 §7.6.2 a higher prefix, a lower identifier", "2001:db8::5", "fe80::4", "silent"],
    ["RFC 9777 §7.6.2 equal identifiers", "2001:db8::5", "fe80::5", "querying"],
    ["RFC 9777 §5.1.14 no address", "fe80::5", "::", "querying"],
    ["identifiers are numbers", "fe80::10:0:0:0", "fe80::9:ffff:ffff:ffff", "silent"],
  ] as const)("%s", (_, from, source, after) => {
    const { querier } = rig("auto", 0, address(from));
    sentUntil(querier, 255_000);
    querier.onQueryHeard(address(source), general, 256_000);
    expect(querier.state.kind).toBe(after);
  });
});

describe("RFC 9776 §7.3.1 version 2", () => {
  const v2 = { group: undefined, version: 2 } as const;

  function versionsUntil(querier: Querier, untilMs: number): number[] {
    const versions: number[] = [];
    while (querier.nextDeadlineMs() <= untilMs) {
      querier.onDeadline(querier.nextDeadlineMs());
      versions.push(...takeAll(querier).map((query) => query.version));
    }
    return versions;
  }

  test("who takes over speaks the lowest version that it gave way to, until it yields", () => {
    const { querier } = rig("auto");
    querier.onQueryHeard(lower, v2, 0);
    querier.onQueryHeard(lower, general, 10_000);
    expect(querier.state).toMatchObject({ kind: "silent", version: 2 });
    expect(versionsUntil(querier, 400_000)).toEqual([2, 2]);
    querier.onQueryHeard(lower, general, 400_000);
    expect(versionsUntil(querier, 660_000)).toEqual([3]);
  });

  test("a higher address of version 2 beside us", () => {
    const { querier } = rig("auto");
    expect(versionsUntil(querier, 255_000)).toEqual([3]);
    querier.onQueryHeard(higher, v2, 256_000);
    expect(versionsUntil(querier, 380_000)).toEqual([2]);
  });

  test("configured: 8 bytes say neither robustness nor interval (RFC 2236 §2)", () => {
    const { querier } = rig("on", 0, own, 2);
    querier.onDeadline(0);
    const { robustness, queryIntervalMs } = { robustness: 0, queryIntervalMs: 0 };
    expect(takeAll(querier)).toMatchObject([{ version: 2, robustness, queryIntervalMs }]);
  });

  test("no sources and no S; a group that answered is not asked again (RFC 2236 §7)", () => {
    const { querier, answered } = rig("on", 0, own, 2);
    sentUntil(querier, 40_000);
    expect(querier.onSpecificQuery(group, [a], 40_000)).toBe("older-version");
    expect(querier.onSpecificQuery(group, [], 40_000)).toBe("accepted");
    expect(takeAll(querier).map(queryText)).toEqual(["Q(G)"]);
    answered.add(group);
    expect(sentUntil(querier, 100_000)).toEqual([]);
  });

  test("sources that wait when an older querier comes are left out", () => {
    const { querier } = rig("auto");
    sentUntil(querier, 255_000);
    querier.onSpecificQuery(group, [a], 256_000);
    takeAll(querier);
    querier.onQueryHeard(higher, v2, 256_500);
    expect(sentUntil(querier, 300_000)).toEqual([]);
  });
});
