import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { Damping } from "../../src/site/damping.ts";
import { group, group2 } from "./site.ts";

function flap(damping: Damping, times: number, nowMs = 0): void {
  for (let i = 0; i < times; i++) {
    damping.onShrink(group, nowMs);
    damping.onGrow(group, nowMs);
  }
}

describe("the hold", () => {
  test("doubles with each return up to its bound, for this group only", () => {
    const damping = new Damping();
    const holds = Array.from({ length: 6 }, () => {
      const hold = damping.holdMs(group);
      flap(damping, 1);
      return hold;
    });
    expect(holds).toEqual([500, 1_000, 2_000, 4_000, 8_000, limits.withdrawHoldMsMax]);
    flap(damping, 5_000);
    expect(damping.holdMs(group)).toBe(limits.withdrawHoldMsMax);
    expect(damping.holdMs(group2)).toBe(limits.withdrawHoldMs);
  });

  test("growth without a leave is no flap", () => {
    const damping = new Damping();
    damping.onGrow(group, 0);
    damping.onShrink(group, 0);
    damping.onGrow(group, 0);
    damping.onGrow(group, 0);
    expect(damping.counters.flaps).toBe(1);
  });
});

describe("the budget of changes", () => {
  test("is not asked of a group that never shrank", () => {
    const damping = new Damping();
    for (let i = 0; i < 100; i++) expect(damping.changeMs(group, 0)).toBe(0);
  });

  test("allows two at once, then three a second, and says when", () => {
    const damping = new Damping();
    damping.onShrink(group, 0);
    const changes: number[] = [];
    for (let ms = 0; ms <= 2_100;) {
      const atMs = damping.changeMs(group, ms);
      if (atMs === ms) changes.push(ms);
      else expect(damping.changeMs(group, atMs - 1)).toBeGreaterThan(atMs - 1);
      ms = atMs;
    }
    // Thirds of a second, with the next whole ms.
    const rounded = changes.map((ms) => Math.round(ms / 10) * 10);
    expect(rounded).toEqual([0, 0, 330, 670, 1_000, 1_330, 1_670, 2_000]);
    expect(damping.counters.changesDelayed).toBeGreaterThan(0);
  });
});

describe("memory", () => {
  test("ends when the group was calm", () => {
    const damping = new Damping();
    flap(damping, 3, 100);
    expect(damping.nextDeadlineMs()).toBe(100 + limits.flapMemoryMs);
    expect([...damping.flapping()]).toEqual([{ group, flaps: 3 }]);
    damping.onDeadline(100 + limits.flapMemoryMs);
    expect(damping.holdMs(group)).toBe(limits.withdrawHoldMs);
    expect(damping.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("is bounded: the group that is calm the longest goes first", () => {
    const damping = new Damping();
    flap(damping, 1, 0);
    for (let i = 0; i < limits.flappingGroupsMax; i++) {
      damping.onShrink(address(`239.193.${i >>> 8}.${i & 255}`), 1 + i);
    }
    expect(damping.holdMs(group)).toBe(limits.withdrawHoldMs);
    expect(damping.nextDeadlineMs()).toBe(1 + limits.flapMemoryMs);
  });
});
