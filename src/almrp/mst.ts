/**
 * The minimum spanning tree (Kruskal 1956): one shared tree with the least sum of delays. Pairs are
 * ordered by (delay, a, b), unknown ones last, so the tree is unique. Where sites bear few edges,
 * it is the tree that Kruskal finds among pairs with free ends, completed by `widen`.
 *
 * A previous tree is adapted rather than replaced. Its edges among sites that stayed are still in
 * the minimum spanning tree of these when the delays are the same: components that a leave tore
 * apart are joined by their cheapest pairs. And no other edge among old sites can enter by a join:
 * it was the largest of a cycle before. So with unchanged delays and free slots the result is the
 * minimum again; with drifting delays it stays until a fresh tree gains more than `gainMin`.
 */
import { assert } from "../base/assert.ts";
import {
  type Almrp,
  compareEdges,
  type Edge,
  fault,
  gainMin,
  isMember,
  type NoParams,
  type SiteId,
  sharedSlots,
  sortedSites,
  type Tree,
  type TreeSite,
  treeEdges,
  unknownEdges,
} from "./almrp.ts";
import { type ControlInformation, Delays } from "./rtt.ts";

export const mst: Almrp<NoParams> = {
  name: "mst",
  needs: ["rtt"],
  defaults: {},
  tree(problem) {
    const members = sortedSites(problem).filter(isMember);
    const graph = graphOf(members, problem.control);
    const short = graph.ids.filter((_, i) => (graph.slots[i] as number) < 1);
    const slots = graph.slots.reduce((total, count) => total + count, 0);
    const edges = members.length - 1;
    if (edges > 0 && short.length > 0) return fault("degree-infeasible", short);
    // A tree with these degrees exists exactly if every site bears one edge and all bear 2(n - 1).
    if (slots < 2 * edges) return fault("degree-infeasible", graph.ids);
    const all = sortedPairs(graph);
    const fresh = spanningTree(graph, [all]);
    const old = problem.previous?.kind === "shared" ? problem.previous : undefined;
    const pairs = old ? steadier(graph, adapted(graph, old, all), fresh) : fresh;
    return sharedTree(graph, pairs, problem.control);
  },
};

/** A pair of indexes a < b as a * n + b, so that numbers order as (a, b) do. */
type Pair = number;

type Graph = {
  readonly ids: readonly SiteId[];
  readonly slots: readonly number[];
  readonly delays: Delays;
};

const graphOf = (members: readonly TreeSite[], control: ControlInformation): Graph => {
  const ids = members.map(({ id }) => id);
  return { ids, slots: members.map(sharedSlots), delays: new Delays(ids, control) };
};

function sharedTree(graph: Graph, pairs: readonly Pair[], control: ControlInformation): Tree {
  const edges = pairs
    .map((pair): Edge => {
      const [a, b] = [lowEnd(graph, pair), highEnd(graph, pair)];
      return [graph.ids[a] as SiteId, graph.ids[b] as SiteId];
    })
    .sort(compareEdges);
  return { kind: "shared", edges, exceptions: unknownEdges(edges, control) };
}

/** The adapted tree unless the fresh one needs fewer unknown edges or gains enough. */
function steadier(graph: Graph, old: readonly Pair[], fresh: readonly Pair[]): readonly Pair[] {
  if (unknownCount(graph, old) > unknownCount(graph, fresh)) return fresh;
  return costMs(graph, fresh) < (1 - gainMin) * costMs(graph, old) ? fresh : old;
}

/** The previous tree after the leaves and the joins since. */
function adapted(graph: Graph, previous: Tree, all: readonly Pair[]): Pair[] {
  const index = new Map(graph.ids.map((id, i) => [id, i]));
  const stayed = new Set<number>();
  const kept = new Set<Pair>();
  for (const [a, b] of treeEdges(previous).map((edge) => edge.map((id) => index.get(id)))) {
    if (a !== undefined) stayed.add(a);
    if (b !== undefined) stayed.add(b);
    if (a === undefined || b === undefined || !graph.delays.isKnown(a, b)) continue;
    kept.add(pairOf(graph, a, b));
  }
  const isOld = (pair: Pair): boolean =>
    stayed.has(lowEnd(graph, pair)) && stayed.has(highEnd(graph, pair));
  const left = new Forest(graph);
  left.grow(all.filter((pair) => kept.has(pair)));
  left.grow(all.filter(isOld));
  const rest = new Set(left.pairs());
  return spanningTree(graph, [all.filter((pair) => rest.has(pair) || !isOld(pair)), all]);
}

/** The least tree of the first list, completed from the next one; the last holds all pairs. */
function spanningTree(graph: Graph, lists: readonly (readonly Pair[])[]): Pair[] {
  const forest = new Forest(graph);
  for (const list of lists) forest.grow(list);
  while (!forest.isSpanning) forest.widen();
  return forest.pairs();
}

/** Components of sites and the edges inside them, no site with more edges than its slots. */
class Forest {
  readonly #graph: Graph;
  readonly #pairs = new Set<Pair>();
  /** Free slots by site. */
  readonly #free: number[];
  /** Union-find: a site's number leads to the root of its component. */
  readonly #above: number[];
  #components: number;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#free = [...graph.slots];
    this.#above = [...graph.ids.keys()];
    this.#components = graph.ids.length;
  }

  get isSpanning(): boolean {
    return this.#components <= 1;
  }

  pairs(): Pair[] {
    return [...this.#pairs];
  }

  /** Adds each pair in turn that joins two components and whose sites have free slots. */
  grow(pairs: readonly Pair[]): void {
    for (const pair of pairs) {
      if (this.isSpanning) return;
      const [a, b] = [lowEnd(this.#graph, pair), highEnd(this.#graph, pair)];
      if (this.#freeOf(a) < 1 || this.#freeOf(b) < 1) continue;
      if (this.#componentOf(a) !== this.#componentOf(b)) this.#add(a, b);
    }
  }

  /**
   * Joins two components when `grow` has refused all pairs. Then free slots are in one component
   * only, and at least two of them for each other one. An edge u-v of a full component gives way
   * to u-w and v-x with free w and x: the cheapest such exchange is made.
   *
   *     full:  ...u---v...          ...u   v...
   *                          =>         \ /         (w and x may be one site)
   *     free:     ..w..x..            ..w..x..
   */
  widen(): void {
    const free = [...this.#free.keys()].filter((site) => this.#freeOf(site) > 0);
    const open = free[0] === undefined ? -1 : this.#componentOf(free[0]);
    let best: Exchange | undefined;
    for (const pair of [...this.#pairs].sort((p, q) => p - q)) {
      if (this.#componentOf(lowEnd(this.#graph, pair)) === open) continue;
      const exchange = this.#cheapestExchange(pair, free);
      if (exchange && (!best || isCheaper(exchange, best))) best = exchange;
    }
    assert(best !== undefined, "enough slots for a tree, yet none was found");
    const [u, v] = [lowEnd(this.#graph, best.pair), highEnd(this.#graph, best.pair)];
    this.#pairs.delete(best.pair);
    this.#free[u] = this.#freeOf(u) + 1;
    this.#free[v] = this.#freeOf(v) + 1;
    this.#pairs.add(pairOf(this.#graph, v, best.x));
    this.#free[v] = this.#freeOf(v) - 1;
    this.#free[best.x] = this.#freeOf(best.x) - 1;
    this.#add(u, best.w);
  }

  #cheapestExchange(pair: Pair, free: readonly number[]): Exchange | undefined {
    const [u, v] = [lowEnd(this.#graph, pair), highEnd(this.#graph, pair)];
    const [w, x] = [this.#nearest(u, free), this.#nearest(v, free)];
    if (w === undefined || x === undefined) return undefined;
    if (w !== x || this.#freeOf(w) > 1) return this.#exchange(pair, w, x);
    const others = free.filter((site) => site !== w);
    const [other, another] = [this.#nearest(u, others), this.#nearest(v, others)];
    if (other === undefined || another === undefined) return undefined;
    const [first, second] = [this.#exchange(pair, w, another), this.#exchange(pair, other, x)];
    return isCheaper(second, first) ? second : first;
  }

  #exchange(pair: Pair, w: number, x: number): Exchange {
    const { delays } = this.#graph;
    const [u, v] = [lowEnd(this.#graph, pair), highEnd(this.#graph, pair)];
    const unknown = Number(!delays.isKnown(u, w)) + Number(!delays.isKnown(v, x));
    const addedMs = delays.costMs(u, w) + delays.costMs(v, x);
    return {
      pair,
      w,
      x,
      unknown: unknown - Number(!delays.isKnown(u, v)),
      gainedMs: addedMs - delays.costMs(u, v),
    };
  }

  #nearest(from: number, among: readonly number[]): number | undefined {
    const { delays } = this.#graph;
    let nearest = among[0];
    for (const site of among) {
      if (delays.orderMs(from, site) < delays.orderMs(from, nearest as number)) nearest = site;
    }
    return nearest;
  }

  #add(a: number, b: number): void {
    this.#pairs.add(pairOf(this.#graph, a, b));
    this.#free[a] = this.#freeOf(a) - 1;
    this.#free[b] = this.#freeOf(b) - 1;
    this.#above[this.#componentOf(a)] = this.#componentOf(b);
    this.#components--;
  }

  #freeOf(site: number): number {
    return this.#free[site] as number;
  }

  #componentOf(site: number): number {
    let at = site;
    for (;;) {
      const above = this.#above[at] as number;
      if (above === at) return at;
      this.#above[at] = this.#above[above] as number;
      at = above;
    }
  }
}

/** What replacing the edge `pair` = u-v by u-w and v-x would add. */
type Exchange = {
  readonly pair: Pair;
  readonly w: number;
  readonly x: number;
  readonly unknown: number;
  readonly gainedMs: number;
};

const isCheaper = (a: Exchange, b: Exchange): boolean =>
  a.unknown < b.unknown || (a.unknown === b.unknown && a.gainedMs < b.gainedMs);

/** All pairs by (delay, a, b), the unknown ones last. */
function sortedPairs({ ids, delays }: Graph): Pair[] {
  const count = ids.length;
  const orderMs = new Float64Array(count * count);
  const pairs: Pair[] = [];
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      orderMs[a * count + b] = delays.orderMs(a, b);
      pairs.push(a * count + b);
    }
  }
  return pairs.sort((p, q) => {
    const [x, y] = [orderMs[p] as number, orderMs[q] as number];
    return x < y ? -1 : x > y ? 1 : p - q;
  });
}

const pairOf = ({ ids }: Graph, a: number, b: number): Pair =>
  Math.min(a, b) * ids.length + Math.max(a, b);

const lowEnd = ({ ids }: Graph, pair: Pair): number => Math.floor(pair / ids.length);

const highEnd = ({ ids }: Graph, pair: Pair): number => pair % ids.length;

const unknownCount = (graph: Graph, pairs: readonly Pair[]): number =>
  pairs.filter((pair) => !graph.delays.isKnown(lowEnd(graph, pair), highEnd(graph, pair))).length;

const costMs = (graph: Graph, pairs: readonly Pair[]): number =>
  pairs
    .toSorted((p, q) => p - q)
    .reduce((ms, p) => ms + graph.delays.costMs(lowEnd(graph, p), highEnd(graph, p)), 0);
