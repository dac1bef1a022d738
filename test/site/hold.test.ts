import { expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { Hold } from "../../src/site/hold.ts";

const frame = (mark: number): Uint8Array => Uint8Array.of(mark, 0, 0, 0);

/** The first bytes of the frames that leave. */
function released(hold: Hold, nowMs: number): { marks: number[]; emptied: boolean } {
  const marks: number[] = [];
  const emptied = hold.release(nowMs, (_source, _group, { 0: mark = -1 }) => marks.push(mark));
  return { marks, emptied };
}

test("nothing leaves before its channel is ready", () => {
  const hold = new Hold();
  hold.push(1, 2, frame(0), 10);
  expect(hold.has(1, 2)).toBe(true);
  expect(hold.has(2, 1)).toBe(false);
  expect(released(hold, 1_000)).toEqual({ marks: [], emptied: false });
  expect(hold.bytes).toBe(4);
});

test("a queue leaves in order at twice its pace, whatever the others do", () => {
  const hold = new Hold();
  for (const [i, atMs] of [0, 20, 40, 60].entries()) hold.push(1, 2, frame(i), atMs);
  hold.push(3, 4, frame(9), 5);
  hold.onReady((source) => source === 1, 100);
  expect(released(hold, 100)).toEqual({ marks: [0], emptied: false });
  expect(hold.nextDeadlineMs()).toBe(110);
  expect(released(hold, 121)).toEqual({ marks: [1, 2], emptied: false });
  expect(released(hold, 130)).toEqual({ marks: [3], emptied: true });
  expect(hold.has(1, 2)).toBe(false);
  expect(hold.bytes).toBe(4);
});

test("a channel that is no longer ready stops, and starts again from where it was", () => {
  const hold = new Hold();
  for (const [i, atMs] of [0, 100, 200].entries()) hold.push(1, 2, frame(i), atMs);
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
  hold.push(1, 2, frame(0), 0);
  hold.push(1, 2, frame(1), 50);
  hold.push(3, 4, frame(2), 0);
  hold.onReady((source) => source === 3, 10);
  expect(hold.nextDeadlineMs()).toBe(10);
  expect(hold.expire(limits.ingressHoldMs - 1)).toBe(0);
  expect(hold.expire(limits.ingressHoldMs)).toBe(1);
  expect(hold.expire(limits.ingressHoldMs + 50)).toBe(1);
  expect(hold.has(1, 2)).toBe(false);
  expect(hold.has(3, 4)).toBe(true);
});

test("the bound is in bytes over all channels", () => {
  const hold = new Hold();
  const half = new Uint8Array(limits.ingressHoldBytes / 2);
  expect(hold.push(1, 2, half, 0)).toBe(true);
  expect(hold.push(3, 4, half, 0)).toBe(true);
  expect(hold.push(5, 6, frame(0), 0)).toBe(false);
  expect(hold.bytes).toBe(limits.ingressHoldBytes);
});
