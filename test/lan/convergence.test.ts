import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { assert } from "../../src/base/assert.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Want } from "../../src/wire/want.ts";
import { covers, type Eavesdropper, type Host, LanWorld } from "./lan-world.ts";

const groups = ["233.252.0.1", "233.252.0.2", "232.1.1.1"].map(address);
const sources = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"].map(address);
const seeds = Array.from({ length: 40 }, (_, i) => 1_000 + i);

/** Older Host Present and Group Membership Interval one after the other, and queries after. */
const settleMs = 260_000 + 270_000 + 3 * 135_000;

/** Two nodes that query from their start: the lower address is elected. */
function standardWorld(prng: Prng, hostCount: number): LanWorld {
  const world = new LanWorld(prng, hostCount);
  world.start("192.0.2.1", "on");
  world.start("192.0.2.9", "on");
  return world;
}

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

/** Cheap enough to run whenever the LAN is quiet. */
function expectNoMiss(world: LanWorld): void {
  for (const { membership } of world.eavesdroppers) {
    for (const host of world.hosts) {
      for (const want of host.wants.values()) {
        assert(covers(membership.want(want.group), want), () => JSON.stringify(want));
      }
    }
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
    const world = standardWorld(prng, 6);
    churn(world, prng, 60, () => expectNoMiss(world));
    world.run(world.nowMs + settleMs);
    expectUnion(world);
    expect(world.eavesdroppers.map((node) => node.querier.isQuerier)).toEqual([true, false]);
  });

  test.each(seeds)("seed %d: after a time of loss all converge", (seed) => {
    const prng = new Prng(seed);
    const world = standardWorld(prng, 6);
    world.loss = 0.3;
    churn(world, prng, 60);
    world.loss = 0;
    world.run(world.nowMs + settleMs);
    expectUnion(world);
  });
});

test("delivery stops within Last Member Query Time of the last leave, at the listener too", () => {
  const world = standardWorld(new Prng(7), 2);
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

describe("two queriers that listen first, and a real router (RFC 9776 §6.6.2)", () => {
  const presentMs = 255_000;
  const queriers = (world: LanWorld): Eavesdropper[] =>
    world.eavesdroppers.filter(({ querier }) => querier.isQuerier);

  function autoWorld(prng: Prng): LanWorld {
    const world = new LanWorld(prng, 6);
    for (const own of prng.pick([
      ["200", "201"],
      ["201", "200"],
    ] as const)) {
      world.start(`192.0.2.${own}`, "auto");
      world.run(world.nowMs + prng.pick([0, 1, 100_000, 254_999, 300_000]) * prng.fraction());
    }
    return world;
  }

  test.each(seeds)("seed %d: alone they agree on one, and miss no member", (seed) => {
    const prng = new Prng(seed);
    const world = autoWorld(prng);
    churn(world, prng, 30);
    expect(world.sent.filter(({ atMs }) => atMs < presentMs)).toEqual([]);
    world.run(world.nowMs + settleMs);
    expect(queriers(world)).toHaveLength(1);
    expectUnion(world);
  });

  test.each(seeds)("seed %d: the late router of a lower address is never disturbed", (seed) => {
    const prng = new Prng(seed);
    const world = autoWorld(prng);
    churn(world, prng, 30);
    const router = world.start("192.0.2.1", "on");
    const startMs = world.nowMs;
    churn(world, prng, 30);
    world.run(world.nowMs + settleMs);
    const others = world.sent.filter(({ atMs, from }) => atMs > startMs && from !== router.address);
    expect(others).toEqual([]);
    expect(queriers(world)).toEqual([router]);
    expectUnion(world);
    world.stop(router);
    world.run(world.nowMs + presentMs + settleMs);
    expect(queriers(world)).toHaveLength(1);
    expectUnion(world);
  });

  test.each(seeds)("seed %d: after a time of loss one remains, wherever it stands", (seed) => {
    const prng = new Prng(seed);
    const world = autoWorld(prng);
    world.start(prng.pick(["192.0.2.1", "192.0.2.250"]), "on");
    world.loss = 0.4;
    churn(world, prng, 60);
    world.loss = 0;
    world.run(world.nowMs + 2 * presentMs + settleMs);
    expect(queriers(world)).toHaveLength(1);
    expectUnion(world);
  });
});

describe("a listener that never queries, a router at times (RFC 9776 §8.4)", () => {
  test.each(seeds)("seed %d: no member is missed while nobody asks", (seed) => {
    const prng = new Prng(seed);
    const world = new LanWorld(prng, 6);
    const check = (): void => expectNoMiss(world);
    world.start("192.0.2.9", "off");
    churn(world, prng, 40, check);
    const router = world.start("192.0.2.1", "on");
    world.run(world.nowMs + settleMs);
    expectUnion(world);
    churn(world, prng, 40, check);
    world.stop(router);
    churn(world, prng, 40, check);
    world.run(world.nowMs + 20_000_000, check);
    churn(world, prng, 40, check);
    // Those that left unseen are gone when somebody asks again.
    world.start("192.0.2.1", "on");
    world.run(world.nowMs + settleMs);
    expectUnion(world);
  });
});
