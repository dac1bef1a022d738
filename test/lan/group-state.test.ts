import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import {
  afterQuery,
  afterRecord,
  afterTime,
  type GroupState,
  nextTimerMs,
  type RecordType,
  type Step,
  sourceCount,
  wantOf,
  withTimers,
} from "../../src/lan/group-state.ts";

// A state is written as in the RFC: `IN(a5 b7)` is INCLUDE with timers of a ending at 5 and of b
// at 7; `EX(a5|c d|9)` is EXCLUDE(X,Y) with X = {a}, Y = {c, d} and the group timer ending at 9.
// A timer set to the Group Membership Interval ends at 99.
const freshMs = 99;
const sourceOf = (letter: string): Address => address(`192.0.2.${letter.charCodeAt(0)}`);
const letterOf = (source: Address): string =>
  String.fromCharCode(Number(source.slice(source.lastIndexOf(".") + 1)));

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

function state(text: string): GroupState {
  const [requested = "", blocked, until] = text.slice(3, -1).split("|");
  const timers = new Map(
    words(requested).map((word) => [sourceOf(word), Number(word.slice(1))] as const),
  );
  if (text.startsWith("IN")) return { mode: "include", requested: timers };
  const sources = new Set(words(blocked ?? "").map(sourceOf));
  return { mode: "exclude", requested: timers, blocked: sources, untilMs: Number(until) };
}

function stateText(of: GroupState): string {
  const timers = [...of.requested].map(([source, untilMs]) => `${letterOf(source)}${untilMs}`);
  if (of.mode === "include") return `IN(${timers.sort().join(" ")})`;
  const blocked = [...of.blocked].map(letterOf).sort();
  return `EX(${timers.sort().join(" ")}|${blocked.join(" ")}|${of.untilMs})`;
}

function queryText(query: Step["query"]): string {
  const sources = [...query.sources].map(letterOf).sort().join(" ");
  return `${query.wholeGroup ? "Q(G)" : ""}${sources === "" ? "" : `Q(G,${sources})`}`;
}

type Row = [before: string, type: RecordType, sources: string, after: string, query: string];

const currentState: Row[] = [
  ["IN()", "is-in", "a", "IN(a99)", ""],
  ["IN(a5 b7)", "is-in", "b c", "IN(a5 b99 c99)", ""],
  ["IN(a5)", "is-in", "", "IN(a5)", ""],
  ["IN()", "is-ex", "", "EX(||99)", ""],
  ["IN()", "is-ex", "a b", "EX(|a b|99)", ""],
  ["IN(a5 b7)", "is-ex", "b c", "EX(b7|c|99)", ""],
  ["EX(a5|c d|9)", "is-in", "a c e", "EX(a99 c99 e99|d|9)", ""],
  ["EX(a5 b7|c d|9)", "is-ex", "a c e", "EX(a5 e99|c|99)", ""],
  ["EX(a5|c|9)", "is-ex", "", "EX(||99)", ""],
];

const changes: Row[] = [
  ["IN(a5)", "allow", "a b", "IN(a99 b99)", ""],
  ["IN(a5 b7)", "block", "b c", "IN(a5 b7)", "Q(G,b)"],
  ["IN(a5)", "block", "c", "IN(a5)", ""],
  ["IN(a5 b7)", "to-ex", "b c", "EX(b7|c|99)", "Q(G,b)"],
  ["IN(a5 b7)", "to-ex", "", "EX(||99)", ""],
  ["IN(a5 b7)", "to-in", "b c", "IN(a5 b99 c99)", "Q(G,a)"],
  ["IN(a5 b7)", "to-in", "", "IN(a5 b7)", "Q(G,a b)"],
  ["EX(a5|c d|9)", "allow", "a c e", "EX(a99 c99 e99|d|9)", ""],
  ["EX(a5 b7|c d|9)", "block", "a c e", "EX(a5 b7 e9|c d|9)", "Q(G,a e)"],
  ["EX(a5 b7|c d|9)", "to-ex", "a c e", "EX(a5 e9|c|99)", "Q(G,a e)"],
  ["EX(a5|c|9)", "to-ex", "", "EX(||99)", ""],
  ["EX(a5 b7|c d|9)", "to-in", "a c e", "EX(a99 b7 c99 e99|d|9)", "Q(G)Q(G,b)"],
  ["EX(||9)", "to-in", "", "EX(||9)", "Q(G)"],
];

const sections = { "§6.4.1 current-state records": currentState, "§6.4.2 changes": changes };
for (const [section, rows] of Object.entries(sections)) {
  describe(`RFC 9776 ${section}`, () => {
    test.each(rows)("%s %s(%s) -> %s %s", (before, type, sources, after, query) => {
      const from = state(before);
      const step = afterRecord(from, type, words(sources).map(sourceOf), freshMs);
      expect(stateText(step.state)).toBe(after);
      expect(queryText(step.query)).toBe(query);
      expect(stateText(from)).toBe(before); // states are values
    });
  });
}

describe("RFC 9776 §6.2.2, §6.2.3, §6.5 timers that end", () => {
  test.each([
    ["IN(a5 b7)", 4, "IN(a5 b7)"],
    ["IN(a5 b7)", 5, "IN(b7)"],
    ["IN(a5 b7)", 7, "IN()"],
    ["EX(a5 b20|c|9)", 4, "EX(a5 b20|c|9)"],
    ["EX(a5 b20|c|9)", 5, "EX(b20|a c|9)"],
    ["EX(a5 b20|c|9)", 9, "IN(b20)"],
    ["EX(a5|c|9)", 9, "IN()"],
    ["EX(a9||9)", 9, "IN()"],
  ])("%s at %d -> %s", (before, nowMs, after) => {
    expect(stateText(afterTime(state(before), nowMs))).toBe(after);
  });
});

describe("RFC 9776 §6.6.1 timers that a query lowers", () => {
  test.each([
    ["EX(a50|c|90)", "", "EX(a50|c|10)"],
    ["EX(a50|c|4)", "", "EX(a50|c|4)"],
    ["IN(a50)", "", "IN(a50)"],
    ["IN(a50 b60)", "a", "IN(a10 b60)"],
    ["IN(a4 b60)", "a b", "IN(a4 b10)"],
    ["EX(a50|c|90)", "a c e", "EX(a10|c|90)"],
  ])("%s Q(G,%s) -> %s", (before, sources, after) => {
    const lowered = afterQuery(state(before), words(sources).map(sourceOf), 10);
    expect(stateText(lowered)).toBe(after);
  });
});

test.each([
  ["IN(a5 b7)", "IN(a6 b8)"],
  ["EX(a5|c|9)", "EX(a6|c|10)"],
])("%s with its timers moved is %s", (before, after) => {
  expect(stateText(withTimers(state(before), (untilMs) => untilMs + 1))).toBe(after);
});

test("the next timer is the earliest of the group's and the sources'", () => {
  expect(nextTimerMs(state("IN()"))).toBe(Number.POSITIVE_INFINITY);
  expect(nextTimerMs(state("IN(a5 b3)"))).toBe(3);
  expect(nextTimerMs(state("EX(a5|c|4)"))).toBe(4);
});

test("RFC 9776 §3.2: INCLUDE wants the running sources, EXCLUDE all but the blocked ones", () => {
  const group = address("233.252.0.1");
  expect(wantOf(group, state("IN()"))).toBeUndefined();
  const two = ["a", "b"].map(sourceOf);
  expect(wantOf(group, state("IN(b3 a5)"))).toEqual({ group, mode: "include", sources: two });
  const blocked = [sourceOf("c")];
  expect(wantOf(group, state("EX(a5|c|9)"))).toEqual({ group, mode: "exclude", sources: blocked });
  expect(sourceCount(state("EX(a5|c d|9)"))).toBe(3);
});
