import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import type { LanQuery, MembershipEffect } from "../../src/lan/membership.ts";
import { limits } from "../../src/limits.ts";
import { group, host, Lan } from "./lan.ts";

const channels = address("232.1.1.1");
const [a, b, c] = ["198.51.100.1", "198.51.100.2", "198.51.100.3"].map(address) as [
  Address,
  Address,
  Address,
];

const many = (count: number, from = "198.51.100.1"): Address[] =>
  Array.from({ length: count }, (_, i) => ipv4Address(ipv4Of(address(from)) + i));

const general: LanQuery = {
  group: undefined,
  sources: [],
  suppress: false,
  maxResponseMs: 10_000,
  robustness: 2,
  queryIntervalMs: 125_000,
  version: 3,
};
const specific: LanQuery = { ...general, group, maxResponseMs: 1_000 };

describe("RFC 9776 §8.4 Group Membership Interval", () => {
  test("269 s kept, 271 s gone", () => {
    const lan = new Lan();
    expect(lan.report(2, 0)).toBe("accepted");
    expect(lan.membership.nextDeadlineMs()).toBe(270_000);
    expect(lan.wantAt(269_000)).toBe("exclude");
    expect(lan.wantAt(271_000)).toBeUndefined();
    expect(lan.membership.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    expect(lan.membership.groupCount).toBe(0);
  });

  test("a report refreshes it, without an effect", () => {
    const lan = new Lan();
    lan.record("is-ex", [], 0);
    expect(lan.effects()).toEqual([{ kind: "changed", group }]);
    lan.record("is-ex", [], 200_000);
    expect(lan.effects()).toEqual([]);
    expect(lan.wantAt(469_999)).toBe("exclude");
    expect(lan.wantAt(470_000)).toBeUndefined();
    expect(lan.effects()).toEqual([{ kind: "changed", group }]);
  });

  test("§6.3 source timers end one by one in INCLUDE", () => {
    const lan = new Lan();
    lan.record("allow", [a, b], 0);
    lan.record("is-in", [b], 100_000);
    expect(lan.wantAt(269_999)).toBe(`include ${a} ${b}`);
    expect(lan.wantAt(270_000)).toBe(`include ${b}`);
    expect(lan.wantAt(370_000)).toBeUndefined();
  });

  test("§6.2.3 a source timer that ends in EXCLUDE blocks the source", () => {
    const lan = new Lan();
    lan.record("is-ex", [], 0);
    lan.record("is-ex", [a], 0); // (A-X-Y)=GMI
    lan.record("is-ex", [a], 200_000);
    expect(lan.wantAt(269_999)).toBe("exclude");
    expect(lan.wantAt(270_000)).toBe(`exclude ${a}`);
  });

  test("§6.5 EXCLUDE becomes INCLUDE of the sources that still run", () => {
    const lan = new Lan();
    lan.record("is-ex", [c], 0);
    lan.record("is-in", [a], 100_000);
    expect(lan.wantAt(269_999)).toBe(`exclude ${c}`);
    expect(lan.wantAt(270_000)).toBe(`include ${a}`);
  });

  test("a record that comes before its overdue deadline sees the timers ended", () => {
    const lan = new Lan();
    lan.record("is-in", [a], 0);
    lan.record("is-in", [b], 270_000);
    expect(lan.wantAt(270_000)).toBe(`include ${b}`);
  });
});

describe("RFC 9776 §4.1 values of the observed querier", () => {
  test.each([
    ["the default", {}, 270_000],
    ["a longer interval", { queryIntervalMs: 200_000 }, 420_000],
    ["a higher robustness", { robustness: 3 }, 395_000],
    ["a slower response", { maxResponseMs: 25_000 }, 300_000],
    ["a shorter interval, which is not taken", { queryIntervalMs: 60_000 }, 270_000],
    ["fields of 0 mean the default", { robustness: 0, queryIntervalMs: 0 }, 270_000],
  ])("%s", (_, values, expiryMs) => {
    const lan = new Lan();
    lan.membership.onQuery({ ...general, ...values }, 0);
    lan.report(2, 0);
    expect(lan.membership.nextDeadlineMs()).toBe(expiryMs);
  });

  test("§8.5 Other Querier Present Interval follows them", () => {
    const lan = new Lan();
    expect(lan.membership.otherQuerierPresentMs()).toBe(255_000);
    lan.membership.onQuery({ ...general, queryIntervalMs: 10_000, maxResponseMs: 4_000 }, 0);
    expect(lan.membership.otherQuerierPresentMs()).toBe(22_000);
  });
});

describe("RFC 9776 §6.6.1 timers under queries", () => {
  test("a leave alone lowers nothing; a general query neither", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.leave(10_000);
    lan.membership.onQuery(general, 11_000);
    expect(lan.wantAt(269_999)).toBe("exclude");
  });

  test("Q(G) lowers the group timer to Last Member Query Time", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.membership.onQuery(specific, 10_000);
    expect(lan.wantAt(11_999)).toBe("exclude");
    expect(lan.wantAt(12_000)).toBeUndefined();
  });

  test("a report after Q(G) restores it", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.membership.onQuery(specific, 10_000);
    lan.report(2, 10_500);
    expect(lan.membership.nextDeadlineMs()).toBe(280_500);
  });

  test("Q(G,A) lowers the timers of A", () => {
    const lan = new Lan();
    lan.record("is-in", [a, b], 0);
    lan.membership.onQuery({ ...specific, sources: [a, c] }, 10_000);
    expect(lan.wantAt(12_000)).toBe(`include ${b}`);
    expect(lan.wantAt(269_999)).toBe(`include ${b}`);
  });

  test("S set changes no timer", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.membership.onQuery({ ...specific, suppress: true }, 10_000);
    expect(lan.membership.nextDeadlineMs()).toBe(270_000);
  });

  test("the response time and robustness of the query count; 0 is the default time", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.membership.onQuery({ ...specific, maxResponseMs: 3_000, robustness: 3 }, 0);
    expect(lan.membership.nextDeadlineMs()).toBe(9_000);
    lan.membership.onQuery({ ...specific, maxResponseMs: 0 }, 0);
    expect(lan.membership.nextDeadlineMs()).toBe(2_000);
  });

  test("a query for a group without listeners makes none", () => {
    const lan = new Lan();
    lan.membership.onQuery(specific, 0);
    expect(lan.membership.groupCount).toBe(0);
  });
});

describe("RFC 9776 §6.6.3 queries that a querier should send", () => {
  const changed = { kind: "changed", group } as const;
  const query = (...sources: Address[]): MembershipEffect => ({ kind: "query", group, sources });

  test("leave: Q(G); BLOCK: Q(G,A*B); TO_IN from EXCLUDE: both", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.leave(1_000);
    expect(lan.effects()).toEqual([changed, query()]);
    const filters = new Lan();
    filters.record("is-in", [a, b], 0);
    filters.record("block", [b, c], 1_000);
    expect(filters.effects()).toEqual([changed, query(b)]);
    filters.record("to-ex", [], 1_000);
    filters.record("is-in", [b], 1_000);
    filters.record("to-in", [a], 2_000);
    expect(filters.effects()).toEqual([changed, query(), query(b)]);
  });

  test("effects wait coalesced: a thousand leaves are one query", () => {
    const lan = new Lan();
    for (let i = 0; i < 1_000; i++) {
      lan.record("allow", [a, b], i);
      lan.record("block", [a], i);
      lan.record("block", [b], i);
    }
    expect(lan.effects()).toEqual([changed, query(a, b)]);
  });

  test("what was queried already is not asked again; a lowered timer says so", () => {
    const lan = new Lan();
    lan.report(2, 0);
    lan.leave(1_000);
    expect(lan.effects()).toEqual([changed, query()]);
    expect(lan.membership.isLowered(group, undefined, 1_000)).toBe(false);
    lan.membership.onQuery(specific, 1_000);
    expect(lan.membership.isLowered(group, undefined, 1_000)).toBe(true);
    lan.leave(1_500);
    expect(lan.effects()).toEqual([]);
  });

  test("a group that is gone asks nothing any more", () => {
    const lan = new Lan();
    lan.record("is-in", [a], 0);
    lan.record("block", [a], 267_000);
    lan.membership.onDeadline(270_000);
    expect(lan.effects()).toEqual([changed]);
  });
});

describe("RFC 9776 §7.3.2 hosts of older versions", () => {
  test("version 2: BLOCK and the sources of TO_EX do not count, leaves do", () => {
    const lan = new Lan();
    lan.report(2, 0);
    expect(lan.membership.versionOf(group, 259_999)).toBe(2);
    expect(lan.record("block", [a], 1_000)).toBe("older-host-present");
    expect(lan.record("to-ex", [a], 1_000)).toBe("accepted");
    expect(lan.wantAt(1_000)).toBe("exclude");
    lan.effects();
    expect(lan.leave(2_000)).toBe("accepted");
    expect(lan.effects()).toEqual([{ kind: "query", group, sources: [] }]);
  });

  test("version 1: leaves and TO_IN do not count, and no specific query does", () => {
    const lan = new Lan();
    lan.report(1, 0);
    lan.report(2, 0);
    lan.effects();
    expect(lan.membership.versionOf(group, 0)).toBe(1);
    expect(lan.leave(1_000)).toBe("older-host-present");
    expect(lan.record("to-in", [a], 1_000)).toBe("older-host-present");
    expect(lan.effects()).toEqual([]);
    lan.membership.onQuery(specific, 2_000);
    expect(lan.wantAt(269_999)).toBe("exclude");
  });

  test("§8.13 after Older Host Present Interval the group is in version 3 again", () => {
    const lan = new Lan();
    lan.report(1, 0);
    lan.report(2, 100_000);
    lan.record("is-ex", [], 200_000);
    expect(lan.membership.versionOf(group, 259_999)).toBe(1);
    expect(lan.membership.versionOf(group, 260_000)).toBe(2);
    expect(lan.membership.versionOf(group, 359_999)).toBe(2);
    expect(lan.membership.versionOf(group, 360_000)).toBe(3);
    expect(lan.record("to-ex", [a], 360_000)).toBe("accepted");
    expect(lan.wantAt(469_999)).toBe("exclude");
    expect(lan.wantAt(470_000)).toBe(`exclude ${a}`);
  });

  test("a v2 leave is no report: it starts no timer, and makes no listener", () => {
    const lan = new Lan();
    expect(lan.leave(0)).toBe("no-listener");
    lan.record("is-ex", [], 0);
    lan.leave(0);
    expect(lan.membership.versionOf(group, 0)).toBe(3);
  });
});

describe("RFC 4607 and RFC 9776: ranges of channels", () => {
  test.each(["232.1.1.1", "ff3e::4321"])("%s takes INCLUDE only", (text) => {
    const lan = new Lan();
    const to = address(text);
    const source = address(text.includes(":") ? "2001:db8::1" : "198.51.100.1");
    expect(lan.report(1, 0, to)).toBe("ssm-with-asm-report");
    expect(lan.report(2, 0, to)).toBe("ssm-with-asm-report");
    expect(lan.leave(0, to)).toBe("ssm-with-asm-report");
    expect(lan.record("is-ex", [source], 0, { group: to })).toBe("ssm-with-asm-report");
    expect(lan.record("to-ex", [], 0, { group: to })).toBe("ssm-with-asm-report");
    expect(lan.membership.groupCount).toBe(0);
    expect(lan.record("is-in", [source], 0, { group: to })).toBe("accepted");
    expect(lan.wantAt(0, to)).toBe(`include ${source}`);
    expect(lan.membership.counts["ssm-with-asm-report"]).toBe(5);
  });
});

describe("caps", () => {
  const cap = limits.sourcesPerGroupMax;

  test("sources above the cap widen INCLUDE to every source", () => {
    const lan = new Lan();
    expect(lan.record("is-in", many(cap), 0)).toBe("accepted");
    expect(lan.record("allow", [address("203.0.113.1")], 0)).toBe("widened");
    expect(lan.wantAt(269_999)).toBe("exclude");
    expect(lan.wantAt(270_000)).toBeUndefined();
  });

  test("sources above the cap widen EXCLUDE too, but a BLOCK above it is dropped", () => {
    const lan = new Lan();
    expect(lan.record("is-ex", many(cap + 1), 0)).toBe("widened");
    expect(lan.wantAt(0)).toBe("exclude");
    lan.record("is-ex", [a], 0);
    expect(lan.record("block", many(cap + 1), 0)).toBe("sources-full");
    expect(lan.wantAt(0)).toBe("exclude");
  });

  test("a range of channels keeps what it has and refuses the rest", () => {
    const lan = new Lan();
    lan.record("is-in", many(cap), 0, { group: channels });
    const more = many(cap + 3);
    expect(lan.record("is-in", more, 100_000, { group: channels })).toBe("sources-full");
    lan.membership.onDeadline(369_999);
    expect(lan.membership.want(channels)?.sources).toEqual(many(cap).sort());
  });

  test("sources named twice count once", () => {
    const lan = new Lan();
    const twice = [...many(cap), ...many(cap)];
    expect(lan.record("is-in", twice, 0, { group: channels })).toBe("accepted");
    expect(lan.record("is-in", twice, 0)).toBe("accepted");
  });

  test("of 100,000 groups those above the cap are refused and the others unharmed", () => {
    const lan = new Lan();
    const first = ipv4Of(address("239.0.0.0"));
    for (let i = 0; i < 100_000; i++) lan.report(2, 0, ipv4Address(first + i));
    const { counts } = lan.membership;
    expect(counts.accepted).toBe(limits.groupsPerLanMax);
    expect(counts["table-full"]).toBe(100_000 - limits.groupsPerLanMax);
    expect(lan.effects()).toHaveLength(limits.groupsPerLanMax);
    expect([...lan.membership.wants()]).toHaveLength(limits.groupsPerLanMax);
    const kept = ipv4Address(first);
    expect(lan.report(2, 100_000, kept)).toBe("accepted");
    expect(lan.wantAt(270_000, kept)).toBe("exclude");
    expect(lan.membership.groupCount).toBe(1);
    expect(lan.report(2, 270_000)).toBe("accepted");
  });

  test("effects that nobody drains stay bounded: new groups are refused, nothing is lost", () => {
    const lan = new Lan();
    const first = ipv4Of(address("239.0.0.0"));
    let nowMs = 0;
    for (let i = 0; lan.membership.counts["table-full"] === 0; i++) {
      lan.report(2, nowMs, ipv4Address(first + i));
      if (i % limits.groupsPerLanMax === limits.groupsPerLanMax - 1) nowMs += 270_000;
      lan.membership.onDeadline(nowMs);
    }
    expect(lan.effects()).toHaveLength(limits.effectsMax);
    expect(lan.report(2, nowMs)).toBe("accepted");
  });
});

describe("reporters, for people", () => {
  test("the last ones up to the cap, without those that left or fell silent", () => {
    const lan = new Lan();
    const hosts = many(limits.reportersPerGroupMax + 1, "192.0.2.1");
    for (const [i, reporter] of hosts.entries()) lan.record("is-ex", [], i, { host: reporter });
    expect(lan.membership.reporters(group).map((seen) => seen.reporter)).toEqual(hosts.slice(1));
    const [, second] = hosts;
    lan.record("is-ex", [], 1_000, { host: second as Address });
    expect(lan.membership.reporters(group).at(-1)).toEqual({
      reporter: second as Address,
      version: 3,
      sinceMs: 1,
      lastMs: 1_000,
    });
    lan.record("to-in", [], 2_000, { host: second as Address });
    expect(lan.membership.reporters(group)).toHaveLength(limits.reportersPerGroupMax - 1);
    lan.record("is-ex", [], 270_500, { host });
    expect(lan.membership.reporters(group).map((seen) => seen.reporter)).toEqual([host]);
    expect(lan.membership.reporters(channels)).toEqual([]);
  });
});

describe("groups that no host needs to report", () => {
  test.each([
    ["RFC 4541 §2.1.2 224.0.0.0/24", "224.0.0.251", "link-scope"],
    ["RFC 5771 §5 the block behind it", "224.0.1.1", "accepted"],
    ["RFC 9777 §6 all nodes", "ff02::1", "link-scope"],
    ["RFC 9777 §6 other groups of the link are reported", "ff02::fb", "accepted"],
    ["RFC 9777 §6 scope 0", "ff00::1:2", "link-scope"],
    ["RFC 9777 §6 scope 1, any flags", "ff11::1", "link-scope"],
    ["RFC 4291 §2.7 scope 14", "ff0e::1", "accepted"],
  ] as const)("%s: %s", (_, text, outcome) => {
    const lan = new Lan();
    expect(lan.record("is-ex", [], 0, { group: address(text) })).toBe(outcome);
    expect(lan.membership.counts[outcome]).toBe(1);
    expect(lan.membership.groupCount).toBe(outcome === "accepted" ? 1 : 0);
  });
});

test("MLD records take the same way", () => {
  const lan = new Lan();
  const [to, source] = [address("ff0e::1234"), address("2001:db8::1")];
  lan.record("to-ex", [source], 0, { group: to, host: address("fe80::2") });
  expect(lan.wantAt(0, to)).toBe(`exclude ${source}`);
});
