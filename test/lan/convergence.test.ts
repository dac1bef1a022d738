import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { assert } from "../../src/base/assert.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Want } from "../../src/wire/want.ts";
import { covers, type Host, LanWorld } from "./lan-world.ts";

const groups = ["233.252.0.1", "233.252.0.2", "232.1.1.1"].map(address);
const sources = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"].map(address);
const seeds = Array.from({ length: 40 }, (_, i) => 1_000 + i);

/** Older Host Present and Group Membership Interval one after the other, and queries after. */
const settleMs = 260_000 + 270_000 + 3 * 135_000;

function randomWant(prng: Prng, host: Host, group: Address): Want | undefined {
  if (prng.below(3) === 0) return undefined;
  const channelsOnly = group.startsWith("232.");
  if (host.version === 2) {
    return channelsOnly ? undefined : { group, mode: "exclude", sources: [] };
  }
  const some = sources.filter(() => prng.below(2) === 0);
  if (!channelsOnly && prng.below(2) === 0) return { group, mode: "exclude", sources: some };
  return some.length > 0 ? { group, mode: "include", sources: some } : undefined;
}

function churn(world: LanWorld, prng: Prng, changes: number, check?: () => void): void {
  for (let i = 0; i < changes; i++) {
    const host = prng.pick(world.hosts);
    const group = prng.pick(groups);
    world.change(host, group, randomWant(prng, host, group));
    // Mostly in quick succession, sometimes across a general query or an expiry.
    const pauseMs = prng.pick([0, 300, 900, 2_500, 40_000, 150_000]) * prng.fraction();
    world.run(world.nowMs + pauseMs, check);
  }
}

function expectUnion(world: LanWorld): void {
  for (const { membership } of world.eavesdroppers) {
    for (const group of groups) expect(membership.want(group)).toEqual(world.unionOf(group));
    expect([...membership.wants()].length).toBe(membership.groupCount);
  }
}

describe("an elected querier and a listener behind it, hosts of IGMPv2 and IGMPv3", () => {
  test.each(seeds)("seed %d: without loss no wanted source is ever missed", (seed) => {
    const prng = new Prng(seed);
    const world = new LanWorld(prng, 6);
    churn(world, prng, 60, () => {
      for (const { membership } of world.eavesdroppers) {
        for (const host of world.hosts) {
          for (const want of host.wants.values()) {
            assert(covers(membership.want(want.group), want), () => JSON.stringify(want));
          }
        }
      }
    });
    world.run(world.nowMs + settleMs);
    expectUnion(world);
    expect(world.eavesdroppers.map((node) => node.querier.isQuerier)).toEqual([true, false]);
  });

  test.each(seeds)("seed %d: after a time of loss all converge", (seed) => {
    const prng = new Prng(seed);
    const world = new LanWorld(prng, 6);
    world.loss = 0.3;
    churn(world, prng, 60);
    world.loss = 0;
    world.run(world.nowMs + settleMs);
    expectUnion(world);
  });
});

test("delivery stops within Last Member Query Time of the last leave, at the listener too", () => {
  const world = new LanWorld(new Prng(7), 2);
  const [group, host] = [groups[0], world.hosts[0]];
  assert(group !== undefined && host !== undefined);
  world.change(host, group, { group, mode: "exclude", sources: [] });
  world.run(100_000);
  expect(world.eavesdroppers.map(({ membership }) => membership.groupCount)).toEqual([1, 1]);
  world.change(host, group, undefined);
  world.run(101_999);
  expect(world.eavesdroppers.map(({ membership }) => membership.groupCount)).toEqual([1, 1]);
  world.run(102_000);
  expect(world.eavesdroppers.map(({ membership }) => membership.groupCount)).toEqual([0, 0]);
});
