/**
 * The contract of all application-level multicast routing protocols (ALMRPs): sites and control
 * information in, a tree out. It owns the words for problems and trees, the check that every tree
 * passes before it is used, and the way from a tree to one ingress site's parents and children.
 *
 * A protocol is a pure function: no clock, no effects, no dependence on the order of sites or keys.
 * Where two choices are equal, the smaller (value, id) wins. Randomness comes only from the `prng`
 * of the problem. A problem without solution is a named fault, never an overloaded site.
 */
import { assert, unreachable } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import { type ControlInformation, pairMs, type SiteId } from "./rtt.ts";

export type { ControlInformation, SiteId } from "./rtt.ts";

export interface Almrp<Params> {
  readonly name: string;
  /** The control information that the protocol reads. */
  readonly needs: readonly "rtt"[];
  readonly defaults: Params;
  tree(problem: TreeProblem<Params>): Tree | TreeFault;
}

/** Parameters of a protocol that has none. */
export type NoParams = Readonly<Record<string, never>>;

export type TreeSite = {
  readonly id: SiteId;
  /** A relay neither sends nor receives; it may forward. */
  readonly role: "source" | "receiver" | "both" | "relay";
  /** How many copies of one packet the site can send to other sites. */
  readonly maxOut: number;
};

export type TreeProblem<Params = unknown> = {
  readonly sites: readonly TreeSite[];
  readonly control: ControlInformation;
  readonly params: Params;
  /** The tree in use, which changes only for a gain above `gainMin` or where it does not fit. */
  readonly previous: Tree | undefined;
  readonly prng: Prng;
};

/** A new tree replaces a fitting old one when its objective is smaller by more than this part. */
export const gainMin = 0.1;

/** A pair of sites; the smaller id comes first. */
export type Edge = readonly [SiteId, SiteId];

/** The parent of each site in a tree that hangs from one root; the root has none. */
export type Parents = ReadonlyMap<SiteId, SiteId>;

/** `exceptions` are the edges that had to be used although their RTT is unknown. */
export type Tree =
  /** One set of edges; each ingress site orients it away from itself. */
  | {
      readonly kind: "shared";
      readonly edges: readonly Edge[];
      readonly exceptions: readonly Edge[];
    }
  /** One tree for each source. */
  | {
      readonly kind: "perSource";
      readonly bySource: ReadonlyMap<SiteId, Parents>;
      readonly exceptions: readonly Edge[];
    };

export type TreeFaultName =
  /** No tree of this protocol respects the sites' `maxOut`. */
  | "degree-infeasible"
  /** An edge or a root names a site that is not in the problem, or that does not send. */
  | "foreign-site"
  /** A source has no tree, or a member is in no edge. */
  | "member-missing"
  /** A site cannot be reached from its root. */
  | "disconnected"
  /** An edge too many: a loop, a self edge, an edge twice, a way back to the root. */
  | "cycle"
  /** A site has more children than `maxOut`. */
  | "degree-exceeded"
  /** The exceptions are not exactly the edges with unknown RTT. */
  | "exceptions-wrong";

export type TreeFault = {
  readonly kind: "fault";
  readonly name: TreeFaultName;
  /** Where the fault was found, for people. */
  readonly sites: readonly SiteId[];
};

export const isSource = ({ role }: TreeSite): boolean => role === "source" || role === "both";

export const isReceiver = ({ role }: TreeSite): boolean => role === "receiver" || role === "both";

export const isMember = ({ role }: TreeSite): boolean => role !== "relay";

/**
 * How many edges of a shared tree the site can bear. A site that sends may be the ingress, for
 * which every edge leads to a child; any other site has one edge to its parent besides.
 */
export const sharedSlots = (site: TreeSite): number =>
  isSource(site) ? site.maxOut : site.maxOut + 1;

/** The sites of a problem by id, whatever order they came in. */
export function sortedSites(problem: TreeProblem): TreeSite[] {
  const sites = problem.sites.toSorted((a, b) => compareIds(a.id, b.id));
  for (const [i, { id, maxOut }] of sites.entries()) {
    assert(sites[i + 1]?.id !== id, () => `site ${id} is in the problem twice`);
    assert(maxOut >= 0, () => `maxOut of ${id} must be 0 or more, found ${maxOut}`);
  }
  return sites;
}

export const compareIds = (a: SiteId, b: SiteId): number => (a < b ? -1 : a > b ? 1 : 0);

export const compareEdges = (a: Edge, b: Edge): number =>
  compareIds(a[0], b[0]) || compareIds(a[1], b[1]);

export const edgeOf = (a: SiteId, b: SiteId): Edge => (a < b ? [a, b] : [b, a]);

export const fault = (name: TreeFaultName, sites: readonly SiteId[]): TreeFault => ({
  kind: "fault",
  name,
  sites,
});

/** All edges of a tree, each once, sorted. */
export function treeEdges(tree: Tree): Edge[] {
  switch (tree.kind) {
    case "shared":
      return uniqueEdges(tree.edges);
    case "perSource":
      return uniqueEdges(
        [...tree.bySource.values()].flatMap((parents) =>
          [...parents].map(([site, parent]) => edgeOf(site, parent)),
        ),
      );
    default:
      return unreachable(tree);
  }
}

/** The edges among these whose RTT is unknown: what a tree lists as exceptions. */
export const unknownEdges = (edges: readonly Edge[], control: ControlInformation): Edge[] =>
  edges.filter(([a, b]) => pairMs(control, a, b) === undefined);

/** How many edges of the tree the previous one did not have. */
export function churn(tree: Tree, previous: Tree): number {
  const old = new Set(treeEdges(previous).map(edgeKey));
  return treeEdges(tree).filter((edge) => !old.has(edgeKey(edge))).length;
}

/**
 * The tree as the packets of one ingress site see it: the parent of every other site, nearer sites
 * first. The tree passed `treeFault` and the root is a site that sends.
 */
export function orientedTree(tree: Tree, root: SiteId): Map<SiteId, SiteId> {
  switch (tree.kind) {
    case "shared":
      return orientedEdges(tree.edges, root);
    case "perSource": {
      const parents = tree.bySource.get(root);
      assert(parents !== undefined, () => `${root} is no source of this tree`);
      return new Map(parents);
    }
    default:
      return unreachable(tree);
  }
}

/** The tree below `root` without the branches in which no site receives. */
export function prunedTree(
  parents: Parents,
  root: SiteId,
  receivers: ReadonlySet<SiteId>,
): Map<SiteId, SiteId> {
  const wanted = new Set<SiteId>([root]);
  for (const receiver of receivers) {
    let site: SiteId | undefined = receiver;
    // Stops at the root, at a path already walked, or above a receiver that is not in the tree.
    while (site !== undefined && !wanted.has(site) && parents.has(site)) {
      wanted.add(site);
      site = parents.get(site);
    }
  }
  return new Map([...parents].filter(([site]) => wanted.has(site)));
}

/** The children of every site that has some, sorted. */
export function childrenOf(parents: Parents): Map<SiteId, SiteId[]> {
  const children = new Map<SiteId, SiteId[]>();
  for (const [site, parent] of parents) append(children, parent, site);
  for (const list of children.values()) list.sort(compareIds);
  return children;
}

/** What is wrong with a tree for this problem, or undefined. Every tree passes here before use. */
export function treeFault(problem: TreeProblem, tree: Tree): TreeFault | undefined {
  const found =
    tree.kind === "shared"
      ? sharedFault(problem, tree.edges)
      : perSourceFault(problem, tree.bySource);
  return found ?? exceptionsFault(problem, tree);
}

function sharedFault(problem: TreeProblem, edges: readonly Edge[]): TreeFault | undefined {
  const byId = new Map(problem.sites.map((site) => [site.id, site]));
  const degrees = new Map<SiteId, number>();
  for (const id of edges.flat()) {
    if (!byId.has(id)) return fault("foreign-site", [id]);
    degrees.set(id, (degrees.get(id) ?? 0) + 1);
  }
  const members = problem.sites.filter(isMember);
  const [root] = members;
  if (!root || (members.length === 1 && edges.length === 0)) {
    return edges.length === 0 ? undefined : fault("cycle", [...degrees.keys()]);
  }
  const missing = members.filter(({ id }) => !degrees.has(id));
  if (missing.length > 0) return fault("member-missing", idsOf(missing));
  const parents = orientedEdges(edges, root.id);
  const apart = [...degrees.keys()].filter((id) => id !== root.id && !parents.has(id));
  if (apart.length > 0) return fault("disconnected", apart);
  if (edges.length !== parents.size) return fault("cycle", [...degrees.keys()]);
  return degreeFault(byId, degrees, sharedSlots);
}

function perSourceFault(
  problem: TreeProblem,
  bySource: ReadonlyMap<SiteId, Parents>,
): TreeFault | undefined {
  const byId = new Map(problem.sites.map((site) => [site.id, site]));
  for (const site of problem.sites) {
    if (isSource(site) && !bySource.has(site.id)) return fault("member-missing", [site.id]);
  }
  for (const [root, parents] of bySource) {
    const site = byId.get(root);
    const found = site && isSource(site) ? undefined : fault("foreign-site", [root]);
    const wrong = found ?? parentsFault(byId, root, parents);
    if (wrong) return wrong;
  }
  return undefined;
}

function parentsFault(
  byId: ReadonlyMap<SiteId, TreeSite>,
  root: SiteId,
  parents: Parents,
): TreeFault | undefined {
  if (parents.has(root)) return fault("cycle", [root]);
  for (const id of [...parents].flat()) if (!byId.has(id)) return fault("foreign-site", [id]);
  const missing = [...byId.values()].filter(
    (site) => isReceiver(site) && site.id !== root && !parents.has(site.id),
  );
  if (missing.length > 0) return fault("member-missing", idsOf(missing));
  for (const id of parents.keys()) {
    const top = topOf(parents, id);
    if (top !== root) return fault(top === undefined ? "cycle" : "disconnected", [id]);
  }
  const degrees = new Map<SiteId, number>();
  for (const [id, children] of childrenOf(parents)) degrees.set(id, children.length);
  return degreeFault(byId, degrees, ({ maxOut }) => maxOut);
}

function degreeFault(
  byId: ReadonlyMap<SiteId, TreeSite>,
  degrees: ReadonlyMap<SiteId, number>,
  slots: (site: TreeSite) => number,
): TreeFault | undefined {
  const full = [...byId.values()].filter((site) => (degrees.get(site.id) ?? 0) > slots(site));
  return full.length > 0 ? fault("degree-exceeded", idsOf(full)) : undefined;
}

function exceptionsFault(problem: TreeProblem, tree: Tree): TreeFault | undefined {
  const unknown = new Set(unknownEdges(treeEdges(tree), problem.control).map(edgeKey));
  const listed = new Set(tree.exceptions.map(([a, b]) => edgeKey(edgeOf(a, b))));
  const wrong = [...unknown.symmetricDifference(listed)];
  return wrong.length > 0 ? fault("exceptions-wrong", wrong.flatMap(edgeOfKey)) : undefined;
}

/** The last site on the way up from `id`; undefined when that way never ends. */
function topOf(parents: Parents, id: SiteId): SiteId | undefined {
  let site = id;
  for (let steps = 0; steps <= parents.size; steps++) {
    const parent = parents.get(site);
    if (parent === undefined) return site;
    site = parent;
  }
  return undefined;
}

/** Breadth first from the root, neighbours by id. */
function orientedEdges(edges: readonly Edge[], root: SiteId): Map<SiteId, SiteId> {
  const neighbours = new Map<SiteId, SiteId[]>([[root, []]]);
  for (const [a, b] of edges) {
    append(neighbours, a, b);
    append(neighbours, b, a);
  }
  assert(
    edges.length === 0 || (neighbours.get(root) ?? []).length > 0,
    () => `${root} is in no edge of this tree`,
  );
  const parents = new Map<SiteId, SiteId>();
  const reached = [root];
  for (const site of reached) {
    for (const next of (neighbours.get(site) ?? []).sort(compareIds)) {
      if (next === root || parents.has(next)) continue;
      parents.set(next, site);
      reached.push(next);
    }
  }
  return parents;
}

function append(lists: Map<SiteId, SiteId[]>, key: SiteId, id: SiteId): void {
  const list = lists.get(key);
  if (list) list.push(id);
  else lists.set(key, [id]);
}

function uniqueEdges(edges: readonly Edge[]): Edge[] {
  const byKey = new Map(edges.map((edge) => [edgeKey(edge), edge]));
  return [...byKey.values()].sort(compareEdges);
}

/** A space never occurs in a site's name. */
const edgeKey = ([a, b]: Edge): string => `${a} ${b}`;

const edgeOfKey = (key: string): SiteId[] => key.split(" ");

const idsOf = (sites: readonly TreeSite[]): SiteId[] => sites.map(({ id }) => id);
