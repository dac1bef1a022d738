import { expect, test } from "bun:test";
import { durationSecondsMin, stopMsMax, tailMs, timelineOf } from "../../src/demo/timeline.ts";

test.each([durationSecondsMin, 8, 20, 3_600])("the events of %i s come in order", (seconds) => {
  const events = timelineOf(seconds * 1000);
  expect(events.map(({ name }) => name)).toEqual(["join", "kill", "restart", "leave"]);
  const times = events.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(new Set(times).size).toBe(times.length);
  expect(times[0]).toBeGreaterThan(0);
});

test("the stream outlives the leave by what the leave may take", () => {
  expect(tailMs).toBeGreaterThan(stopMsMax);
  expect(timelineOf(8_000).at(-1)?.atMs).toBe(8_000 - tailMs);
});

test("each event has its words", () => {
  const events = timelineOf(20_000);
  expect(events.every(({ title, words }) => title !== "" && words !== "")).toBe(true);
});
