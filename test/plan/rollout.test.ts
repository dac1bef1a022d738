import { describe, expect, test } from "bun:test";
import { Deadlines } from "../../src/base/deadlines.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import { entriesOf, FlowBook, type PlannedFlow } from "../../src/plan/flows.ts";
import { type Action, Rollout } from "../../src/plan/rollout.ts";
import {
  assignmentsHash,
  type Channel,
  entriesHash,
  type Entry,
  type FlowAssignment,
} from "../../src/wire/plan.ts";
import { group, group2, own, ssm } from "../site/site.ts";

const sites = ["a", "b", "c", "d"];
const channels: readonly Channel[] = [{ group }, { group: group2 }, { group: ssm, source: own }];

/** The Router and the Gateway of a site, as the Manager's requests meet them. */
class SiteModel {
  incarnation = 1;
  reachable = true;
  entries = new Map<number, Entry>();
  flows: readonly FlowAssignment[] = [];
  /** Flows whose entry a restart has lost, until it is there again. */
  readonly lost = new Set<number>();

  restartRouter(): void {
    this.incarnation++;
    for (const flow of this.entries.keys()) this.lost.add(flow);
    this.entries = new Map();
  }

  change(install: readonly Entry[], remove: readonly number[]): void {
    for (const flow of remove) this.entries.delete(flow);
    for (const entry of install) {
      this.entries.set(entry.flow, entry);
      this.lost.delete(entry.flow);
    }
  }
}

/** A Manager's part of rolling out, Routers and Gateways, and requests that take their time. */
class World {
  nowMs = 0;
  failures = 0;
  changes = 0;
  rollout = new Rollout();
  readonly models = new Map(sites.map((site) => [site, new SiteModel()]));
  readonly planned = new Map<number, PlannedFlow>();
  readonly removedAtMs = new Map<number, number>();
  readonly #prng: Prng;
  readonly #events = new Deadlines<() => void>();
  readonly #misses = new Map<string, number>();

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.rollout.onSites(sites);
    this.#pollAll();
  }

  model(site: string): SiteModel {
    return this.models.get(site) as SiteModel;
  }

  plan(flows: readonly PlannedFlow[]): void {
    for (const planned of flows) this.planned.set(planned.flow.flow, planned);
    this.rollout.onPlan(flows);
    this.#act();
  }

  /** A Manager that comes back knows the plan and nothing else. */
  restartManager(flows: readonly PlannedFlow[]): void {
    this.rollout = new Rollout();
    this.rollout.onSites(sites);
    this.#misses.clear();
    this.plan(flows);
  }

  run(untilMs: number): void {
    for (;;) {
      const nextMs = Math.min(this.#events.nextMs(), this.rollout.nextDeadlineMs());
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const event of this.#events.takeDue(this.nowMs)) event();
      this.#act();
    }
    this.nowMs = untilMs;
  }

  #later(delayMs: number, event: () => void): void {
    this.#events.set(event, this.nowMs + delayMs);
  }

  #act(): void {
    for (const action of this.rollout.actions(this.nowMs)) {
      const { rollout } = this;
      if (action.kind === "assign-flows") this.#excuseLost(action.flows);
      const fails = !this.model(action.site).reachable || this.#prng.fraction() < this.failures;
      // A failed request may have been carried out all the same: only its answer is lost.
      const happens = this.model(action.site).reachable && (!fails || this.#prng.below(2) > 0);
      this.#later(this.#prng.below(300), () => {
        const read = happens ? this.#carryOut(action) : undefined;
        this.check();
        this.#later(this.#prng.below(300), () => {
          rollout.onDone(action, !fails, read);
          if (!fails) return;
          if (action.kind.endsWith("entries")) rollout.forgetRouter(action.site);
          else rollout.onGatewayLost(action.site);
        });
      });
    }
  }

  #carryOut(action: Action): { entries?: Entry[]; flows?: readonly FlowAssignment[] } {
    const model = this.model(action.site);
    switch (action.kind) {
      case "read-entries":
        return { entries: [...model.entries.values()] };
      case "read-flows":
        return { flows: model.flows };
      case "change-entries":
        this.changes++;
        model.change(action.install, action.remove);
        return {};
      case "assign-flows":
        this.changes++;
        model.flows = action.flows;
        return {};
    }
  }

  #pollAll(): void {
    for (const site of sites) this.#poll(site);
    this.#later(500, () => this.#pollAll());
  }

  #poll(site: string): void {
    const { rollout } = this;
    const model = this.model(site);
    this.#later(this.#prng.below(100), () => {
      if (!model.reachable) {
        const misses = (this.#misses.get(site) ?? 0) + 1;
        this.#misses.set(site, misses);
        if (misses !== 2) return;
        rollout.onRouterLost(site);
        return rollout.onGatewayLost(site);
      }
      const { incarnation } = model;
      const entries = entriesHash(model.entries.values());
      const flows = assignmentsHash(model.flows);
      this.#later(this.#prng.below(100), () => {
        this.#misses.delete(site);
        rollout.onRouter(site, { incarnation, entriesHash: entries });
        rollout.onGateway(site, { incarnation: 1, flowsHash: flows });
      });
    });
  }

  /** Every flow that an ingress stamps has its entries at all sites of its tree, but lost ones. */
  check(): void {
    for (const [site, { flows }] of this.models) {
      for (const { flow } of flows) {
        const planned = this.planned.get(flow);
        expect(planned?.flow.ingress).toBe(site);
        for (const [at, entry] of entriesOf((planned as PlannedFlow).flow)) {
          const model = this.model(at);
          if (model.lost.has(flow) || this.#excused.has(`${flow} ${at}`)) continue;
          expect(model.entries.get(flow), `flow ${flow} at ${at}`).toEqual(entry);
        }
      }
    }
  }

  /** Sites that the Manager cannot reach when a flow is assigned get their entry later. */
  readonly #excused = new Set<string>();
  #excuseLost(flows: readonly FlowAssignment[]): void {
    for (const site of sites) {
      if ((this.#misses.get(site) ?? 0) < 2) continue;
      for (const { flow } of flows) this.#excused.add(`${flow} ${site}`);
    }
  }

  converged(flows: readonly PlannedFlow[]): void {
    for (const [site, model] of this.models) {
      const mine = flows.filter(({ flow }) => flow.ingress === site);
      const wanted = mine.map((one) => ({ flow: one.flow.flow, channels: one.channels }));
      expect(assignmentsHash(model.flows)).toBe(assignmentsHash(wanted));
      const entries = flows.flatMap(({ flow }) => entriesOf(flow).get(site) ?? []);
      expect(entriesHash(model.entries.values())).toBe(entriesHash(entries));
    }
  }
}

/** A random plan, by the product's own book. */
function planOf(book: FlowBook, prng: Prng): PlannedFlow[] {
  const demands = channels.flatMap((channel) => {
    const ingress = prng.pick(sites);
    const receivers = sites.filter((site) => site !== ingress && prng.below(2) > 0);
    const almrp = prng.pick(["star", "mst"] as const);
    return receivers.length === 0
      ? []
      : [{ application: undefined, almrp, ingress, receivers, channel }];
  });
  return book.plan(demands, { rttMs: new Map() }).flows;
}

const seeds = Array.from({ length: 60 }, (_, i) => 300 + i);

describe("random plans over Routers and Gateways that answer late", () => {
  test.each(seeds)("seed %d: make before break, and converges", (seed) => {
    const prng = new Prng(seed);
    const world = new World(seed);
    const book = new FlowBook([], 1);
    let flows: PlannedFlow[] = [];
    for (let i = 0; i < 15; i++) {
      flows = planOf(book, prng);
      world.plan(flows);
      world.run(world.nowMs + prng.pick([50, 400, 3_000]));
    }
    world.run(world.nowMs + 10_000);
    world.converged(flows);
  });

  test.each(seeds)("seed %d: the same with failures and restarts", (seed) => {
    const prng = new Prng(seed);
    const world = new World(seed);
    const book = new FlowBook([], 1);
    let flows: PlannedFlow[] = [];
    for (let i = 0; i < 25; i++) {
      world.failures = prng.pick([0, 0.2, 0.5]);
      if (prng.below(2) > 0) flows = planOf(book, prng);
      world.plan(flows);
      if (prng.below(4) === 0) world.model(prng.pick(sites)).restartRouter();
      if (prng.below(6) === 0) world.restartManager(flows);
      world.run(world.nowMs + prng.pick([50, 400, 3_000]));
    }
    world.failures = 0;
    world.run(world.nowMs + 12_000);
    world.converged(flows);
    for (const { lost } of world.models.values()) lost.clear();
    world.check();
  });

  test.each(seeds)("seed %d: the same with sites that cannot be reached", (seed) => {
    const prng = new Prng(seed);
    const world = new World(seed);
    const book = new FlowBook([], 1);
    let flows: PlannedFlow[] = [];
    for (let i = 0; i < 15; i++) {
      const site = prng.pick(sites);
      if (prng.below(3) === 0) world.model(site).reachable = !world.model(site).reachable;
      flows = planOf(book, prng);
      world.plan(flows);
      world.run(world.nowMs + prng.pick([400, 3_000, 6_000]));
    }
    for (const model of world.models.values()) model.reachable = true;
    world.run(world.nowMs + 15_000);
    world.converged(flows);
  });
});

describe("rest", () => {
  const settled = (): { world: World; flows: PlannedFlow[]; book: FlowBook } => {
    const world = new World(1);
    const book = new FlowBook([], 1);
    const flows = planOf(book, new Prng(5));
    world.plan(flows);
    world.run(10_000);
    return { world, flows, book };
  };

  test("nothing is sent when nothing differs, nor by a Manager that comes back", () => {
    const { world, flows } = settled();
    expect(world.changes).toBeGreaterThan(0);
    world.changes = 0;
    world.run(60_000);
    world.restartManager(flows);
    world.run(120_000);
    expect(world.changes).toBe(0);
    world.converged(flows);
  });

  test("entries that nobody stamps go after the drain time, not before", () => {
    const { world, flows } = settled();
    world.plan([]);
    const [first] = flows as [PlannedFlow];
    const ingress = world.model(first.flow.ingress);
    while (ingress.flows.length > 0) world.run(world.nowMs + 1);
    world.run(world.nowMs + limits.drainMs - 1);
    expect(ingress.entries.size).toBeGreaterThan(0);
    world.run(world.nowMs + 5_000);
    world.converged([]);
  });

  test("entries of a silent ingress stay: it may still stamp them", () => {
    const { world, flows } = settled();
    const [first] = flows as [PlannedFlow];
    world.model(first.flow.ingress).reachable = false;
    world.run(world.nowMs + 5_000);
    world.plan([]);
    world.run(world.nowMs + 60_000);
    world.check();
    expect(world.model(first.flow.ingress).flows.length).toBeGreaterThan(0);
    world.model(first.flow.ingress).flows = [];
    world.rollout.onSites(sites.filter((site) => site !== first.flow.ingress));
    world.run(world.nowMs + 10_000);
    const [receiver] = first.flow.receivers as [string];
    expect(world.model(receiver).entries.has(first.flow.flow)).toBe(false);
  });

  test("no deadline lies in the past while an answer is awaited", () => {
    const rollout = new Rollout();
    rollout.onSites(["a"]);
    rollout.onPlan([]);
    const old: Entry = { flow: 9, ingress: "a", children: ["b"], local: false };
    rollout.onRouter("a", { incarnation: 1, entriesHash: "" });
    rollout.onGateway("a", { incarnation: 1, flowsHash: "" });
    const [entries, flows] = rollout.actions(0) as [Action, Action];
    rollout.onDone(entries, true, { entries: [old] });
    rollout.onDone(flows, true, { flows: [] });
    expect(rollout.actions(0)).toEqual([]);
    expect(rollout.nextDeadlineMs()).toBe(limits.drainMs);
    expect(rollout.actions(limits.drainMs)).toMatchObject([{ remove: [9] }]);
    expect(rollout.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("an answer from a life that has ended means nothing", () => {
    const rollout = new Rollout();
    rollout.onRouter("a", { incarnation: 1, entriesHash: "" });
    const [read] = rollout.actions(0) as [Action];
    rollout.onRouter("a", { incarnation: 2, entriesHash: "" });
    const [again] = rollout.actions(0) as [Action];
    expect(again).toEqual({ kind: "read-entries", site: "a" });
    rollout.onDone(read, true, { entries: [] });
    expect(rollout.actions(0)).toEqual([]);
  });

  test("a new flow waits for the links of its tree, but not for ever", () => {
    const rollout = starting();
    const stamped = (nowMs: number): boolean => {
      for (let actions = rollout.actions(nowMs); actions.length > 0;) {
        if (actions.some(({ kind }) => kind === "assign-flows")) return true;
        for (const action of actions) answer(rollout, action);
        actions = rollout.actions(nowMs);
      }
      return false;
    };
    rollout.onLinks("a", []);
    rollout.onLinks("b", []);
    expect(stamped(100)).toBe(false);
    expect(rollout.nextDeadlineMs()).toBe(100 + limits.linkWaitMs);
    expect(stamped(99 + limits.linkWaitMs)).toBe(false);
    expect(stamped(100 + limits.linkWaitMs)).toBe(true);
  });

  test("and goes at once when they stand", () => {
    const rollout = starting();
    rollout.onLinks("a", ["b"]);
    const kinds: string[] = [];
    for (let actions = rollout.actions(5); actions.length > 0; actions = rollout.actions(5)) {
      for (const action of actions) {
        kinds.push(action.kind);
        answer(rollout, action);
      }
    }
    expect(kinds.at(-1)).toBe("assign-flows");
  });
});

/** One flow from a to b is planned; both sites have just been heard of. */
function starting(): Rollout {
  const rollout = new Rollout();
  rollout.onSites(["a", "b"]);
  const key = { application: undefined, almrp: "star", ingress: "a", receivers: ["b"] } as const;
  const demands = [{ ...key, channel: { group } }];
  rollout.onPlan(new FlowBook([], 1).plan(demands, { rttMs: new Map() }).flows);
  for (const site of ["a", "b"]) rollout.onRouter(site, { incarnation: 1, entriesHash: "" });
  rollout.onGateway("a", { incarnation: 1, flowsHash: "" });
  return rollout;
}

/** What is read is empty; what is changed is taken. */
function answer(rollout: Rollout, action: Action): void {
  const isRead = action.kind.startsWith("read");
  rollout.onDone(action, true, isRead ? { entries: [], flows: [] } : {});
}
