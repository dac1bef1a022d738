import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import { answerRecord, Change, currentRecord, reportsOf } from "../../src/lan/listener-records.ts";
import type { GroupRecord } from "../../src/wire/membership-message.ts";
import type { Want } from "../../src/wire/want.ts";

const group = address("233.252.0.1");
const [a, b] = [address("198.51.100.1"), address("198.51.100.2")];
const many = (count: number): Address[] =>
  Array.from({ length: count }, (_, i) => ipv4Address(ipv4Of(a) + i));
const want = (mode: Want["mode"], ...of: Address[]): Want => ({ group, mode, sources: of });

test("RFC 9776 §5.1 the mode is said robustness times, so is a list that came meanwhile", () => {
  const change = new Change();
  change.onDifference(undefined, want("exclude", a), 2);
  expect(change.takeRecords(group, want("exclude", a))).toEqual([
    { type: "to-ex", group, sources: [a] },
  ]);
  change.onDifference(want("exclude", a), want("exclude", a, b), 2);
  expect(change.takeRecords(group, want("exclude", a, b))).toEqual([
    { type: "to-ex", group, sources: [a, b] },
  ]);
  expect(change.takeRecords(group, want("exclude", a, b))).toEqual([
    { type: "block", group, sources: [b] },
  ]);
  expect(change.isPending).toBe(false);
});

test("§5.1 ALLOW has what is to be forwarded, BLOCK what is not, by the state of now", () => {
  const change = new Change();
  change.onDifference(want("include", a), want("include", b), 1);
  expect(change.takeRecords(group, want("include", b))).toEqual([
    { type: "allow", group, sources: [b] },
    { type: "block", group, sources: [a] },
  ]);
  expect(change.isPending).toBe(false);
});

test("§4.2.13 and §5.2 current state, and answers to queries for sources", () => {
  expect(currentRecord(want("include", a))).toEqual({ type: "is-in", group, sources: [a] });
  expect(currentRecord(want("exclude"))).toEqual({ type: "is-ex", group, sources: [] });
  expect(answerRecord(want("include", a), new Set([a, b]))?.sources).toEqual([a]);
  expect(answerRecord(want("exclude", a), new Set([a, b]))?.sources).toEqual([b]);
  expect(answerRecord(want("include", a), new Set([b]))).toBeUndefined();
});

describe("§4.2.16 records that are too long for a report", () => {
  // What a report holds at an MTU of 1500.
  test.each([
    [4, 365],
    [6, 89],
  ] as const)("IPv%d: %d sources", (family, sourcesMax) => {
    const options = { family, mtuBytes: 1_500 };
    const sizes = (type: GroupRecord["type"], count: number): number[][] =>
      reportsOf([{ type, group, sources: many(count) }], options).map((report) =>
        report.map(({ sources }) => sources.length),
      );
    expect(sizes("is-in", sourcesMax)).toEqual([[sourcesMax]]);
    expect(sizes("block", sourcesMax + 1)).toEqual([[sourcesMax], [1]]);
    expect(sizes("to-in", 2 * sourcesMax + 5)).toEqual([[sourcesMax], [sourcesMax], [5]]);
    expect(sizes("is-ex", sourcesMax + 1)).toEqual([[sourcesMax]]);
    expect(sizes("to-ex", sourcesMax + 1)).toEqual([[sourcesMax]]);
  });
});
