import { describe, expect, test } from "bun:test";
import { churn, type Tree, treeEdges } from "../../src/almrp/almrp.ts";
import { Delays } from "../../src/almrp/rtt.ts";
import { type StarParams, star } from "../../src/almrp/star.ts";
import { Prng } from "../../src/base/prng.ts";
import { problemOf, siteOf, type World, worldOf } from "./conformance.ts";
import { clouds } from "./latency.ts";

const built = (world: World, params: StarParams, previous?: Tree) =>
  star.tree({ ...world, params, previous, prng: new Prng(1) });

const shared = (world: World, params: StarParams, previous?: Tree): Tree & { kind: "shared" } => {
  const tree = built(world, params, previous);
  if (tree.kind !== "shared") throw new Error(`found ${tree.kind}`);
  return tree;
};

/** The site that all edges have in common. */
const centreOf = ({ edges }: Tree & { kind: "shared" }) =>
  edges[0]?.find((id) => edges.every((edge) => edge.includes(id)));

describe("per source", () => {
  test("each source is the parent of every receiver but itself", () => {
    const sites = [siteOf("a", "source"), siteOf("b", "both"), siteOf("c", "receiver")];
    const tree = star.tree(problemOf(star, { ...worldOf(["a", "b", "c"], () => 5), sites }));
    expect(tree).toEqual({
      kind: "perSource",
      bySource: new Map([
        [
          "a",
          new Map([
            ["b", "a"],
            ["c", "a"],
          ]),
        ],
        ["b", new Map([["c", "b"]])],
      ]),
      exceptions: [],
    });
  });

  test("more receivers than a source can serve is a fault that names it", () => {
    const sites = [siteOf("a", "both", 2), siteOf("b", "both", 1), siteOf("c", "receiver")];
    const world = { ...worldOf(["a", "b", "c"], () => 5), sites };
    expect(star.tree(problemOf(star, world))).toEqual({
      kind: "fault",
      name: "degree-infeasible",
      sites: ["b"],
    });
  });

  test("edges with unknown RTT are listed once", () => {
    const world = worldOf(["a", "b", "c"], (a) => (a === "a" ? 5 : undefined));
    expect(built(world, star.defaults)).toMatchObject({ exceptions: [["b", "c"]] });
  });
});

describe("golden values of the clouds", () => {
  for (const cloud of clouds()) {
    const world = { sites: cloud.ids.map((id) => siteOf(id, "both")), control: cloud.control };
    const golden = cloud.golden.star;

    test(`${cloud.name}: per source, every pair is an edge`, () => {
      const tree = built(world, star.defaults);
      if (tree.kind === "fault") throw new Error(tree.name);
      expect(treeEdges(tree).length).toBe((cloud.ids.length * (cloud.ids.length - 1)) / 2);
    });

    test(`${cloud.name}: median and centre`, () => {
      const delays = new Delays(cloud.ids, cloud.control);
      const ms = (tree: Tree & { kind: "shared" }) =>
        tree.edges.map(([a, b]) => delays.costMs(cloud.ids.indexOf(a), cloud.ids.indexOf(b)));
      const median = shared(world, { root: "median" });
      const centre = shared(world, { root: "centre" });
      expect(centreOf(median)).toBe(golden.median);
      expect(Math.abs(ms(median).reduce((a, b) => a + b) - golden.total)).toBeLessThanOrEqual(
        0.001,
      );
      expect(Math.abs(Math.max(...ms(median)) - golden.ecc)).toBeLessThanOrEqual(0.001);
      expect(centreOf(centre)).toBe(golden.centre);
      expect(Math.abs(Math.max(...ms(centre)) - golden.centreEcc)).toBeLessThanOrEqual(0.001);
    });
  }
});

describe("shared", () => {
  const line = (cMs: number) =>
    worldOf(["a", "b", "c"], (a, b) => ({ ab: 100, ac: 50, bc: cMs })[a + b]);

  test("the smaller id wins a tie", () => {
    expect(
      centreOf(
        shared(
          worldOf(["a", "b", "c"], () => 5),
          { root: "median" },
        ),
      ),
    ).toBe("a");
  });

  test("the old centre stays until another one gains more than a tenth", () => {
    const old = shared(
      worldOf(["a", "b", "c"], () => 100),
      { root: "median" },
    );
    expect(centreOf(shared(line(90), { root: "median" }))).toBe("c");
    expect(churn(shared(line(90), { root: "median" }, old), old)).toBe(0);
    expect(centreOf(shared(line(80), { root: "median" }, old))).toBe("c");
  });

  test("the old centre goes when another one needs fewer unknown pairs", () => {
    const old = shared(
      worldOf(["a", "b", "c", "d"], () => 10),
      { root: "median" },
    );
    const now = worldOf(["a", "b", "c", "d"], (a, b) => ({ ab: 10, ac: 0, bc: 10, bd: 10 })[a + b]);
    expect(centreOf(old)).toBe("a");
    expect(centreOf(shared(now, { root: "median" }))).toBe("b");
    expect(centreOf(shared(now, { root: "median" }, old))).toBe("b");
  });

  test("a site with known pairs is preferred, one without enough slots is not taken", () => {
    const world = worldOf(["a", "b", "c"], (a, b) => ({ ac: 500, bc: 500 })[a + b]);
    expect(centreOf(shared(world, { root: "median" }))).toBe("c");
    const sites = [siteOf("a", "both", 2), siteOf("b", "both", 1), siteOf("c", "both", 1)];
    expect(centreOf(shared({ ...world, sites }, { root: "median" }))).toBe("a");
    const narrow = sites.map((site) => ({ ...site, maxOut: 1 }));
    expect(built({ ...world, sites: narrow }, { root: "median" }).kind).toBe("fault");
  });
});
