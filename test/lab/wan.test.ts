import { describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import type { PairState, Parcel } from "../../src/lab/wan.ts";
import { Wan, refused } from "../../src/lab/wan.ts";

class Packet implements Parcel {
  next: this | undefined = undefined;
  readonly to: number;
  readonly dueMs: number;
  readonly number: number;

  constructor(to: number, dueMs: number, number: number) {
    this.to = to;
    this.dueMs = dueMs;
    this.number = number;
  }
}

const open: PairState = { delayMs: 0, lossPercent: 0, rateMbit: 0, partitioned: false };
const world = (changes: Partial<PairState> = {}) => {
  const wan = new Wan<Packet>(3, new Prng(1));
  wan.setShape(0, 1, { ...open, ...changes });
  return wan;
};
const send = (wan: Wan<Packet>, number: number, nowMs: number, to = 1): number => {
  const dueMs = wan.admit(0, to, 1_000, nowMs);
  if (dueMs >= 0) wan.enqueue(0, new Packet(to, dueMs, number));
  return dueMs;
};
const arrivals = (wan: Wan<Packet>, nowMs: number): number[] => {
  const numbers: number[] = [];
  for (let packet = wan.takeDue(nowMs); packet; packet = wan.takeDue(nowMs)) {
    numbers.push(packet.number);
  }
  return numbers;
};

describe("delay", () => {
  test("a packet arrives when its delay is over, not before", () => {
    const wan = world({ delayMs: 40 });
    expect(send(wan, 1, 100)).toBe(140);
    expect(wan.nextDeadlineMs()).toBe(140);
    expect(arrivals(wan, 139.9)).toEqual([]);
    expect(arrivals(wan, 140)).toEqual([1]);
    expect(wan.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("pairs do not wait for one another, and directions have shapes of their own", () => {
    const wan = world({ delayMs: 40 });
    wan.setShape(0, 2, { ...open, delayMs: 5 });
    send(wan, 1, 0);
    send(wan, 2, 1, 2);
    expect(arrivals(wan, 10)).toEqual([2]);
    expect(wan.admit(1, 0, 1_000, 7)).toBe(7);
  });

  test("a pair keeps its order when the delay shrinks", () => {
    const wan = world({ delayMs: 40 });
    send(wan, 1, 0);
    wan.setShape(0, 1, { ...open, delayMs: 1 });
    expect(send(wan, 2, 10)).toBe(40);
    expect(wan.isQueued(0, 1)).toBe(true);
    expect(arrivals(wan, 40)).toEqual([1, 2]);
    expect(wan.isQueued(0, 1)).toBe(false);
    expect(send(wan, 3, 50)).toBe(51);
  });
});

describe("loss", () => {
  test("loses about its share, counted, and the same packets from the same seed", () => {
    const fates = [world({ lossPercent: 10 }), world({ lossPercent: 10 })].map((wan) => {
      const lost: number[] = [];
      for (let i = 0; i < 10_000; i++) if (wan.admit(0, 1, 100, i) === refused.lost) lost.push(i);
      expect(wan.counts(0, 1)).toMatchObject({
        lost: lost.length,
        forwarded: 10_000 - lost.length,
      });
      return lost;
    });
    expect(fates[0]).toEqual(fates[1] as number[]);
    expect(fates[0]?.length).toBeGreaterThan(850);
    expect(fates[0]?.length).toBeLessThan(1_150);
  });

  test("0 loses nothing and 100 everything", () => {
    const [none, all] = [world(), world({ lossPercent: 100 })];
    for (let i = 0; i < 1_000; i++) {
      expect(none.admit(0, 1, 100, i)).toBe(i);
      expect(all.admit(0, 1, 100, i)).toBe(refused.lost);
    }
  });
});

describe("rate", () => {
  // 8 Mbit/s pass one packet of 1,000 bytes each millisecond.
  test("after a burst the packets leave at the rate", () => {
    const wan = world({ rateMbit: 8 });
    const dues = Array.from({ length: 60 }, (_, i) => send(wan, i, 1_000));
    expect(dues.slice(0, 15).every((dueMs) => dueMs === 1_000)).toBe(true);
    expect(dues.slice(15, 18)).toEqual([1_001, 1_002, 1_003]);
    expect(arrivals(wan, 1_003)).toHaveLength(18);
  });

  test("the queue is bounded, and what it refuses is counted", () => {
    const wan = world({ rateMbit: 8 });
    const dues = Array.from({ length: 300 }, (_, i) => send(wan, i, 0));
    const full = dues.filter((dueMs) => dueMs === refused.full).length;
    expect(wan.counts(0, 1)).toMatchObject({ full, forwarded: 300 - full });
    expect(300 - full).toBe(15 + 101);
    expect(Math.max(...dues)).toBe(101);
  });

  test("a small rate still holds 64 KiB", () => {
    const wan = world({ rateMbit: 0.8 });
    const dues = Array.from({ length: 300 }, (_, i) => send(wan, i, 0));
    const passed = dues.filter((dueMs) => dueMs >= 0).length;
    expect(passed).toBeGreaterThan(65);
    expect(passed).toBeLessThan(90);
  });

  test("over a second the rate is kept", () => {
    const wan = world({ rateMbit: 80 });
    for (let ms = 0; ms < 1_000; ms++) for (let i = 0; i < 20; i++) wan.admit(0, 1, 1_000, ms);
    const { forwardedBytes } = wan.counts(0, 1);
    expect(forwardedBytes / 1_000_000).toBeGreaterThan(10);
    expect(forwardedBytes / 1_000_000).toBeLessThan(11.2); // 100 ms of them still wait
  });
});

describe("partition", () => {
  test("cuts one direction and heals", () => {
    const wan = world({ partitioned: true });
    expect(wan.admit(0, 1, 100, 1)).toBe(refused.partitioned);
    expect(wan.admit(1, 0, 100, 1)).toBe(1);
    expect(wan.counts(0, 1).cutOff).toBe(1);
    wan.setShape(0, 1, open);
    expect(wan.admit(0, 1, 100, 2)).toBe(2);
  });

  test("what was on its way arrives", () => {
    const wan = world({ delayMs: 10 });
    send(wan, 1, 0);
    wan.setShape(0, 1, { ...open, partitioned: true });
    expect(arrivals(wan, 10)).toEqual([1]);
  });
});

test("a packet without memory counts as refused", () => {
  const wan = world({ delayMs: 10 });
  wan.admit(0, 1, 100, 0);
  wan.onNoMemory(0, 1, 100);
  expect(wan.counts(0, 1)).toMatchObject({ forwarded: 0, forwardedBytes: 0, full: 1 });
});
