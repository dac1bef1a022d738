import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import { type FindingCode, Findings } from "../../src/lan/findings.ts";
import type { RecordOutcome } from "../../src/lan/membership.ts";
import type { QuerySeen } from "../../src/lan/query-evidence.ts";
import { limits } from "../../src/limits.ts";

const router = address("192.0.2.1");
const host = address("192.0.2.10");
const group = address("233.252.0.1");
const source = address("198.51.100.1");
const general: QuerySeen = {
  source: router,
  version: 3,
  group: undefined,
  maxResponseMs: 10_000,
  isOurs: false,
};

/** Findings whose clock runs in its own steps up to each fact. */
class Rig {
  readonly findings = new Findings({ timers: { otherQuerierPresentMs: () => 255_000 } }, 0);

  runTo(nowMs: number): this {
    while (this.findings.nextDeadlineMs() <= nowMs) {
      this.findings.onDeadline(this.findings.nextDeadlineMs());
    }
    return this;
  }

  query(nowMs: number, values: Partial<QuerySeen> = {}): this {
    this.runTo(nowMs).findings.onQuery({ ...general, ...values }, nowMs);
    return this;
  }

  record(nowMs: number, outcome: RecordOutcome = "accepted"): this {
    const record = { group, reporter: host, version: 3, outcome } as const;
    this.runTo(nowMs).findings.onRecord(record, nowMs);
    return this;
  }

  data(ttl: number, nowMs: number, to = group): this {
    this.runTo(nowMs).findings.onDataTtl(ttl, ipv4Of(source), ipv4Of(to), nowMs);
    return this;
  }

  want(...groups: Address[]): this {
    for (const wanted of groups) this.findings.onWant(wanted, true);
    return this;
  }

  codes(nowMs: number): FindingCode[] {
    return this.runTo(nowMs)
      .findings.findings(nowMs)
      .map(({ code }) => code);
  }
}

/** A LAN with nothing wrong up to 300 s. */
function sound(): Rig {
  const rig = new Rig();
  for (let nowMs = 0; nowMs <= 300_000; nowMs += 60_000) rig.query(nowMs).record(nowMs + 1_000);
  return rig.data(16, 300_000).want(group);
}

test("a sound LAN has no finding", () => {
  expect(sound().codes(310_000)).toEqual([]);
});

test.each<[string, FindingCode, (rig: Rig) => unknown]>([
  ["RFC 9776 §8.5", "NO_QUERIER", (rig) => rig.record(560_000)],
  [
    "RFC 9776 §6.6.2",
    "TWO_QUERIERS",
    (rig) => {
      for (const atMs of [310_000, 320_000, 330_000]) {
        rig
          .query(atMs, { source: address("192.0.2.2") })
          .query(atMs + 1)
          .record(atMs + 2);
      }
    },
  ],
  ["RFC 9776 §7.3.1", "QUERIER_OLD_VERSION", (rig) => rig.query(310_000, { version: 2 })],
  [
    "RFC 4541 §2.1.1",
    "QUERIER_ZERO",
    (rig) => {
      for (const atMs of [400_000, 500_000, 600_000]) {
        rig.query(atMs, { source: address("0.0.0.0") }).record(atMs + 1);
      }
    },
  ],
  ["RFC 4541 §2.1.1", "REPORTS_HIDDEN", (rig) => rig.query(310_000).query(320_000).runTo(340_000)],
  ["RFC 9776 §8.8", "LEAVE_WITHOUT_QUERIER", (rig) => rig.findings.onLeave(group, 310_000)],
  ["RFC 1112 §6.1", "TTL_ONE", (rig) => rig.data(1, 310_000)],
  ["RFC 4607 §3.1", "SSM_WITH_ASM_REPORT", (rig) => rig.record(310_000, "ssm-with-asm-report")],
  ["RFC 1112 §6.4", "MAC_COLLISION", (rig) => rig.want(address("239.252.0.1"))],
  ["RFC 1112 §6.4", "LINK_LOCAL_MAC", (rig) => rig.want(address("239.128.0.5"))],
  [
    "RFC 9776 §11",
    "STORM",
    (rig) => {
      for (let i = 0; i <= limits.stormRecordsMax; i++) rig.record(310_000);
    },
  ],
  ["RFC 9776 §11", "TOO_MANY_GROUPS", (rig) => rig.record(310_000, "table-full")],
])("%s %s is found, with evidence and a fix in words", (_, code, cause) => {
  const rig = sound();
  cause(rig);
  const nowMs = rig.findings.nextDeadlineMs() + 15_000;
  rig.runTo(nowMs);
  expect(rig.codes(nowMs)).toEqual([code]);
  const [finding] = rig.findings.findings(nowMs);
  expect(finding?.evidence).toMatch(/\d/);
  expect(finding?.fix).toMatch(/^[a-z].{30,}/);
});

describe("RFC 1112 §6.1 a TTL of 1 does not leave the LAN", () => {
  test.each([
    ["wanted", 1, group, true],
    ["0 on arrival", 0, group, true],
    ["2 leaves", 2, group, false],
    ["nobody wants it", 1, address("233.252.0.9"), false],
    ["RFC 5771 §4 it never would", 1, address("224.0.0.251"), false],
  ])("%s", (_, ttl, to, isFound) => {
    const rig = sound().want(address("224.0.0.251")).data(ttl, 310_000, to);
    expect(rig.codes(320_000)).toEqual(isFound ? ["TTL_ONE"] : []);
  });

  test("no longer wanted, no longer found", () => {
    const rig = sound();
    rig.findings.onWant(group, false);
    expect(rig.data(1, 310_000).codes(320_000)).toEqual([]);
  });

  test("all packets are counted, few are looked at", () => {
    const rig = sound();
    for (let i = 0; i < 10_000; i++) rig.data(1, 310_000 + i);
    rig.data(1, 325_000).runTo(330_000);
    const [finding] = rig.findings.findings(330_000);
    expect(finding?.evidence).toBe(
      `10001 packets of wanted groups with a TTL of 1, the last from 198.51.100.1 to ${group}`,
    );
  });
});

describe("how long a finding lasts", () => {
  const step = limits.findingsIntervalMs;
  const hold = limits.findingHoldMs;
  const codesOf = (rig: Rig, nowMs: number) =>
    rig
      .runTo(nowMs)
      .findings.findings(nowMs)
      .map(({ code, sinceMs, lastMs }) => ({
        code,
        sinceMs,
        lastMs,
      }));

  test("from its first sight until none came for the hold", () => {
    const rig = new Rig().want(group).query(0).record(1_000).data(1, 1_000);
    expect(codesOf(rig, step)).toEqual([{ code: "TTL_ONE", sinceMs: step, lastMs: step }]);
    rig.data(1, 40_001);
    const lastMs = 45_000;
    expect(codesOf(rig, lastMs)).toEqual([{ code: "TTL_ONE", sinceMs: step, lastMs }]);
    rig.query(100_000).record(100_001).query(200_000).record(200_001);
    rig.query(300_000).record(300_001);
    expect(codesOf(rig, lastMs + hold - 1)).toEqual([{ code: "TTL_ONE", sinceMs: step, lastMs }]);
    expect(codesOf(rig, lastMs + hold)).toEqual([]);
    rig.data(1, lastMs + hold + 1);
    const againMs = lastMs + hold + step;
    expect(codesOf(rig, againMs)).toEqual([{ code: "TTL_ONE", sinceMs: againMs, lastMs: againMs }]);
  });

  test("a look that comes late starts a finding anew when it was gone for the hold", () => {
    const { findings } = new Rig().want(group, address("239.252.0.1"));
    findings.onDeadline(step);
    findings.onDeadline(step + hold);
    expect(findings.findings(step + hold)).toMatchObject([
      { code: "MAC_COLLISION", sinceMs: step + hold },
    ]);
  });

  test("a condition that lasts is one finding", () => {
    const rig = new Rig().want(group, address("239.252.0.1"));
    const found = codesOf(rig, 1_000_000);
    expect(found).toEqual([{ code: "MAC_COLLISION", sinceMs: step, lastMs: 1_000_000 }]);
    rig.findings.onWant(group, false);
    expect(codesOf(rig, 1_000_000 + hold)).toEqual([]);
  });
});

test("whatever comes, there is one finding of each code at most", () => {
  const rig = new Rig();
  const first = ipv4Of(address("239.0.0.0"));
  for (let i = 0; i < 20_000; i++) {
    const one = ipv4Address(first + i);
    rig.findings.onWant(one, true);
    rig.query(i * 10, { source: ipv4Address(i % 3 === 0 ? 0 : i), version: 2 });
    rig.record(i * 10, i % 2 === 0 ? "table-full" : "ssm-with-asm-report");
    rig.findings.onLeave(one, i * 10);
    rig.data(1, i * 10, one);
  }
  const codes = rig.codes(200_000);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.length).toBeGreaterThanOrEqual(5);
});

test("a hop limit of 1 is found as a TTL of 1 is, of wanted groups only", () => {
  const findings = new Findings({ timers: { otherQuerierPresentMs: () => 255_000 } }, 0);
  const channel = Uint32Array.of(0x2001_0db8, 0, 0, 0x11, 0xff0e_0000, 0, 0, 0x4321);
  const look = (): string[] => {
    findings.onDeadline(findings.nextDeadlineMs());
    return findings.findings(findings.nextDeadlineMs()).map(({ evidence }) => evidence);
  };
  findings.onDataHopLimit(1, channel, 10);
  expect(look()).toEqual([]);
  findings.onWant(address("ff0e::4321"), true);
  findings.onDataHopLimit(2, channel, 20_000);
  expect(look()).toEqual([]);
  findings.onDataHopLimit(1, channel, 30_000);
  expect(look()).toEqual([expect.stringContaining("from 2001:db8::11 to ff0e::4321")]);
});
