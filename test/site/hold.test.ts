import { expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { Hold } from "../../src/site/hold.ts";
import { group, group2, group6, own, own6 } from "./site.ts";

const one = { source: own, group };
const two = { source: own, group: group2 };
const three = { source: own6, group: group6 };

const frame = (mark: number): Uint8Array => Uint8Array.of(mark, 0, 0, 0);

/** The first bytes of the frames that leave. */
function released(hold: Hold, nowMs: number): { marks: number[]; emptied: boolean } {
  const marks: number[] = [];
  const emptied = hold.release(nowMs, (_channel, { 0: mark = -1 }) => marks.push(mark));
  return { marks, emptied };
}

test("nothing leaves before its channel is ready", () => {
  const hold = new Hold();
  hold.push(one, frame(0), 10);
  expect(hold.has(one)).toBe(true);
  expect(hold.has(two)).toBe(false);
  expect(released(hold, 1_000)).toEqual({ marks: [], emptied: false });
  expect(hold.bytes).toBe(4);
});

test("a queue leaves in order at twice its pace, whatever the others do", () => {
  const hold = new Hold();
  for (const [i, atMs] of [0, 20, 40, 60].entries()) hold.push(one, frame(i), atMs);
  hold.push(two, frame(9), 5);
  hold.onReady((channel) => channel === one, 100);
  expect(released(hold, 100)).toEqual({ marks: [0], emptied: false });
  expect(hold.nextDeadlineMs()).toBe(110);
  expect(released(hold, 121)).toEqual({ marks: [1, 2], emptied: false });
  expect(released(hold, 130)).toEqual({ marks: [3], emptied: true });
  expect(hold.has(one)).toBe(false);
  expect(hold.bytes).toBe(4);
});

test("a channel that is no longer ready stops, and starts again from where it was", () => {
  const hold = new Hold();
  for (const [i, atMs] of [0, 100, 200].entries()) hold.push(one, frame(i), atMs);
  hold.onReady(() => true, 300);
  expect(released(hold, 310).marks).toEqual([0]);
  hold.onReady(() => false, 320);
  expect(released(hold, 900).marks).toEqual([]);
  hold.onReady(() => true, 1_000);
  expect(released(hold, 1_000).marks).toEqual([1]);
  expect(released(hold, 1_050).marks).toEqual([2]);
});

test("what waits too long is dropped, but not what is on its way", () => {
  const hold = new Hold();
  hold.push(one, frame(0), 0);
  hold.push(one, frame(1), 50);
  hold.push(two, frame(2), 0);
  hold.onReady((channel) => channel === two, 10);
  expect(hold.nextDeadlineMs()).toBe(10);
  expect(hold.expire(limits.ingressHoldMs - 1)).toBe(0);
  expect(hold.expire(limits.ingressHoldMs)).toBe(1);
  expect(hold.expire(limits.ingressHoldMs + 50)).toBe(1);
  expect(hold.has(one)).toBe(false);
  expect(hold.has(two)).toBe(true);
});

test("the bound is in bytes over all channels", () => {
  const hold = new Hold();
  const half = new Uint8Array(limits.ingressHoldBytes / 2);
  expect(hold.push(one, half, 0)).toBe(true);
  expect(hold.push(two, half, 0)).toBe(true);
  expect(hold.push(three, frame(0), 0)).toBe(false);
  expect(hold.bytes).toBe(limits.ingressHoldBytes);
});
