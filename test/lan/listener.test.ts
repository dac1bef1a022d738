import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import { Prng } from "../../src/base/prng.ts";
import { Listener } from "../../src/lan/listener.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { limits } from "../../src/limits.ts";
import type { Want } from "../../src/wire/want.ts";
import { group, Host, settled } from "./listener-host.ts";

const other = address("233.252.0.2");
const channels = address("232.1.1.1");
const [a, b, c, d] = [1, 2, 3, 4].map((i) => address(`198.51.100.${i}`)) as [
  Address,
  Address,
  Address,
  Address,
];

const many = (count: number): Address[] =>
  Array.from({ length: count }, (_, i) => ipv4Address(ipv4Of(a) + i)).sort();

const include = (...sources: Address[]): Want => ({ group, mode: "include", sources });
const exclude = (...sources: Address[]): Want => ({ group, mode: "exclude", sources });
const channel = (...sources: Address[]): Want => ({ group: channels, mode: "include", sources });

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
const older: LanQuery = { ...general, version: 2, robustness: 0, queryIntervalMs: 0 };
const oldest: LanQuery = { ...older, version: 1 };

describe("RFC 9776 §5.1 a change of state is told at once", () => {
  // Old state, new state, the records of the table.
  test.each<[string, Want | undefined, Want | undefined, string[]]>([
    ["INCLUDE (A) to INCLUDE (B)", include(a, b), include(b, c), ["allow", c, "block", a]],
    ["EXCLUDE (A) to EXCLUDE (B)", exclude(a, b), exclude(b, c), ["allow", a, "block", c]],
    ["INCLUDE (A) to EXCLUDE (B)", include(a), exclude(b), ["to-ex", b]],
    ["EXCLUDE (A) to INCLUDE (B)", exclude(a), include(b), ["to-in", b]],
    ["nothing to INCLUDE (B)", undefined, include(b), ["allow", b]],
    ["nothing to EXCLUDE ()", undefined, exclude(), ["to-ex"]],
    ["INCLUDE (A) to nothing", include(a), undefined, ["block", a]],
    ["EXCLUDE (A) to nothing", exclude(a), undefined, ["to-in"]],
    ["an empty list is left out", include(a), include(a, b), ["allow", b]],
  ])("%s", (_, before, after, expected) => {
    const host = before ? settled(before) : new Host();
    if (after) host.want(after);
    else host.unwanted();
    const words = host.take().join().replaceAll(`${group} `, "").replaceAll(` ${group}`, "");
    expect(words.replaceAll(",", "").split(/\s+/)).toEqual(expected);
  });

  test("a state that stays says nothing", () => {
    const host = settled(exclude(a));
    host.want(exclude(a));
    host.unwanted(other);
    host.run(20_000);
    expect(host.take()).toEqual([]);
  });

  test("§8.1, §8.11 each is sent robustness times, within the unsolicited report interval", () => {
    const gaps = new Set<number>();
    for (let seed = 1; seed <= 200; seed++) {
      const host = new Host(seed);
      host.query({ ...general, robustness: 3 });
      host.run(20_000);
      host.want(exclude());
      host.run(60_000);
      const [first, ...repeats] = host.sent;
      expect(host.sent.map(({ text }) => text)).toEqual(Array(3).fill(`to-ex ${group}`));
      let lastMs = first?.atMs ?? 0;
      expect(lastMs).toBe(20_000);
      for (const { atMs } of repeats) {
        expect(atMs - lastMs).toBeLessThan(limits.unsolicitedReportIntervalMs);
        gaps.add(Math.floor((atMs - lastMs) / 100));
        lastMs = atMs;
      }
    }
    expect(gaps.size).toBe(10);
  });

  test("a newer list joins the repeats; each source is said robustness times", () => {
    const host = settled(include(a));
    host.want(include(a, b));
    host.want(include(a, b, c));
    host.run(30_000);
    expect(host.take()).toEqual([
      `allow ${group} ${b}`,
      `allow ${group} ${b} ${c}`,
      `allow ${group} ${c}`,
    ]);
  });

  test("a source that came and went is blocked, not allowed", () => {
    const host = settled(include(a));
    host.want(include(a, b));
    host.want(include(a));
    host.run(30_000);
    expect(host.take()).toEqual([
      `allow ${group} ${b}`,
      `block ${group} ${b}`,
      `block ${group} ${b}`,
    ]);
  });

  test("after a change of mode reports carry the mode first, and what came meanwhile after", () => {
    const host = settled(include(a));
    host.want(exclude(a));
    host.want(exclude(b));
    host.run(30_000);
    expect(host.take()).toEqual([
      `to-ex ${group} ${a}`,
      `to-ex ${group} ${b}`,
      `allow ${group} ${a}, block ${group} ${b}`,
    ]);
  });

  test("a leave that follows a join takes its place in the repeats, and is repeated itself", () => {
    const host = new Host();
    host.want(exclude());
    host.unwanted();
    host.run(30_000);
    expect(host.take()).toEqual([`to-ex ${group}`, `to-in ${group}`, `to-in ${group}`]);
    expect(host.listener.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("what changes together is told together", () => {
    const host = new Host();
    host.listener.onWant(exclude());
    host.listener.onWant(channel(a));
    host.run(0);
    expect(host.take()).toEqual([`to-ex ${group}, allow ${channels} ${a}`]);
  });
});

describe("RFC 9776 §5.2 answers to queries", () => {
  test("general: one answer with a record per group, within Max Resp Time", () => {
    const instants = new Set<number>();
    for (let seed = 1; seed <= 200; seed++) {
      const host = new Host(seed);
      host.want(exclude(a));
      host.want(channel(b));
      host.run(10_000);
      host.sent.length = 0;
      host.query(general);
      host.run(30_000);
      expect(host.sent.map(({ text }) => text)).toEqual([
        `is-ex ${group} ${a}, is-in ${channels} ${b}`,
      ]);
      instants.add(Math.floor(((host.sent[0]?.atMs ?? 0) - 10_000) / 1_000));
    }
    expect([...instants].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("general: an earlier pending answer stays, and there is only one", () => {
    const host = settled(exclude());
    host.query(general);
    const pendingMs = host.listener.nextDeadlineMs();
    host.query({ ...general, maxResponseMs: 60_000 });
    expect(host.listener.nextDeadlineMs()).toBe(pendingMs);
    host.run(100_000);
    expect(host.take()).toEqual([`is-ex ${group}`]);
  });

  test("§4.1.1 a Max Resp Time of 0 is answered at once", () => {
    const host = settled(exclude());
    host.query({ ...general, maxResponseMs: 0 });
    expect(host.take()).toEqual([`is-ex ${group}`]);
  });

  test("without members no answer", () => {
    const host = new Host();
    host.query(general);
    host.query(specific);
    host.run(30_000);
    expect(host.take()).toEqual([]);
  });

  test("group: only its record", () => {
    const host = settled(include(a, b), channel(a));
    host.query(specific);
    host.run(30_000);
    expect(host.take()).toEqual([`is-in ${group} ${a} ${b}`]);
  });

  test.each([
    ["INCLUDE (A) answers IS_IN (A*B)", include(a, b), [b, c], `is-in ${group} ${b}`],
    ["EXCLUDE (A) answers IS_IN (B-A)", exclude(a, b), [b, c], `is-in ${group} ${c}`],
    ["INCLUDE (A): nothing where that is empty", include(a), [b, c], undefined],
    ["EXCLUDE (A): nothing where that is empty", exclude(b, c), [b, c], undefined],
  ])("group and source: %s", (_, want, sources, answer) => {
    const host = settled(want);
    host.query({ ...specific, sources });
    host.run(30_000);
    expect(host.take()).toEqual(answer === undefined ? [] : [answer]);
  });

  test("group and source: sources of a second query join those of the first", () => {
    const host = settled(include(a, b, c));
    host.query({ ...specific, sources: [a] });
    host.query({ ...specific, sources: [c, d] });
    host.run(30_000);
    expect(host.take()).toEqual([`is-in ${group} ${a} ${c}`]);
  });

  test.each([
    ["after", [{ sources: [a] }, { sources: [] }]],
    ["before", [{ sources: [] }, { sources: [a] }]],
  ])("a group query %s one for sources clears the recorded sources", (_, queries) => {
    const host = settled(include(a, b));
    for (const query of queries) host.query({ ...specific, ...query });
    host.run(30_000);
    expect(host.take()).toEqual([`is-in ${group} ${a} ${b}`]);
  });

  test("a group's answer is sent at the earliest of pending and new", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const host = new Host(seed);
      host.want(exclude());
      host.run(10_000);
      host.query({ ...specific, maxResponseMs: 50_000 });
      const pendingMs = host.listener.nextDeadlineMs();
      host.query({ ...specific, maxResponseMs: 1_000 });
      expect(host.listener.nextDeadlineMs()).toBeLessThanOrEqual(Math.min(pendingMs, 11_000));
    }
  });

  test("a group that is left before its answer is due says nothing more", () => {
    const host = settled(exclude());
    host.query({ ...specific, maxResponseMs: 60_000 });
    host.unwanted();
    host.run(100_000);
    expect(host.take()).toEqual([`to-in ${group}`, `to-in ${group}`]);
  });
});

describe("RFC 9776 §4.2.16 reports within the MTU", () => {
  test("records go on in the next report", () => {
    const host = new Host(1, 24 + 8 + 2 * 8);
    for (let i = 1; i <= 5; i++) {
      host.listener.onWant({ ...exclude(), group: address(`233.252.0.${i}`) });
    }
    host.run(0);
    expect(host.take().map((text) => text.split(",").length)).toEqual([2, 2, 1]);
  });
});

describe("RFC 9776 §7.2.1 older queriers", () => {
  test("IGMPv2: reports and one leave, robustness reports of a join", () => {
    const host = new Host();
    host.query(older);
    host.want(exclude());
    host.run(5_000);
    expect(host.take()).toEqual([`v2 ${group}`, `v2 ${group}`]);
    host.want(exclude(a));
    host.run(8_000);
    expect(host.take()).toEqual([]);
    host.unwanted();
    host.run(20_000);
    expect(host.take()).toEqual([`leave ${group}`]);
  });

  test("IGMPv1: reports, and no leave (RFC 1112)", () => {
    const host = new Host();
    host.query(oldest);
    host.want(exclude());
    host.run(5_000);
    host.unwanted();
    host.run(10_000);
    expect(host.take()).toEqual([`v1 ${group}`, `v1 ${group}`]);
  });

  test("RFC 2236 §3: each group answers a general query by itself", () => {
    const host = settled(exclude(), { ...exclude(), group: other });
    host.query(older);
    host.run(30_000);
    expect(host.sent.length).toBe(2);
    expect(new Set(host.sent.map(({ atMs }) => atMs)).size).toBe(2);
    expect(host.take().sort()).toEqual([`v2 ${group}`, `v2 ${other}`]);
    host.query({ ...older, group, maxResponseMs: 1_000 });
    host.run(40_000);
    expect(host.take()).toEqual([`v2 ${group}`]);
  });

  test("§8.12 it lasts RV x QI + 10 x Max Resp: 350 s", () => {
    const host = settled(exclude());
    host.query(older);
    const startMs = host.nowMs;
    host.run(startMs + 349_999);
    expect(host.listener.version).toBe(2);
    host.run(startMs + 350_000);
    expect(host.listener.version).toBe(3);
  });

  test("RFC 9777 §9.12: of MLD, RV x QI + Max Resp: 260 s", () => {
    const listener = new Listener({ family: 6, mtuBytes: 1_500 }, new Prng(1));
    listener.onQuery(older, 0);
    expect(listener.nextDeadlineMs()).toBe(260_000);
    listener.onDeadline(260_000);
    expect(listener.version).toBe(3);
  });

  test("only a general query tells the version", () => {
    const host = settled(exclude());
    host.query({ ...older, group });
    expect(host.listener.version).toBe(3);
  });

  test("the lowest version rules, and a newer querier does not end it", () => {
    const host = settled(exclude());
    host.query(older);
    host.query(oldest);
    host.query(general);
    expect(host.listener.version).toBe(1);
  });

  test("a change of version cancels what is pending", () => {
    const host = new Host();
    host.query(general);
    host.want(exclude());
    expect(host.take()).toEqual([`to-ex ${group}`]);
    host.query({ ...older, maxResponseMs: 100 });
    host.run(host.nowMs + 20_000);
    expect(host.take()).toEqual([`v2 ${group}`]); // the answer to the query, in its version
  });

  test("a change that was never told is told in the new version", () => {
    const host = new Host();
    host.listener.onWant(exclude());
    host.query(older);
    host.run(1_000);
    expect(host.take()[0]).toBe(`v2 ${group}`);
  });

  test("RFC 4604 §2.2.2: source-specific joins are impossible, counted and visible", () => {
    const host = settled(channel(a), exclude());
    expect(host.listener.ssmImpossible).toBe(0);
    host.query(older);
    expect(host.listener.ssmImpossible).toBe(1);
    host.want({ ...channel(b), group: address("232.1.1.2") });
    expect(host.listener.ssmImpossible).toBe(2);
    expect(host.listener.counts.ssmUnsaid).toBe(2);
    host.run(400_000);
    expect(host.listener.ssmImpossible).toBe(0);
    expect(host.take()).toEqual([`v2 ${group}`]);
    host.query(general);
    host.run(420_000);
    expect(host.take().join()).toContain(`is-in ${channels} ${a}`);
  });
});

describe("bounds", () => {
  test("RFC 4604 §2.2.1: a source-specific group has no (*,G)", () => {
    const host = new Host();
    expect(host.want({ ...channel(), mode: "exclude" })).toBe("ssm-without-source");
    expect(host.take()).toEqual([]);
  });

  test("too many sources: more rather than less, but not of a source-specific group", () => {
    const host = new Host();
    const sources = many(limits.sourcesPerGroupMax + 1);
    expect(host.want(include(...sources))).toBe("widened");
    expect(host.take()).toEqual([`to-ex ${group}`]);
    expect(host.want(channel(...sources))).toBe("sources-full");
    expect(host.listener.want(channels)?.sources).toHaveLength(limits.sourcesPerGroupMax);
  });

  test("a full table refuses and counts", () => {
    const { listener } = new Host();
    for (let i = 0; i < limits.groupsPerLanMax; i++) {
      listener.onWant({ ...exclude(), group: ipv4Address(ipv4Of(group) + i) });
    }
    expect(listener.onWant(channel(a))).toBe("table-full");
    expect(listener.counts["table-full"]).toBe(1);
  });

  test("a list of changes too long becomes the whole state", () => {
    const host = settled(include(...many(2)));
    for (let i = 0; i <= limits.recordsPerReportMax / 16; i++) {
      const sources = many(32).map((one) => ipv4Address(ipv4Of(one) + 32 * i));
      host.listener.onWant(include(...sources));
    }
    host.run(host.nowMs);
    expect(host.take()[0]).toStartWith("to-in");
  });
});
