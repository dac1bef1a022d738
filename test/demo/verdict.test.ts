import { describe, expect, test } from "bun:test";
import { grouped, milliseconds, noReport, type Observed } from "../../src/demo/verdict.ts";
import { verdictOf } from "../../src/demo/verdict.ts";
import { atSite2, atSite4, good, line, report } from "./observed.ts";

const faults = (observed: Observed): string[] => {
  const { ok, claims } = verdictOf(observed);
  const failed = claims.filter(({ holds }) => !holds).map(({ text }) => text);
  expect(ok).toBe(failed.length === 0);
  return failed;
};

test("a run without a fault", () => {
  const verdict = verdictOf(good);
  expect(faults(good)).toEqual([]);
  expect(verdict).toMatchObject({ ok: true, sent: 1_000 });
  const counts = { lost: 0, duplicated: 0, reordered: 0 };
  const latencyMs = { p50: 0.25, p99: 1.5 };
  const all = { first: 0, last: 999 };
  expect(verdict.sites).toEqual([
    {
      site: "site1",
      member: false,
      expected: 0,
      received: 0,
      ...counts,
      latencyMs: { p50: null, p99: null },
      first: null,
      last: null,
    },
    { site: "site2", member: true, expected: 1_000, received: 1_000, ...counts, latencyMs, ...all },
    { site: "site3", member: true, expected: 1_000, received: 1_000, ...counts, latencyMs, ...all },
    {
      site: "site4",
      member: true,
      expected: 400,
      received: 400,
      ...counts,
      latencyMs,
      first: 300,
      last: 699,
    },
  ]);
});

describe("one packet is enough to fail", () => {
  test.each([
    ["missing between others", atSite2({ received: 999, lost: 1 }), "1 lost"],
    ["missing at the end", atSite2({ received: 999, last: 998 }), "1 lost"],
    ["doubled", atSite2({ duplicated: 1 }), "1 doubled"],
    ["too late to judge", atSite2({ late: 1 }), "1 doubled"],
    ["out of order", atSite2({ reordered: 1 }), "1 out of order"],
    ["changed on the way", atSite2({ corrupted: 1 }), "1 changed on the way"],
    ["of another source address", atSite2({ source: "192.0.2.99" }), "from 192.0.2.99"],
    ["never sent", atSite2({ received: 1_001 }), "1 more than were sent"],
  ])("%s, at a member from the start", (_, observed, fault) => {
    expect(faults(observed)[0]).toContain(fault);
    expect(faults(observed)[0]).toContain("site2/host1: of 1,000 packets");
  });

  test.each([
    ["missing", atSite4({ received: 399, lost: 1 }), "of 400 packets while it was a member 1 lost"],
    ["doubled", atSite4({ duplicated: 1 }), "1 doubled"],
    ["out of order", atSite4({ reordered: 1 }), "1 out of order"],
  ])("%s, at the late member", (_, observed, fault) => {
    expect(faults(observed)[0]).toContain(fault);
  });

  test("a site without member got one", () => {
    expect(faults(atSite4({}, { framesBefore: 1 }))).toEqual([
      "site4 had no member, yet its Router got 1 packets",
    ]);
  });

  test("one came back to the sender's site", () => {
    const observed = { ...good, framesBack: 1 };
    expect(faults(observed)).toEqual(["1 packets came back to site1, where they were sent"]);
    expect(verdictOf(observed).sites[0]).toMatchObject({ member: false, expected: 0, received: 1 });
  });
});

describe("the late member", () => {
  test("waits too long for its first packet", () => {
    const late = { ...report({ first: 900, last: 999, received: 100 }), joinToFirstMs: 1_001 };
    expect(faults(atSite4({}, { report: late }))).toEqual([
      "site4/host1 waited 1.0 s for its first packet",
    ]);
  });

  test("gets nothing at all", () => {
    expect(faults(atSite4({}, { report: noReport }))).toEqual([
      "site4/host1 waited for ever for its first packet",
      "site4/host1: of 0 packets while it was a member none came",
      "site4/host1 had its last packet for ever before it left",
    ]);
  });

  test("falls silent before it leaves", () => {
    expect(faults(atSite4({ lastAt: "2026-01-01T00:00:08Z" }))).toEqual([
      "site4/host1 had its last packet 2.0 s before it left",
    ]);
  });

  test("gets packets too long after it left, or until the stream ends", () => {
    expect(faults(atSite4({}, { stoppedAfterMs: 3_001 }))).toHaveLength(1);
    expect(faults(atSite4({}, { stopSeen: false }))).toHaveLength(1);
  });
});

test("nothing is proved without packets", () => {
  const sender = { ...good.sender, report: { run: 7, sent: 0 } };
  const steady = good.steady.map(({ site }) => ({ site, report: noReport }));
  expect(faults({ ...good, sender, steady })).toHaveLength(2);
  expect(faults({ ...good, outage: { durationMs: 100, sent: 0 } })).toHaveLength(1);
});

test("a second sender is no part of the demo", () => {
  const mixed = { senders: [line(), line({ run: 8 })], joinToFirstMs: 1 };
  const steady = [{ site: "site2", report: mixed }, ...good.steady.slice(1)];
  expect(faults({ ...good, steady })).toHaveLength(1);
});

test("numbers as people read them", () => {
  expect([0, 999, 1_000, 1_234_567].map(grouped)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([12.4, 999, 2_640].map(milliseconds)).toEqual(["12 ms", "999 ms", "2.6 s"]);
});
