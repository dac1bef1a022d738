import { describe, expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { Applications } from "../../src/plan/demand.ts";
import { Manager, type ManagerEffect, type ManagerState } from "../../src/role/manager.ts";
import type { SiteRow } from "../../src/wire/message.ts";
import {
  assignmentsHash,
  compareEpochs,
  entriesHash,
  entryText,
  type Entry,
  type EntryChange,
  type Epoch,
  type FlowAssignment,
} from "../../src/wire/plan.ts";
import { exclude, group, group2, own, row } from "../site/site.ts";

type Request = Extract<ManagerEffect, { kind: "request" }>;

/** The control endpoints of a fabric, answering at once; every body travels as JSON. */
class Fabric {
  rows: SiteRow[] = [];
  changes = 1;
  incarnation = 7;
  readonly entries = new Map<string, Map<number, Entry>>();
  readonly flows = new Map<string, FlowAssignment[]>();
  readonly dead = new Set<string>();
  highest: Epoch | undefined;
  readonly asked: string[] = [];

  add(site: string, index: number, fields: Partial<SiteRow>): void {
    const control = `192.0.2.${index}`;
    const at = { routerControl: `${control}:7880`, gatewayControl: `${control}:81` };
    this.rows.push(row(site, { ...at, ...fields }));
    this.entries.set(site, this.entries.get(site) ?? new Map());
    this.flows.set(site, this.flows.get(site) ?? []);
  }

  /** The body, the status of a refusal, or undefined where nobody answers. */
  answer({ method, url, body }: Request): object | number | undefined {
    this.asked.push(`${method} ${url}`);
    const { host, pathname, searchParams } = new URL(url);
    if (this.dead.has(host)) return undefined;
    const isAt = ({ routerControl, gatewayControl }: SiteRow): boolean =>
      [routerControl, gatewayControl].includes(host);
    const site = this.rows.find(isAt)?.site ?? "";
    const entries = this.entries.get(site) ?? new Map<number, Entry>();
    const flows = this.flows.get(site) ?? [];
    const { incarnation, changes, rows } = this;
    switch (`${method} ${pathname}`) {
      case "GET /v1/rows":
        return searchParams.get("after") === String(changes)
          ? undefined
          : { incarnation, changes, rows };
      case "GET /v1/router": {
        const links = rows.map((other) => ({ site: other.site, rttMs: 5 }));
        const others = links.filter((link) => link.site !== site);
        const epoch = this.highest;
        const hash = entriesHash(entries.values());
        return { site, incarnation, epoch, entriesHash: hash, links: others };
      }
      case "GET /v1/gateway":
        return { site, incarnation, epoch: this.highest, flowsHash: assignmentsHash(flows) };
      case "GET /v1/entries":
        return { entries: [...entries.values()] };
      case "GET /v1/flows":
        return { flows };
    }
    const sent = JSON.parse(JSON.stringify(body)) as EntryChange & { flows: FlowAssignment[] };
    if (this.highest && compareEpochs(sent.epoch, this.highest) < 0) return 409;
    this.highest = sent.epoch;
    if (sent.flows) {
      this.flows.set(site, sent.flows);
      return {};
    }
    const standing = (entry: Entry): Entry => entries.get(entry.flow) ?? entry;
    if (sent.install.some((entry) => entryText(standing(entry)) !== entryText(entry))) return 409;
    for (const flow of sent.remove) entries.delete(flow);
    for (const entry of sent.install) entries.set(entry.flow, entry);
    return {};
  }
}

class Bench {
  readonly fabric: Fabric;
  manager: Manager;
  state: ManagerState = { nextFlow: 1, flows: [] };
  readonly order: string[] = [];
  nowMs = 0;
  #waiting: number | undefined;

  constructor(fabric: Fabric, term = 1) {
    this.fabric = fabric;
    this.manager = this.#start(term);
  }

  restart(term: number): void {
    this.#waiting = undefined;
    this.manager = this.#start(term);
  }

  run(forMs: number): this {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      this.#drain();
      const nextMs = this.manager.nextDeadlineMs();
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.manager.onDeadline(this.nowMs);
    }
    this.nowMs = untilMs;
    return this;
  }

  /** The rows have changed: the long poll is answered. */
  rowsChanged(): this {
    const { fabric } = this;
    fabric.changes++;
    const { incarnation, changes, rows } = fabric;
    const body = JSON.parse(JSON.stringify({ incarnation, changes, rows })) as unknown;
    if (this.#waiting !== undefined) {
      this.manager.onAnswer(this.#waiting, { kind: "body", status: 200, body }, this.nowMs);
    }
    return this;
  }

  rowsFailed(): void {
    const failed = { kind: "failed", reason: "reset" } as const;
    this.manager.onAnswer(this.#waiting ?? 0, failed, this.nowMs);
  }

  #start(term: number): Manager {
    const contacts = ["http://192.0.2.1:81", "http://192.0.2.2:81"];
    const applications = new Applications([], "star");
    const epoch = { term, manager: "m" };
    return new Manager({ epoch, contacts, applications, state: this.state }, this.nowMs);
  }

  #drain(): void {
    const { manager } = this;
    for (let effect = manager.takeEffect(); effect; effect = manager.takeEffect()) {
      if (effect.kind === "log") continue;
      if (effect.kind === "save") {
        this.state = effect.state;
        this.order.push("save");
        continue;
      }
      if (effect.method !== "GET") this.order.push(`${effect.method} ${effect.url}`);
      const body = this.fabric.answer(effect);
      if (body === undefined && effect.url.includes("after=")) {
        this.#waiting = effect.id;
        continue;
      }
      const answer =
        body === undefined
          ? ({ kind: "failed", reason: "refused" } as const)
          : typeof body === "number"
            ? ({ kind: "body", status: body, body: {} } as const)
            : ({ kind: "body", status: 200, body: JSON.parse(JSON.stringify(body)) } as const);
      manager.onAnswer(effect.id, answer, this.nowMs);
    }
  }
}

const twoSites = (): Fabric => {
  const fabric = new Fabric();
  fabric.add("a", 1, { sends: [{ source: own, group }] });
  fabric.add("b", 2, { wants: [exclude(group)] });
  return fabric;
};

describe("from rows to entries", () => {
  test("saves before it acts, entries before assignments", () => {
    const bench = new Bench(twoSites()).run(2_000);
    expect(bench.fabric.flows.get("a")).toEqual([{ flow: 1, channels: [{ group }] }]);
    expect(bench.fabric.entries.get("b")?.get(1)).toMatchObject({ parent: "a", local: true });
    expect(bench.order[0]).toBe("save");
    expect(bench.order.at(-1)).toBe("PUT http://192.0.2.1:81/v1/flows");
    expect(bench.manager.counters).toMatchObject({ changesSent: 3, refusals: 0 });
  });

  test("nothing more is sent while nothing changes", () => {
    const bench = new Bench(twoSites()).run(2_000);
    bench.run(30_000).rowsChanged().run(30_000);
    expect(bench.manager.counters.changesSent).toBe(3);
  });

  test("a Manager that comes back with its state changes nothing", () => {
    const bench = new Bench(twoSites()).run(2_000);
    bench.restart(2);
    bench.run(10_000);
    expect(bench.manager.counters).toMatchObject({ changesSent: 0, refusals: 0 });
    expect(bench.manager.plan()).toMatchObject({ flows: [{ flow: 1, ready: true }] });
  });

  test("a site without a control endpoint of its Router is in no tree", () => {
    const fabric = twoSites();
    fabric.add("c", 3, { wants: [exclude(group)], routerControl: "" });
    const bench = new Bench(fabric).run(2_000);
    expect(bench.manager.plan()).toMatchObject({ flows: [{ receivers: ["b"] }] });
  });
});

describe("a Manager whose state was lost", () => {
  test("goes beyond its earlier term and the Flow IDs that stand", () => {
    const bench = new Bench(twoSites(), 5).run(2_000);
    bench.fabric.add("c", 3, { wants: [exclude(group)] });
    bench.state = { nextFlow: 1, flows: [] };
    bench.restart(1);
    bench.run(15_000);
    expect(bench.fabric.highest).toEqual({ term: 6, manager: "m" });
    const flows = bench.fabric.flows.get("a");
    expect(flows).toEqual([{ flow: 2, channels: [{ group }] }]);
    for (const site of ["a", "b", "c"]) {
      expect([...(bench.fabric.entries.get(site)?.keys() ?? [])]).toEqual([2]);
    }
  });
});

describe("contacts", () => {
  test("another one is asked when the first is gone, or does not answer at all", () => {
    const bench = new Bench(twoSites());
    bench.fabric.dead.add("192.0.2.1:81");
    bench.run(2_000);
    expect(bench.manager.readsFrom).toBe("http://192.0.2.2:81");
    bench.fabric.dead.clear();
    bench.fabric.dead.add("192.0.2.2:81");
    bench.rowsFailed();
    bench.run(5_000);
    expect(bench.manager.readsFrom).toBe("http://192.0.2.1:81");
  });

  test("one that has just started and lacks rows takes no site away that still answers", () => {
    const bench = new Bench(twoSites()).run(2_000);
    const all = bench.fabric.rows;
    bench.fabric.rows = all.slice(0, 1).map((one) => ({ ...one, incarnation: 2, settling: true }));
    bench.rowsChanged();
    bench.fabric.rows = all;
    bench.run(3_000);
    expect(bench.manager.counters.changesSent).toBe(3);
    expect(bench.manager.sites()).toHaveLength(2);
  });

  test("a row that is older than one known is not believed", () => {
    const bench = new Bench(twoSites()).run(2_000);
    const [a, b] = bench.fabric.rows as [SiteRow, SiteRow];
    bench.fabric.rows = [a, { ...b, sequence: 0, wants: [exclude(group2)] }];
    bench.rowsChanged().run(3_000);
    expect(bench.manager.counters.changesSent).toBe(3);
  });

  test("what is no answer of a Gateway ends nothing", () => {
    const bench = new Bench(twoSites());
    bench.fabric.rows = [{ site: "a" } as SiteRow];
    bench.run(2_000);
    expect(bench.manager.readsFrom).toBeUndefined();
    bench.fabric.rows = twoSites().rows;
    bench.run(2_000);
    expect(bench.manager.plan()).toMatchObject({ flows: [{ flow: 1, ready: true }] });
  });
});

describe("roles that do not answer", () => {
  test("a dead site leaves the trees, and is back in them when it answers again", () => {
    const bench = new Bench(twoSites());
    bench.fabric.add("c", 3, { wants: [exclude(group)] });
    bench.run(3_000);
    expect(bench.manager.plan()).toMatchObject({ flows: [{ receivers: ["b", "c"], ready: true }] });
    for (const port of [7880, 81]) bench.fabric.dead.add(`192.0.2.3:${port}`);
    const all = bench.fabric.rows;
    bench.run(5_000);
    // Its neighbours still call it linked: it stays until they do not.
    expect(bench.manager.plan()).toMatchObject({ flows: [{ receivers: ["b", "c"] }] });
    bench.fabric.rows = all.slice(0, 2);
    bench.rowsChanged().run(3_000);
    expect(bench.manager.sites()).toHaveLength(2);
    bench.fabric.rows = all;
    bench.fabric.dead.clear();
    bench.rowsChanged().run(8_000);
    expect(bench.manager.plan()).toMatchObject({ flows: [{ receivers: ["b", "c"], ready: true }] });
  });

  test("a stale epoch is refused, counted, and tried again no faster than it polls", () => {
    const bench = new Bench(twoSites());
    bench.fabric.highest = { term: 9, manager: "other" };
    bench.run(10_000);
    expect(bench.fabric.flows.get("a")).toEqual([]);
    const { refusals, changesSent } = bench.manager.counters;
    expect(refusals).toBe(changesSent as number);
    expect(refusals).toBeLessThanOrEqual((2 * 10_000) / limits.pollIntervalMs + 2);
  });
});
