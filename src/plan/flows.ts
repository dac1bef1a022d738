/**
 * The flows of a fabric: demands with the same ALMRP, ingress and receivers share one, with one
 * tree and one Flow ID. A flow whose tree changes is a new version under a new Flow ID, never an
 * edit: so entries stay immutable, and old and new can stand beside each other.
 */
import {
  type ControlInformation,
  orientedTree,
  type Parents,
  prunedTree,
  type Tree,
  treeFault,
} from "../almrp/almrp.ts";
import { type AlmrpName, protocolOf } from "../almrp/protocols.ts";
import { assert } from "../base/assert.ts";
import { hash32, Prng } from "../base/prng.ts";
import type { Channel, Entry, FlowAssignment } from "../wire/plan.ts";
import type { Demand } from "./demand.ts";

/** (ALMRP, ingress, receivers): what makes two demands share a flow. */
export type FlowKey = {
  readonly almrp: AlmrpName;
  readonly ingress: string;
  readonly receivers: readonly string[];
};

export type Flow = FlowKey & {
  readonly flow: number;
  readonly version: number;
  readonly parents: Parents;
  /** Edges that were used although no RTT was known: reason to compute the tree again. */
  readonly exceptions: number;
  readonly tree: Tree;
};

export type PlannedFlow = { readonly flow: Flow; readonly channels: readonly Channel[] };

/** A demand for which no tree could be computed, with the reason in words. */
export type Unplanned = { readonly demand: Demand; readonly reason: string };

export const keyText = (key: FlowKey): string =>
  `${key.almrp} ${key.ingress} ${key.receivers.join(",")}`;

/** Gives flows their trees and numbers, and remembers them. */
export class FlowBook {
  readonly #flows = new Map<string, Flow>();
  #nextFlow: number;

  /** `known` are the flows of an earlier life; `nextFlow` the first Flow ID never used. */
  constructor(known: readonly Flow[], nextFlow: number) {
    for (const flow of known) this.#flows.set(keyText(flow), flow);
    this.#nextFlow = nextFlow;
  }

  get nextFlow(): number {
    return this.#nextFlow;
  }

  /** Routers hold Flow IDs up to this one that we did not give: number every flow anew above it. */
  restartAbove(flow: number): void {
    this.#flows.clear();
    this.#nextFlow = Math.max(this.#nextFlow, flow + 1);
  }

  get flows(): IterableIterator<Flow> {
    return this.#flows.values();
  }

  /** The flows that serve these demands; flows that serve none are forgotten. */
  plan(
    demands: readonly Demand[],
    control: ControlInformation,
  ): { flows: PlannedFlow[]; unplanned: Unplanned[] } {
    const planned = new Map<string, { flow: Flow; channels: Channel[] }>();
    const unplanned: Unplanned[] = [];
    for (const demand of demands) {
      const key = keyText(demand);
      const shared = planned.get(key);
      if (shared) {
        shared.channels.push(demand.channel);
        continue;
      }
      const flow = this.#flowOf(demand, control);
      if (typeof flow === "string") unplanned.push({ demand, reason: flow });
      else planned.set(key, { flow, channels: [demand.channel] });
    }
    for (const key of this.#flows.keys()) if (!planned.has(key)) this.#flows.delete(key);
    return { flows: [...planned.values()], unplanned };
  }

  /** The standing flow, or a new version, or the reason why there is none. */
  #flowOf(key: FlowKey, control: ControlInformation): Flow | string {
    const text = keyText(key);
    const standing = this.#flows.get(text);
    if (standing && standing.exceptions === 0) return standing;
    const tree = treeOf(key, control, standing?.tree);
    if (typeof tree === "string") return standing ?? tree;
    const parents = parentsOf(tree, key);
    if (standing && sameParents(parents, standing.parents)) return standing;
    const flow: Flow = {
      almrp: key.almrp,
      ingress: key.ingress,
      receivers: key.receivers,
      flow: this.#nextFlow++,
      version: (standing?.version ?? 0) + 1,
      parents,
      exceptions: tree.exceptions.length,
      tree,
    };
    this.#flows.set(text, flow);
    return flow;
  }
}

/** The entries of a flow, by site. */
export function entriesOf(flow: Flow): Map<string, Entry> {
  const children = new Map<string, string[]>();
  for (const [site, parent] of flow.parents) {
    children.set(parent, [...(children.get(parent) ?? []), site]);
  }
  const receivers = new Set(flow.receivers);
  const sites = [flow.ingress, ...flow.parents.keys()];
  return new Map(
    sites.map((site) => [
      site,
      {
        flow: flow.flow,
        ingress: flow.ingress,
        parent: flow.parents.get(site),
        children: (children.get(site) ?? []).sort(),
        local: receivers.has(site),
      },
    ]),
  );
}

export const assignmentOf = ({ flow, channels }: PlannedFlow): FlowAssignment => ({
  flow: flow.flow,
  channels,
});

function treeOf(
  key: FlowKey,
  control: ControlInformation,
  previous: Tree | undefined,
): Tree | string {
  const protocol = protocolOf(key.almrp);
  const ids = [key.ingress, ...key.receivers].sort();
  const problem = {
    sites: ids.map((id) => ({
      id,
      role: id === key.ingress ? ("source" as const) : ("receiver" as const),
      maxOut: ids.length,
    })),
    control,
    params: protocol.defaults,
    previous,
    prng: new Prng(hash32(key.almrp)),
  };
  const tree = protocol.tree(problem);
  if (tree.kind === "fault") return `${key.almrp}: ${tree.name} at ${tree.sites.join(", ")}`;
  const fault = treeFault(problem, tree);
  assert(fault === undefined, () => `${key.almrp} made a tree with ${fault?.name}`);
  return tree;
}

const parentsOf = (tree: Tree, key: FlowKey): Parents =>
  prunedTree(orientedTree(tree, key.ingress), key.ingress, new Set(key.receivers));

const sameParents = (a: Parents, b: Parents): boolean =>
  a.size === b.size && [...a].every(([site, parent]) => b.get(site) === parent);
