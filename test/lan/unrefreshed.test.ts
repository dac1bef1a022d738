import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { limits } from "../../src/limits.ts";
import { group, host, Lan } from "./lan.ts";

const [a, b] = ["198.51.100.1", "198.51.100.2"].map(address) as [Address, Address];

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

describe("a LAN that nobody asks (RFC 9776 §8.4, §8.5)", () => {
  const dayMs = limits.unrefreshedMs;
  const other = address("192.0.2.11");
  const second = address("233.252.0.2");

  test("members stay a day after their last report, marked when they are overdue", () => {
    const lan = new Lan("keep");
    lan.record("is-ex", [], 0);
    expect(lan.membership.isUnrefreshed(group, 269_999)).toBe(false);
    expect(lan.wantAt(270_000)).toBe("exclude");
    expect(lan.membership.isUnrefreshed(group, 270_000)).toBe(true);
    expect(lan.membership.nextDeadlineMs()).toBe(dayMs);
    expect(lan.wantAt(dayMs - 1)).toBe("exclude");
    expect(lan.wantAt(dayMs)).toBeUndefined();
    expect(lan.membership.isUnrefreshed(group, dayMs)).toBe(false);
  });

  test("§8.5 the clock stops when the querier is absent", () => {
    const lan = new Lan("keep");
    lan.membership.onQuery(general, 0);
    lan.record("is-ex", [], 5_000);
    expect(lan.membership.nextDeadlineMs()).toBe(255_000);
    lan.membership.onDeadline(255_000);
    expect(lan.membership.nextDeadlineMs()).toBe(5_000 + dayMs);
  });

  test("§8.5 a fact that comes before the overdue deadline finds the clock stopped", () => {
    const lan = new Lan("keep");
    lan.membership.onQuery(general, 0);
    lan.record("is-ex", [], 5_000);
    lan.record("is-ex", [], 280_000, { group: second });
    expect(lan.wantAt(300_000)).toBe("exclude");
    expect(lan.membership.nextDeadlineMs()).toBe(5_000 + dayMs);
  });

  test("§8.8 what was asked last and did not answer ends all the same", () => {
    const lan = new Lan("keep");
    lan.membership.onQuery(general, 0);
    lan.record("is-ex", [], 5_000);
    lan.membership.onQuery(specific, 254_000);
    lan.membership.onDeadline(255_000);
    expect(lan.wantAt(256_000)).toBeUndefined();
  });

  test("§8.4 the clock goes on with the next general query", () => {
    const lan = new Lan("keep");
    lan.record("is-ex", [], 0);
    lan.record("is-ex", [], 0, { group: second });
    lan.membership.onQuery(specific, 900_000);
    expect(lan.wantAt(901_999, second)).toBe("exclude");
    lan.membership.onQuery(general, 1_000_000);
    lan.record("is-ex", [], 1_005_000, { group: second });
    lan.membership.onQuery(general, 1_125_000);
    expect(lan.wantAt(1_270_000)).toBeUndefined();
    expect(lan.wantAt(1_274_999, second)).toBe("exclude");
    expect(lan.membership.isUnrefreshed(second, 1_274_999)).toBe(false);
    expect(lan.wantAt(1_275_000, second)).toBeUndefined();
  });

  test.each([
    ["TO_EX, TO_IN{}", ["to-ex", []], ["to-in", []]],
    ["ALLOW, BLOCK", ["allow", [a]], ["block", [a]]],
    ["TO_IN, BLOCK", ["to-in", [a, b]], ["block", [a, b]]],
    ["IS_IN, TO_IN{}", ["is-in", [a]], ["to-in", []]],
  ] as const)("appendix A.2 the last reporter left: %s", (_, join, leave) => {
    const lan = new Lan("keep");
    lan.record(join[0], join[1], 0);
    lan.record(join[0], join[1], 0, { host: other });
    lan.record(leave[0], leave[1], 1_000_000);
    expect(lan.wantAt(1_000_000)).toBeDefined();
    lan.effects();
    lan.record(leave[0], leave[1], 2_000_000, { host: other });
    expect(lan.wantAt(2_000_000)).toBeUndefined();
    expect(lan.effects()).toEqual([{ kind: "changed", group }]);
  });

  test.each([
    ["§7.3.2 a version 2 leave proves nothing", 2, host],
    ["§4.2.14 nor does one host of many without an address", 3, address("0.0.0.0")],
  ] as const)("%s", (_, version, from) => {
    const lan = new Lan("keep");
    lan.membership.onRecord({ type: "is-ex", group, sources: [] }, from, version, 0);
    lan.membership.onRecord({ type: "to-in", group, sources: [] }, from, version, 1_000_000);
    expect(lan.wantAt(dayMs - 1)).toBe("exclude");
  });

  test("§8.13 hosts of version 2 stay as long, so that nobody leaves for them", () => {
    const lan = new Lan("keep");
    lan.record("is-ex", [], 0, { host: other });
    lan.report(2, 0);
    lan.leave(1_000_000);
    lan.record("to-in", [], 1_000_000, { host: other });
    expect(lan.membership.versionOf(group, 1_000_000)).toBe(2);
    expect(lan.wantAt(1_000_000)).toBe("exclude");
  });

  test("§8.13 and its rules hold on when the clock stops", () => {
    const lan = new Lan("keep");
    lan.membership.onQuery(general, 0);
    lan.report(2, 5_000);
    lan.membership.onDeadline(255_000);
    expect(lan.membership.versionOf(group, 300_000)).toBe(2);
    lan.membership.onQuery(general, 1_000_000);
    expect(lan.membership.versionOf(group, 1_269_999)).toBe(2);
    expect(lan.membership.versionOf(group, 1_270_000)).toBe(3);
  });

  test("where somebody asks, the querier decides and not the last leave", () => {
    const lan = new Lan("keep");
    lan.membership.onQuery(general, 0);
    lan.record("to-ex", [], 0);
    lan.record("to-in", [], 1_000);
    expect(lan.wantAt(1_000)).toBe("exclude");
  });
});

describe("RFC 9776 §4.1.6, §4.1.7 a forged query keeps no member for ever", () => {
  test("robustness, interval and response are adopted up to a bound", () => {
    const lan = new Lan();
    const forged = { robustness: 7, queryIntervalMs: 31_744_000, maxResponseMs: 3_174_400 };
    lan.membership.onQuery({ ...general, ...forged }, 0);
    lan.record("is-ex", [], 0);
    expect(lan.membership.nextDeadlineMs()).toBe(4 * 600_000 + 2 * 60_000);
    expect(lan.membership.otherQuerierPresentMs()).toBe(4 * 600_000 + 30_000);
    expect(lan.membership.robustness).toBe(limits.adoptedRobustnessMax);
    expect(lan.membership.queryIntervalMs).toBe(limits.adoptedQueryIntervalMsMax);
  });
});
