import { describe, expect, test } from "bun:test";
import {
  childrenOf,
  churn,
  type Edge,
  orientedTree,
  type Parents,
  prunedTree,
  sharedSlots,
  sortedSites,
  type Tree,
  type TreeFaultName,
  treeEdges,
  treeFault,
} from "../../src/almrp/almrp.ts";
import { AssertionError } from "../../src/base/assert.ts";
import { problemOf, siteOf, type World, worldOf } from "./conformance.ts";

const problem = (world: World) => problemOf({ defaults: {} }, world);

const shared = (edges: Edge[], exceptions: Edge[] = []): Tree => ({
  kind: "shared",
  edges,
  exceptions,
});

const perSource = (bySource: Record<string, Record<string, string>>): Tree => ({
  kind: "perSource",
  bySource: new Map(Object.entries(bySource).map(([id, parents]) => [id, parentsOf(parents)])),
  exceptions: [],
});

const parentsOf = (parents: Record<string, string>): Parents => new Map(Object.entries(parents));

/**
 *     a - b - c
 *         |
 *         d - e
 */
const edges: Edge[] = [
  ["a", "b"],
  ["b", "c"],
  ["b", "d"],
  ["d", "e"],
];

describe("orientation", () => {
  test("a shared tree hangs from the ingress site", () => {
    const fromA = parentsOf({ b: "a", c: "b", d: "b", e: "d" });
    expect(orientedTree(shared(edges), "a")).toEqual(new Map(fromA));
    expect(Object.fromEntries(orientedTree(shared(edges), "e"))).toEqual({
      d: "e",
      b: "d",
      a: "b",
      c: "b",
    });
  });

  test("a tree per source is taken as it is", () => {
    const tree = perSource({ a: { b: "a", c: "b" }, c: { a: "c" } });
    expect(Object.fromEntries(orientedTree(tree, "a"))).toEqual({ b: "a", c: "b" });
    expect(Object.fromEntries(orientedTree(tree, "c"))).toEqual({ a: "c" });
  });

  test("a root outside the tree is a mistake of the caller, alone it is none", () => {
    expect(() => orientedTree(shared(edges), "x")).toThrow(AssertionError);
    expect(() => orientedTree(perSource({ a: {} }), "b")).toThrow(AssertionError);
    expect(orientedTree(shared([]), "a").size).toBe(0);
  });

  test("children are listed by id", () => {
    const children = childrenOf(parentsOf({ e: "b", d: "b", b: "a", c: "b" }));
    expect(Object.fromEntries(children)).toEqual({ a: ["b"], b: ["c", "d", "e"] });
  });
});

describe("pruning", () => {
  const parents = parentsOf({ b: "a", c: "b", d: "b", e: "d" });
  const pruned = (...receivers: string[]) =>
    Object.fromEntries(prunedTree(parents, "a", new Set(receivers)));

  test("drops branches without receivers and keeps the sites that forward", () => {
    expect(pruned("e")).toEqual({ b: "a", d: "b", e: "d" });
    expect(pruned("c", "b")).toEqual({ b: "a", c: "b" });
    expect(pruned("a", "c", "e")).toEqual({ b: "a", c: "b", d: "b", e: "d" });
  });

  test("without receivers nothing is left, strangers do not matter", () => {
    expect(pruned()).toEqual({});
    expect(pruned("a", "x")).toEqual({});
  });
});

describe("the output check", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const world = worldOf(ids, (a, b) => (`${a}${b}` === "ae" ? undefined : 10));
  const limited = (maxOut: number): World => ({
    ...world,
    sites: world.sites.map((site) => (site.id === "b" ? { ...site, maxOut } : site)),
  });
  const few: World = {
    ...world,
    sites: [siteOf("a", "source"), siteOf("b", "relay"), siteOf("c", "receiver")],
  };

  const rows: [TreeFaultName | undefined, string, Tree, World][] = [
    [undefined, "a tree", shared(edges), world],
    ["foreign-site", "an edge to a stranger", shared([...edges, ["e", "x"]]), world],
    ["member-missing", "a member in no edge", shared(edges.slice(0, 3)), world],
    [
      "disconnected",
      "two parts",
      shared([
        ["a", "b"],
        ["c", "d"],
        ["d", "e"],
      ]),
      world,
    ],
    ["cycle", "a loop", shared([...edges, ["a", "c"]]), world],
    ["cycle", "an edge twice", shared([...edges, ["a", "b"]]), world],
    ["cycle", "an edge twice, turned", shared([...edges, ["b", "a"]]), world],
    ["cycle", "an edge to itself", shared([...edges, ["e", "e"]]), world],
    ["degree-exceeded", "an ingress with three children", shared(edges), limited(2)],
    [undefined, "exactly as many", shared(edges), limited(3)],
    [
      "exceptions-wrong",
      "an exception not listed",
      shared([...edges.slice(0, 3), ["a", "e"]]),
      world,
    ],
    [undefined, "listed", shared([...edges.slice(0, 3), ["a", "e"]], [["a", "e"]]), world],
    ["exceptions-wrong", "a known edge listed", shared(edges, [["a", "b"]]), world],
    [undefined, "one site alone", shared([]), worldOf(["a"], () => 1)],
    ["cycle", "one site with an edge", shared([["a", "a"]]), worldOf(["a"], () => 1)],
    [undefined, "no site", shared([]), worldOf([], () => 1)],
    [undefined, "a relay left out", shared([["a", "c"]]), few],
    [
      undefined,
      "a relay that forwards",
      shared([
        ["a", "b"],
        ["b", "c"],
      ]),
      few,
    ],
    [undefined, "per source", perSource({ a: { c: "a" } }), few],
    [undefined, "per source, over a relay", perSource({ a: { b: "a", c: "b" } }), few],
    ["member-missing", "a source without a tree", perSource({}), few],
    ["member-missing", "a receiver left out", perSource({ a: { b: "a" } }), few],
    ["foreign-site", "a root that does not send", perSource({ a: { c: "a" }, c: {} }), few],
    ["foreign-site", "a root that is not there", perSource({ a: { c: "a" }, x: {} }), few],
    ["foreign-site", "a strange parent", perSource({ a: { c: "x" } }), few],
    ["foreign-site", "a strange child", perSource({ a: { c: "a", x: "c" } }), few],
    ["cycle", "a way back to the root", perSource({ a: { c: "a", a: "c" } }), few],
    ["cycle", "sites that feed each other", perSource({ a: { c: "b", b: "c" } }), few],
    ["disconnected", "a parent without one", perSource({ a: { c: "b" } }), few],
    [
      "degree-exceeded",
      "a source that cannot send",
      perSource({ a: { c: "a" } }),
      { ...few, sites: [siteOf("a", "source", 0), siteOf("c", "receiver")] },
    ],
  ];

  for (const [name, title, tree, where] of rows) {
    test(`${title}: ${name ?? "right"}`, () => {
      expect(treeFault(problem(where), tree)?.name).toBe(name);
    });
  }

  test("a fault says where", () => {
    expect(treeFault(problem(limited(2)), shared(edges))?.sites).toEqual(["b"]);
  });
});

test("a site that sends bears one edge less", () => {
  expect(sharedSlots(siteOf("a", "both", 3))).toBe(3);
  expect(sharedSlots(siteOf("a", "source", 3))).toBe(3);
  expect(sharedSlots(siteOf("a", "receiver", 3))).toBe(4);
});

test("sites are sorted by id; one of them twice is a mistake", () => {
  const sites = [siteOf("b", "both"), siteOf("a", "both")];
  const world = worldOf([], () => 1);
  expect(sortedSites(problem({ ...world, sites })).map(({ id }) => id)).toEqual(["a", "b"]);
  expect(() => sortedSites(problem({ ...world, sites: [...sites, ...sites] }))).toThrow("twice");
});

test("churn counts the edges that are new, whatever kinds the trees have", () => {
  expect(churn(shared(edges), shared(edges))).toBe(0);
  expect(churn(shared([...edges.slice(1), ["a", "e"]]), shared(edges))).toBe(1);
  const tree = perSource({ a: { b: "a" }, b: { a: "b", c: "b" } });
  expect(treeEdges(tree)).toEqual([
    ["a", "b"],
    ["b", "c"],
  ]);
  expect(churn(tree, shared(edges))).toBe(0);
});
