import { expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { Pace } from "../../src/probe/pace.ts";

test("the first packet is due at the start, the next one period later", () => {
  const pace = new Pace({ ratePps: 100, burstMax: 10 }, 5_000);
  expect(pace.due(5_000)).toBe(1);
  pace.onSent(1);
  expect(pace.due(5_009)).toBe(0);
  expect(pace.nextDueMs()).toBe(5_010);
  expect(pace.due(5_010)).toBe(1);
});

test("late and uneven turns do not add up: the count is exact after any time", () => {
  for (const ratePps of [0.5, 3, 100, 997, 33_333.3]) {
    const prng = new Prng(7);
    const pace = new Pace({ ratePps, burstMax: 1_000 }, 0);
    let sent = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += prng.fraction() * 20) {
      const due = pace.due(nowMs);
      pace.onSent(due);
      sent += due;
      expect(sent).toBe(Math.floor((nowMs * ratePps) / 1000) + 1);
    }
    expect(pace.forgone).toBe(0);
  }
});

test("a process that stood still sends one burst and forgoes the rest", () => {
  const pace = new Pace({ ratePps: 1_000, burstMax: 64 }, 0);
  pace.onSent(pace.due(0));
  expect(pace.due(10_000)).toBe(64);
  expect(pace.forgone).toBe(10_000 - 64);
  pace.onSent(64);
  expect(pace.due(10_000)).toBe(0);
  expect(pace.nextDueMs()).toBe(10_001);
});

test("what the kernel did not take stays due", () => {
  const pace = new Pace({ ratePps: 1_000, burstMax: 64 }, 0);
  expect(pace.due(9)).toBe(10);
  pace.onSent(4);
  expect(pace.due(9)).toBe(6);
});
