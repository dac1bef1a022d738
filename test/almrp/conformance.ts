import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Almrp,
  childrenOf,
  churn,
  type ControlInformation,
  isMember,
  isReceiver,
  isSource,
  orientedTree,
  prunedTree,
  type SiteId,
  type Tree,
  type TreeFault,
  type TreeProblem,
  type TreeSite,
  treeEdges,
  treeFault,
} from "../../src/almrp/almrp.ts";
import { Prng } from "../../src/base/prng.ts";
import { clouds } from "./latency.ts";

/** What every protocol promises, whatever tree it builds. */
export function conformance(protocol: Almrp<object>): void {
  const run = (world: World, previous?: Tree) =>
    protocol.tree(problemOf(protocol, world, previous));
  const built = (world: World, previous?: Tree): Tree => {
    const tree = run(world, previous);
    if (tree.kind === "fault") throw new Error(`${tree.name}: ${tree.sites.join(" ")}`);
    expect(treeFault(problemOf(protocol, world), tree)).toBeUndefined();
    expectDelivery(world, tree);
    return tree;
  };
  describe(`${protocol.name}: properties`, () => properties(run, built));
  describe(`${protocol.name}: edge cases`, () => edgeCases(built));
  describe(`${protocol.name}: cloud matrices`, () => {
    for (const { name, ids, control } of clouds()) {
      test(name, () => {
        const world = { sites: ids.map((id) => siteOf(id, "both")), control };
        expect(built(world).exceptions).toEqual([]);
        expect(canonical(run(permuted(world, 7)))).toBe(canonical(run(world)));
      });
    }
  });
}

export type World = {
  readonly sites: readonly TreeSite[];
  readonly control: ControlInformation;
};

type Run = (world: World, previous?: Tree) => Tree | TreeFault;
type Built = (world: World, previous?: Tree) => Tree;

const settings = { seed: 20260917, numRuns: 300 };

function properties(run: Run, built: Built): void {
  test("with free slots every problem has a tree that reaches every receiver once", () => {
    fc.assert(
      fc.property(worlds(), (world) => void built(world)),
      settings,
    );
  });

  test("with degree limits the tree respects them or is refused by name", () => {
    fc.assert(
      fc.property(worlds({ maxOut: 4 }), (world) => {
        const tree = run(world);
        if (tree.kind === "fault") expect(tree.name).toBe("degree-infeasible");
        else built(world);
      }),
      settings,
    );
  });

  test("permuting the input changes nothing", () => {
    fc.assert(
      fc.property(worlds({ maxOut: 6 }), fc.nat(), (world, seed) => {
        expect(canonical(run(permuted(world, seed)))).toBe(canonical(run(world)));
      }),
      settings,
    );
  });

  test("scaling all delays by 4 changes no edge", () => {
    fc.assert(
      fc.property(worlds({ maxOut: 6 }), (world) => {
        expect(canonical(run(scaled(world, () => 4)))).toBe(canonical(run(world)));
      }),
      settings,
    );
  });

  test("its own result as previous tree stays, also when delays drift by 2 %", () => {
    fc.assert(
      fc.property(worlds(), fc.nat(), (world, seed) => {
        const tree = built(world);
        const prng = new Prng(seed);
        expect(canonical(built(world, tree))).toBe(canonical(tree));
        expect(
          churn(
            built(
              scaled(world, () => prng.around(1, 0.02)),
              tree,
            ),
            tree,
          ),
        ).toBe(0);
      }),
      settings,
    );
  });

  test("any previous tree, even of other sites, leads to a right tree", () => {
    fc.assert(
      fc.property(worlds(), worlds(), worlds({ maxOut: 3 }), (before, after, narrow) => {
        const tree = built(before);
        built(after, tree);
        const next = run(narrow, tree);
        if (next.kind !== "fault") {
          const problem = { ...narrow, params: {}, previous: undefined, prng: new Prng(1) };
          expect(treeFault(problem, next)).toBeUndefined();
        } else expect(next.name).toBe("degree-infeasible");
      }),
      settings,
    );
  });
}

function edgeCases(built: Built): void {
  for (const count of [0, 1, 2, 3]) {
    test(`${count} sites`, () => {
      const world = uniform(count, 10);
      expect(treeEdges(built(world)).length).toBeGreaterThanOrEqual(Math.max(0, count - 1));
    });
  }

  test("all distances equal", () => {
    expect(built(uniform(9, 10)).exceptions).toEqual([]);
  });

  test("all distances 0", () => {
    expect(built(uniform(5, 0)).exceptions).toEqual([]);
  });

  test("a duplicate of a site at distance 0", () => {
    const world = worldOf(["a", "b", "c", "d"], (x, y) => (`${x}${y}` === "ab" ? 0 : 30));
    built(world);
  });

  test("one site without any known pair is reached by an exception", () => {
    const world = worldOf(["a", "b", "c", "d"], (x, y) =>
      `${x}${y}`.includes("c") ? undefined : 30,
    );
    expect(built(world).exceptions.length).toBeGreaterThan(0);
    expect(built(world).exceptions.every((edge) => edge.includes("c"))).toBe(true);
  });

  test("nothing is known", () => {
    const tree = built(worldOf(["a", "b", "c"], () => undefined));
    expect(tree.exceptions).toEqual(treeEdges(tree));
  });

  test("relays and sites that only send get no copy", () => {
    const sites = [siteOf("a", "source"), siteOf("b", "relay"), siteOf("c", "receiver")];
    built({ ...worldOf(["a", "b", "c"], () => 10), sites });
  });

  test("five hundred sites", () => {
    const prng = new Prng(3);
    const ids = Array.from({ length: 500 }, (_, i) => `n${String(i).padStart(3, "0")}`);
    const { control } = worldOf(ids, () => prng.around(100, 0.9));
    const world = { sites: ids.map((id, i) => siteOf(id, i < 3 ? "both" : "receiver")), control };
    expect(built(world).exceptions).toEqual([]);
  });
}

/** Each receiver hears each source once, nobody else is the end of a branch, nothing comes back. */
function expectDelivery({ sites }: World, tree: Tree): void {
  const receivers = new Set(sites.filter(isReceiver).map(({ id }) => id));
  for (const { id: root, maxOut } of sites.filter(isSource)) {
    const parents = prunedTree(orientedTree(tree, root), root, receivers);
    const children = childrenOf(parents);
    const heard: SiteId[] = [];
    for (const queue = [root]; queue.length > 0;) {
      const next = children.get(queue.shift() as SiteId) ?? [];
      heard.push(...next);
      queue.push(...next);
    }
    expect(new Set(heard).size).toBe(heard.length);
    expect(heard).not.toContain(root);
    expect([...receivers].filter((id) => id !== root && !heard.includes(id))).toEqual([]);
    expect(heard.filter((id) => !receivers.has(id) && !children.has(id))).toEqual([]);
    expect(children.get(root)?.length ?? 0).toBeLessThanOrEqual(maxOut);
  }
}

/** Up to ten sites; a pair's directions differ, and one pair in four directions is unknown. */
export function worlds({ maxOut }: { maxOut?: number } = {}): fc.Arbitrary<World> {
  const site = fc.record({
    id: fc.constantFrom(..."abcdefghijklmnop"),
    role: fc.constantFrom("both", "both", "source", "receiver", "relay"),
    maxOut: maxOut === undefined ? fc.constant(1_000) : fc.nat({ max: maxOut }),
  });
  const sites = fc.uniqueArray(site, { selector: ({ id }) => id, maxLength: 10 });
  const delays = fc.array(fc.option(fc.nat({ max: 60 }), { freq: 4, nil: undefined }), {
    minLength: 100,
    maxLength: 100,
  });
  return fc.tuple(sites, delays).map(([drawn, ms]) => {
    let at = 0;
    return {
      sites: drawn,
      control: controlOf(
        drawn.map(({ id }) => id),
        () => ms[at++],
      ),
    };
  });
}

/** Sites that send and receive, with one symmetric delay in ms for each pair in order. */
export const worldOf = (
  ids: readonly SiteId[],
  delayMs: (a: SiteId, b: SiteId) => number | undefined,
): World => ({
  sites: ids.map((id) => siteOf(id, "both")),
  control: controlOf(ids, (a, b) => (a < b ? delayMs(a, b) : undefined)),
});

export const siteOf = (id: SiteId, role: TreeSite["role"], maxOut = 1_000): TreeSite => ({
  id,
  role,
  maxOut,
});

export const problemOf = <Params>(
  { defaults }: { readonly defaults: Params },
  world: World,
  previous?: Tree,
): TreeProblem<Params> => ({ ...world, params: defaults, previous, prng: new Prng(1) });

const uniform = (count: number, ms: number): World =>
  worldOf(
    Array.from({ length: count }, (_, i) => `n${i}`),
    () => ms,
  );

function controlOf(
  ids: readonly SiteId[],
  delayMs: (from: SiteId, to: SiteId) => number | undefined,
): ControlInformation {
  const rows = ids.map((from) => {
    const row = new Map<SiteId, number>();
    for (const to of ids) {
      const ms = from === to ? undefined : delayMs(from, to);
      if (ms !== undefined) row.set(to, ms);
    }
    return [from, row] as const;
  });
  return { rttMs: new Map(rows) };
}

function permuted({ sites, control }: World, seed: number): World {
  const prng = new Prng(seed);
  const shuffled = <Item>(items: Iterable<Item>): Item[] =>
    [...items]
      .map((item) => ({ item, key: prng.u32() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  const rows = shuffled(control.rttMs).map(([id, row]) => [id, new Map(shuffled(row))] as const);
  return { sites: shuffled(sites), control: { rttMs: new Map(rows) } };
}

function scaled({ sites, control }: World, factor: () => number): World {
  const rows = [...control.rttMs].map(
    ([id, row]) => [id, new Map([...row].map(([to, ms]) => [to, ms * factor()]))] as const,
  );
  return { sites, control: { rttMs: new Map(rows) } };
}

/** Text that shows the order of maps, too. */
const canonical = (tree: Tree | TreeFault): string =>
  JSON.stringify(tree, (_, value) => (value instanceof Map ? [...value] : value));

export const membersOf = ({ sites }: World): TreeSite[] =>
  sites.filter(isMember).sort((a, b) => (a.id < b.id ? -1 : 1));
