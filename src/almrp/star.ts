/**
 * The star: each source sends to every receiver itself, so no tree is faster and none loads a
 * source more. With `root` "median" or "centre" it is one shared tree around the site with the
 * least sum or the least maximum of delays.
 */
import {
  type Almrp,
  edgeOf,
  fault,
  gainMin,
  isMember,
  isReceiver,
  isSource,
  type SiteId,
  sharedSlots,
  sortedSites,
  type Tree,
  type TreeFault,
  type TreeProblem,
  type TreeSite,
  treeEdges,
  unknownEdges,
} from "./almrp.ts";
import { Delays } from "./rtt.ts";

export type StarParams = { readonly root: "source" | "median" | "centre" };

export const star: Almrp<StarParams> = {
  name: "star",
  needs: ["rtt"],
  defaults: { root: "source" },
  tree: (problem) =>
    problem.params.root === "source" ? sourceStars(problem) : sharedStar(problem),
};

function sourceStars(problem: TreeProblem<StarParams>): Tree | TreeFault {
  const sites = sortedSites(problem);
  const bySource = new Map<SiteId, Map<SiteId, SiteId>>();
  for (const source of sites.filter(isSource)) {
    const receivers = sites.filter((site) => isReceiver(site) && site !== source);
    if (receivers.length > source.maxOut) return fault("degree-infeasible", [source.id]);
    bySource.set(source.id, new Map(receivers.map(({ id }) => [id, source.id])));
  }
  const tree: Tree = { kind: "perSource", bySource, exceptions: [] };
  return { ...tree, exceptions: unknownEdges(treeEdges(tree), problem.control) };
}

function sharedStar(problem: TreeProblem<StarParams>): Tree | TreeFault {
  const members = sortedSites(problem).filter(isMember);
  const ids = members.map(({ id }) => id);
  const [best, ...others] = candidates(problem, members);
  if (!best) return members.length === 0 ? noEdges : fault("degree-infeasible", ids);
  const old = others.find(({ id }) => id === previousCentre(problem.previous));
  const keeps = old && old.unknown <= best.unknown && best.ms >= (1 - gainMin) * old.ms;
  const { id: centre } = keeps ? old : best;
  const edges = ids.filter((id) => id !== centre).map((id) => edgeOf(centre, id));
  const tree: Tree = { kind: "shared", edges, exceptions: [] };
  const sorted = treeEdges(tree);
  return { ...tree, edges: sorted, exceptions: unknownEdges(sorted, problem.control) };
}

const noEdges: Tree = { kind: "shared", edges: [], exceptions: [] };

/** Sites that can be the centre, the best first: fewest unknown edges, then delay, then id. */
function candidates(problem: TreeProblem<StarParams>, members: readonly TreeSite[]) {
  const ids = members.map(({ id }) => id);
  const delays = new Delays(ids, problem.control);
  const crowded = members.filter((site) => members.length > 1 && sharedSlots(site) < 1);
  if (crowded.length > 0) return [];
  return members
    .map((site, a) => {
      const others = ids.keys().filter((b) => b !== a);
      const costs = others.map((b) => delays.costMs(a, b)).toArray();
      const unknown = ids.keys().filter((b) => !delays.isKnown(a, b));
      const ms = problem.params.root === "median" ? sum(costs) : Math.max(0, ...costs);
      return { id: site.id, slots: sharedSlots(site), unknown: unknown.toArray().length, ms };
    })
    .filter(({ slots }) => slots >= members.length - 1)
    .sort((a, b) => a.unknown - b.unknown || a.ms - b.ms);
}

/** The one site that all edges of a shared tree have in common. */
function previousCentre(previous: Tree | undefined): SiteId | undefined {
  if (previous?.kind !== "shared") return undefined;
  const [first, ...rest] = previous.edges;
  return first?.find((id) => rest.length > 0 && rest.every((edge) => edge.includes(id)));
}

const sum = (values: readonly number[]): number => values.reduce((total, ms) => total + ms, 0);
