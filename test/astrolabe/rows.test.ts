import { describe, expect, test } from "bun:test";
import { Rows } from "../../src/astrolabe/rows.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import type { SiteRow } from "../../src/wire/message.ts";
import { exclude, group, group2, include, own, row, ssm } from "../site/site.ts";
import { GossipWorld } from "./gossip-world.ts";

const seeds = Array.from({ length: 20 }, (_, i) => 500 + i);
const versionText = ({ site, incarnation, sequence }: SiteRow): string =>
  `${site} ${incarnation} ${sequence}`;

describe("a world of lossy, reordering, repeating links", () => {
  test.each(seeds.slice(0, 8))("seed %d: converges", (seed) => {
    const world = new GossipWorld(seed, 16);
    world.loss = 0.3;
    world.repetition = 0.3;
    world.linkAll();
    const prng = new Prng(seed);
    for (let i = 0; i < 40; i++) {
      world.publish(prng.below(16), { wants: prng.below(2) ? [exclude(group)] : [] });
      world.run(world.nowMs + prng.below(500));
    }
    world.run(world.nowMs + 60_000);
    expect(world.converged()).toBe(true);
  });

  test.each(seeds)("seed %d: an old row never wins", (seed) => {
    const world = new GossipWorld(seed, 6);
    world.repetition = 0.5;
    world.delayMs = 3_000;
    world.linkAll();
    const highest = new Map<string, number>();
    for (let i = 0; i < 100; i++) {
      world.publish(i % 6);
      world.run(world.nowMs + 50);
      for (const [index, { rows }] of world.nodes.entries()) {
        for (const { row: known } of rows) {
          const key = `${index} ${known.site}`;
          expect(known.sequence).toBeGreaterThanOrEqual(highest.get(key) ?? 0);
          highest.set(key, known.sequence);
        }
      }
    }
  });

  test.each(seeds)("seed %d: each node passes a version on at most once per neighbour", (seed) => {
    const world = new GossipWorld(seed, 12);
    world.repetition = 0.5;
    world.delayMs = 40;
    world.linkAll();
    world.run(800);
    world.sends.length = 0;
    world.publish(0);
    const version = versionText(world.node(0).row);
    // The next digests come after 1.6 s at the earliest.
    world.run(1_500);
    const sends = world.sends.filter((send) => versionText(send.row) === version);
    const ways = sends.map(({ from, to }) => `${from} ${to}`);
    expect(new Set(ways).size).toBe(ways.length);
    expect(world.converged()).toBe(true);
    world.run(60_000);
    const later = world.sends.length;
    world.run(120_000);
    // A day of rest is silent but for digests: nothing is echoed without end.
    expect(world.sends.length).toBe(later);
  });

  test.each(seeds)("seed %d: digests alone repair what floods have lost", (seed) => {
    const world = new GossipWorld(seed, 10);
    world.linkAll();
    world.run(5_000);
    world.losesFloods = true;
    for (let index = 0; index < 10; index += 3) {
      world.loseFloodOf({ ...world.node(index).row, sequence: world.node(index).row.sequence + 1 });
      world.publish(index, { wants: [exclude(group2)] });
    }
    world.run(5_500);
    expect(world.converged()).toBe(false);
    world.heal();
    world.run(45_000);
    expect(world.converged()).toBe(true);
  });

  test.each(seeds.slice(0, 4))(
    "seed %d: a partition heals, and nothing removed comes back",
    (seed) => {
      const world = new GossipWorld(seed, 8);
      for (let a = 0; a < 8; a++) for (let b = 0; b < a; b++) world.link(a, b);
      for (const node of world.nodes) node.publish(0, { wants: [exclude(group)] });
      world.run(1_000);
      for (let a = 0; a < 4; a++) for (let b = 4; b < 8; b++) world.unlink(a, b);
      world.publish(1, { wants: [] });
      world.publish(6, { wants: [exclude(group2)] });
      world.runRefreshed(world.nowMs + 2 * limits.rowExpiryMs);
      expect([...world.node(0).rows]).toHaveLength(4);
      world.link(0, 7);
      world.run(world.nowMs + 15_000);
      expect(world.converged()).toBe(true);
      const known = new Map(
        [...world.node(3).rows].map(({ row: held }) => [held.site, held.wants]),
      );
      expect(known.get("s6")).toEqual([exclude(group2)]);
      expect(known.get("s1")).toEqual([]);
    },
  );
});

describe("a site that comes back with a clock behind", () => {
  test.each(seeds)("seed %d: wins while others still know its row", (seed) => {
    const world = new GossipWorld(seed, 6);
    world.linkAll();
    world.publish(2, { wants: [exclude(group)] });
    world.run(10_000);
    world.restart(2, 5);
    world.link(2, 4);
    world.publish(2, { wants: [exclude(group2)] });
    world.run(20_000);
    expect(world.converged()).toBe(true);
    expect(world.node(2).row.incarnation).toBe(1_001);
    const held = [...world.node(0).rows].find(({ row: one }) => one.site === "s2");
    expect(held?.row.wants).toEqual([exclude(group2)]);
  });

  test.each(seeds)("seed %d: wins after its row has expired everywhere", (seed) => {
    const world = new GossipWorld(seed, 5);
    world.linkAll();
    world.run(1_000);
    world.restart(2, 5);
    const others = [0, 1, 3, 4];
    for (let round = 0; round < 6; round++) {
      for (const index of others) world.publish(index);
      world.run(world.nowMs + limits.rowRefreshMs);
    }
    for (const index of others) {
      expect([...world.node(index).rows].map(({ row: one }) => one.site)).not.toContain("s2");
    }
    world.link(2, 3);
    world.publish(2, { wants: [exclude(group)] });
    world.run(world.nowMs + 10_000);
    expect(world.converged()).toBe(true);
  });
});

describe("one node", () => {
  const rowsOf = (): Rows => new Rows("a", new Prng(1), 0);
  const tell = (rows: Rows, told: SiteRow, nowMs = 0): void =>
    rows.onMessage(1, { kind: "rows", rows: [told] }, nowMs);
  const viewOf = (rows: Rows, site: string): SiteRow | undefined =>
    [...rows].find(({ view }) => view.site === site)?.view;

  test("rows are ordered by (incarnation, sequence)", () => {
    const rows = rowsOf();
    tell(rows, row("b", { incarnation: 2, sequence: 5 }));
    tell(rows, row("b", { incarnation: 2, sequence: 5, wants: [exclude(group)] }));
    tell(rows, row("b", { incarnation: 2, sequence: 4 }));
    tell(rows, row("b", { incarnation: 1, sequence: 9 }));
    expect(rows.counters).toMatchObject({ rowsAccepted: 1, rowsOld: 3 });
    tell(rows, row("b", { incarnation: 3, sequence: 1, wants: [exclude(group)] }));
    expect(viewOf(rows, "b")?.wants).toEqual([exclude(group)]);
    expect(rows.changes).toBe(2);
  });

  test("expire when they are not refreshed, and an old copy does not bring them back", () => {
    const rows = rowsOf();
    rows.publish(row("a"), 0);
    tell(rows, row("b", { sequence: 3 }), 1_000);
    const expiryMs = 1_000 + limits.rowExpiryMs;
    rows.onDeadline(expiryMs - 1);
    expect(viewOf(rows, "b")).toBeDefined();
    rows.onDeadline(expiryMs);
    expect(viewOf(rows, "b")).toBeUndefined();
    expect(viewOf(rows, "a")).toBeDefined();
    expect(rows.counters.rowsExpired).toBe(1);
    tell(rows, row("b", { sequence: 3 }), expiryMs);
    expect(viewOf(rows, "b")).toBeUndefined();
    tell(rows, row("b", { sequence: 4 }), expiryMs);
    expect(viewOf(rows, "b")).toBeDefined();
  });

  test("while a site settles, what it wanted and where it was reached still counts", () => {
    const rows = rowsOf();
    const sends = [{ source: own, group }];
    tell(rows, row("b", { wants: [exclude(group), include(ssm, own)], sends }));
    const settling = { incarnation: 2, settling: true, router: "", routerControl: "" };
    tell(rows, row("b", { ...settling, wants: [exclude(group2)] }));
    const view = viewOf(rows, "b");
    expect(view?.wants).toEqual([exclude(group), include(ssm, own), exclude(group2)]);
    expect(view).toMatchObject({
      sends,
      router: "192.0.2.1:7800",
      routerControl: "192.0.2.1:7880",
    });
    expect([...rows][0]?.row.wants).toEqual([exclude(group2)]);
    tell(rows, row("b", { incarnation: 2, sequence: 2, wants: [exclude(group2)] }));
    expect(viewOf(rows, "b")).toMatchObject({ wants: [exclude(group2)], sends: [] });
  });

  test("our own row is ours to write; what others hold of it is remembered", () => {
    const rows = rowsOf();
    rows.publish(row("a", { incarnation: 5 }), 0);
    tell(rows, row("a", { incarnation: 9, wants: [exclude(group)] }));
    expect(viewOf(rows, "a")?.incarnation).toBe(5);
    expect(rows.ownVersionHeard).toMatchObject({ incarnation: 9 });
    expect(rows.counters.rowsOwn).toBe(1);
    expect([...rows.others()]).toEqual([]);
  });

  test("sites have a bound", () => {
    const rows = rowsOf();
    for (let i = 0; i <= limits.sitesMax; i++) tell(rows, row(`s${i}`));
    expect([...rows]).toHaveLength(limits.sitesMax);
    expect(rows.counters.rowsRefused).toBe(1);
    tell(rows, row("s0", { sequence: 2 }));
    expect(rows.counters.rowsAccepted).toBe(limits.sitesMax + 1);
  });

  test("a digest of very many sites still fits a message", () => {
    const world = new GossipWorld(1, 2);
    const { rows } = world.node(0);
    for (let i = 0; i < 1_000; i++) tell(rows, row(`${"s".repeat(60)}${i}`));
    world.link(0, 1);
    world.run(10_000);
    expect([...world.node(1).rows]).toHaveLength(1_002);
  });

  test("a neighbour gets a digest when it comes, and nothing when it has gone", () => {
    const rows = rowsOf();
    rows.publish(row("a"), 0);
    expect(rows.takeEffect()).toBeUndefined();
    rows.onNeighbourUp(7);
    const digest = { kind: "digest", reply: true };
    expect(rows.takeEffect()).toMatchObject({ kind: "send", to: 7, message: digest });
    rows.onNeighbourDown(7);
    rows.publish(row("a", { sequence: 2 }), 0);
    rows.onDeadline(10_000);
    expect(rows.takeEffect()).toBeUndefined();
  });
});
