import { describe, expect, test } from "bun:test";
import { checkDelivery } from "./check-delivery.ts";
import { checkOnce } from "./check-once.ts";
import { checkSteadyMembers } from "./check-steady-members.ts";
import { checkStrays } from "./check-strays.ts";
import { checkTrees } from "./check-trees.ts";
import type { Sent } from "./site-model.ts";
import { groups, type RoleKind, World } from "./world.ts";

const kinds: readonly RoleKind[] = ["router", "gateway", "eavesdropper"];
const seeds = Array.from({ length: 30 }, (_, i) => 9_000 + i);
const quietSeeds = seeds.slice(0, 10);

/** A leave, its last-member queries, the hold, the row, the plan, the drain. */
const leaveLagMs = 6_000;
/** A join, the row, the plan, its entries: round trips of 160 ms at most, and a poll. */
const joinLagMs = 4_000;
/** A restarted Eavesdropper's earlier members stay for 270 s. */
const faultLagMs = 300_000;

class Run {
  readonly world: World;
  sent = new Map<number, Sent>();
  #lastId = 0;

  constructor(seed: number) {
    this.world = new World(seed, 3 + (seed % 5));
  }

  /** Some time with hosts that send, and checks each second. */
  run(forMs: number, change: () => void = () => undefined): void {
    const { world } = this;
    const untilMs = world.nowMs + forMs;
    for (let tick = 0; world.nowMs < untilMs; tick++) {
      this.#send();
      if (tick % 10 === 0) change();
      world.run(50);
      if (tick % 20 === 0) checkTrees(world);
    }
    checkTrees(world);
    checkOnce(world, this.sent);
  }

  /** Two sites send to each group. */
  #send(): void {
    const { sites, nowMs } = this.world;
    for (const [i, group] of groups.entries()) {
      for (const site of [i % sites.length, (i + 1) % sites.length]) {
        const id = ++this.#lastId;
        this.sent.set(id, { id, site, group, atMs: nowMs });
        sites[site]?.send(id, group);
      }
    }
  }

  churn(): void {
    const { prng, sites } = this.world;
    const site = prng.pick(sites);
    const group = prng.pick(groups);
    if (prng.below(3) > 0) site.join(group);
    else site.leave(group);
  }

  breakSomething(): void {
    const { world } = this;
    const { prng } = world;
    const site = prng.below(world.sites.length);
    if (prng.below(10) === 0) {
      if (world.manager.manager) world.manager.crash();
      else world.manager.start();
      return;
    }
    const kind = prng.pick(kinds);
    if (!world.isUp(kind, site)) world.start(kind, site);
    else if (prng.below(3) === 0) world.crash(kind, site);
  }

  mendEverything(): void {
    const { world } = this;
    if (!world.manager.manager) world.manager.start();
    for (const { index } of world.sites) {
      for (const kind of kinds) if (!world.isUp(kind, index)) world.start(kind, index);
    }
  }

  /** Lets everything settle, then looks at a time in which nothing changes. */
  expectSteady(settleMs: number): void {
    this.run(settleMs);
    const before = this.sent;
    this.sent = new Map();
    this.run(3_000);
    this.world.run(500);
    checkDelivery(this.world, this.sent);
    for (const [id, sent] of before) this.sent.set(id, sent);
    checkOnce(this.world, this.sent);
  }
}

describe("random schedules", () => {
  test.each(quietSeeds)("seed %d: hosts join and leave; nothing strays or is missed", (seed) => {
    const run = new Run(seed);
    run.run(5_000);
    run.run(20_000, () => run.churn());
    run.expectSteady(15_000);
    checkStrays(run.world, run.sent, leaveLagMs);
    checkSteadyMembers(run.world, run.sent, joinLagMs);
  });

  test.each(seeds)("seed %d: roles crash and come back; the fabric recovers", (seed) => {
    const run = new Run(seed);
    run.run(5_000, () => run.churn());
    run.run(30_000, () => {
      run.churn();
      run.breakSomething();
    });
    run.mendEverything();
    run.expectSteady(40_000);
    checkStrays(run.world, run.sent, faultLagMs);
  });
});

test("with the Manager gone packets flow on, and its return changes nothing", () => {
  const run = new Run(1);
  for (const { index } of run.world.sites)
    for (const group of groups) run.world.sites[index]?.join(group);
  run.run(15_000);
  run.world.manager.crash();
  run.expectSteady(60_000);
  run.world.manager.start();
  run.expectSteady(10_000);
  expect(run.world.manager.manager?.counters).toMatchObject({ changesSent: 0, refusals: 0 });
});
