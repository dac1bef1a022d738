import { expect, test } from "bun:test";
import { CounterWindow, windowCounters } from "../../src/probe/counter-window.ts";

test.each([
  ["in order", [0, 1, 2], ["next", "next", "next"]],
  ["twice", [5, 5], ["next", "duplicate"]],
  ["swapped", [5, 7, 6, 6], ["next", "next", "reordered", "duplicate"]],
  ["before the first", [5, 4, 4], ["next", "reordered", "duplicate"]],
  ["a jump beyond the window", [1, 1e9, 1e9 - 1, 1], ["next", "next", "reordered", "late"]],
  ["the window's edge", [windowCounters, 1, 0], ["next", "reordered", "late"]],
  ["a slot used again", [3, 3 + windowCounters, 4], ["next", "next", "reordered"]],
  ["2^53", [2 ** 53 - 1, 2 ** 53 - 2], ["next", "reordered"]],
] as const)("%s", (_, counters, verdicts) => {
  const window = new CounterWindow();
  expect(counters.map((counter) => window.see(counter))).toEqual([...verdicts]);
});
