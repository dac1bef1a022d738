import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { churn, type Edge, sharedSlots, type Tree } from "../../src/almrp/almrp.ts";
import { mst } from "../../src/almrp/mst.ts";
import { Delays, pairMs, type SiteId } from "../../src/almrp/rtt.ts";
import { Prng } from "../../src/base/prng.ts";
import { membersOf, problemOf, siteOf, type World, worldOf, worlds } from "./conformance.ts";
import { clouds, measures } from "./latency.ts";

const settings = { seed: 20260918, numRuns: 300 };

const built = (world: World, previous?: Tree): Tree & { kind: "shared" } => {
  const tree = mst.tree(problemOf(mst, world, previous));
  if (tree.kind !== "shared") throw new Error(`found ${tree.kind}`);
  return tree;
};

/** Prim from the first site; pairs order by (known, delay, a, b), so the tree is unique. */
function prim(world: World): Edge[] {
  const ids = membersOf(world).map(({ id }) => id);
  const orderMs = (a: SiteId, b: SiteId) => pairMs(world.control, a, b) ?? Number.POSITIVE_INFINITY;
  const inside = ids.slice(0, 1);
  const edges: Edge[] = [];
  while (inside.length < ids.length) {
    const outside = ids.filter((id) => !inside.includes(id));
    const pairs = inside.flatMap((a) => outside.map((b): Edge => (a < b ? [a, b] : [b, a])));
    const [least] = pairs.sort(
      (p, q) => sign(orderMs(...p), orderMs(...q)) || sign(p[0], q[0]) || sign(p[1], q[1]),
    );
    if (!least) throw new Error("no pair left");
    edges.push(least);
    inside.push(...least.filter((id) => !inside.includes(id)));
  }
  return edges.sort((p, q) => sign(p[0], q[0]) || sign(p[1], q[1]));
}

const sign = <Value extends number | string>(a: Value, b: Value) => (a < b ? -1 : a > b ? 1 : 0);

describe("golden values of the clouds", () => {
  for (const cloud of clouds()) {
    test(cloud.name, () => {
      const { edges, ...golden } = cloud.golden.mst;
      const world = { sites: cloud.ids.map((id) => siteOf(id, "both")), control: cloud.control };
      const tree = built(world);
      const found = measures(tree, cloud);
      expect(tree.edges).toEqual(edges);
      expect(tree.edges).toEqual(prim(world));
      for (const name of ["cost", "diameter"] as const) {
        expect(Math.abs(found[name] - golden[name])).toBeLessThanOrEqual(0.001);
      }
      for (const name of ["rdpMean", "rdpP90", "rdpMax"] as const) {
        expect(Math.abs((found[name] ?? 0) - golden[name])).toBeLessThanOrEqual(1e-6);
      }
      expect([found.maxDegree, found.maxHops]).toEqual([golden.maxDegree, golden.maxHops]);
    });
  }
});

test("equals Prim, also with ties and unknown pairs", () => {
  fc.assert(
    fc.property(worlds(), (world) => {
      expect(built(world).edges).toEqual(prim(world));
    }),
    settings,
  );
});

describe("joins and leaves", () => {
  test("with the same delays the adapted tree is the minimum again", () => {
    fc.assert(
      fc.property(worlds(), fc.nat(), fc.nat(), (world, before, after) => {
        const subset = (mask: number) => world.sites.filter((_, i) => (mask >> i) & 1);
        const old = built({ ...world, sites: subset(before) });
        const now = { ...world, sites: subset(after) };
        expect(built(now, old).edges).toEqual(prim(now));
      }),
      settings,
    );
  });

  test("a leaf that joins costs one edge", () => {
    const world = worldOf(["a", "b", "c", "d"], (a, b) => b.charCodeAt(0) - a.charCodeAt(0));
    const old = built({ ...world, sites: world.sites.slice(0, 3) });
    expect(churn(built(world, old), old)).toBe(1);
  });

  test("a site in the middle that leaves is bridged by the cheapest pair", () => {
    const world = worldOf(["a", "b", "c"], (a, b) => ({ ab: 1, bc: 1, ac: 3 })[a + b]);
    const rest = { ...world, sites: world.sites.filter(({ id }) => id !== "b") };
    expect(built(rest, built(world)).edges).toEqual([["a", "c"]]);
  });

  test("an old tree stays until a fresh one gains more than a tenth", () => {
    const triangle = (acMs: number) =>
      worldOf(["a", "b", "c"], (a, b) => ({ ab: 100, bc: 100, ac: acMs })[a + b]);
    const old = built(triangle(150));
    expect(built(triangle(90)).edges).not.toEqual(old.edges);
    expect(built(triangle(90), old).edges).toEqual(old.edges);
    expect(built(triangle(70), old).edges).toEqual([
      ["a", "b"],
      ["a", "c"],
    ]);
  });

  test("an edge whose RTT is no longer known is replaced", () => {
    const old = built(worldOf(["a", "b", "c"], (a, b) => ({ ab: 1, bc: 1, ac: 3 })[a + b]));
    const now = worldOf(["a", "b", "c"], (a, b) => ({ ab: 1, ac: 3 })[a + b]);
    expect(built(now, old)).toMatchObject({
      edges: [
        ["a", "b"],
        ["a", "c"],
      ],
      exceptions: [],
    });
  });

  test("an edge above a degree limit that came since is replaced", () => {
    const hub = worldOf(["a", "b", "c", "d"], (a) => (a === "a" ? 1 : 5));
    const sites = hub.sites.map((site) => ({ ...site, maxOut: 2 }));
    expect(built({ ...hub, sites }, built(hub)).edges).toEqual([
      ["a", "b"],
      ["a", "c"],
      ["b", "d"],
    ]);
  });
});

describe("degree limits", () => {
  test("a tree is found exactly where one exists, and is no cheaper than the minimum", () => {
    fc.assert(
      fc.property(worlds({ maxOut: 3 }), (world) => {
        const members = membersOf(world);
        const slots = members.map(sharedSlots);
        const edges = members.length - 1;
        const exists =
          edges < 1 || (Math.min(...slots) >= 1 && slots.reduce((a, b) => a + b) >= 2 * edges);
        const tree = mst.tree(problemOf(mst, world));
        expect(tree.kind).toBe(exists ? "shared" : "fault");
        if (tree.kind === "shared") {
          expect(costMs(world, tree.edges)).toBeGreaterThanOrEqual(costMs(world, prim(world)));
        }
      }),
      { ...settings, numRuns: 2_000 },
    );
  });

  test("two full pairs and a free one: the cheapest edge gives way", () => {
    // a-b and c-d are nearest and full with one slot each; e can bear them.
    const slots: Record<string, number> = { a: 1, b: 1, c: 1, d: 1, e: 4 };
    const ms: Record<string, number> = { ab: 1, cd: 2, ae: 10, be: 10, ce: 10, de: 10 };
    const world = worldOf(Object.keys(slots), (a, b) => ms[a + b] ?? 50);
    const sites = world.sites.map((site) => ({ ...site, maxOut: slots[site.id] as number }));
    expect(built({ ...world, sites }).edges).toEqual(["a", "b", "c", "d"].map((id) => [id, "e"]));
  });

  test("of a full chain the edge gives way whose exchange is cheapest", () => {
    const slots: Record<string, number> = { a: 1, b: 2, c: 1, e: 2 };
    const chain = (aeMs: number, ceMs: number) => {
      const ms: Record<string, number> = { ab: 1, bc: 1, ac: 50, ae: aeMs, be: 10, ce: ceMs };
      const world = worldOf(Object.keys(slots), (a, b) => ms[a + b]);
      const sites = world.sites.map((site) => ({ ...site, maxOut: slots[site.id] as number }));
      return built({ ...world, sites }).edges.map((edge) => edge.join(""));
    };
    expect(chain(20, 30)).toEqual(["ae", "bc", "be"]);
    expect(chain(30, 20)).toEqual(["ab", "be", "ce"]);
    expect(chain(20, 20)).toEqual(["ae", "bc", "be"]);
  });

  test("a chain of five hundred sites that bear two edges each", () => {
    const prng = new Prng(5);
    const ids = Array.from({ length: 500 }, (_, i) => `n${String(i).padStart(3, "0")}`);
    const world = worldOf(ids, () => prng.around(100, 0.9));
    const sites = ids.map((id) => siteOf(id, "both", 2));
    const { edges } = built({ ...world, sites });
    expect(edges.length).toBe(499);
    expect(ids.every((id) => edges.filter((edge) => edge.includes(id)).length <= 2)).toBe(true);
  });
});

function costMs(world: World, edges: readonly Edge[]): number {
  const ids = membersOf(world).map(({ id }) => id);
  const delays = new Delays(ids, world.control);
  return edges.reduce((ms, [a, b]) => ms + delays.costMs(ids.indexOf(a), ids.indexOf(b)), 0);
}
