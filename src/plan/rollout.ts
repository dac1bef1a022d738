/**
 * Brings Routers and Gateways from what they hold to what the plan wants, always make before break:
 * the entries of a flow stand at every site of its tree before its ingress stamps it, and go only
 * when no ingress has stamped it for a while. It believes what Routers and Gateways answer, asks
 * again when a fingerprint differs, and sends nothing where nothing differs, so a Manager that
 * comes back changes nothing that is right.
 */
import { limits } from "../limits.ts";
import {
  assignmentsHash,
  type Channel,
  channelText,
  entriesHash,
  entryText,
  type Entry,
  type FlowAssignment,
} from "../wire/plan.ts";
import { entriesOf, type PlannedFlow } from "./flows.ts";

/** What is to be asked of one Router or Gateway next. */
export type Action =
  | { readonly kind: "read-entries"; readonly site: string }
  | { readonly kind: "read-flows"; readonly site: string }
  | {
      readonly kind: "change-entries";
      readonly site: string;
      readonly install: readonly Entry[];
      readonly remove: readonly number[];
    }
  | {
      readonly kind: "assign-flows";
      readonly site: string;
      readonly flows: readonly FlowAssignment[];
    };

/** A role's table as last told; undefined contents mean that they must be read. */
type Held<Contents> = {
  incarnation: number;
  contents: Contents | undefined;
  underWay: Action | undefined;
};

/** Sites named by the entries of one change: far below the bound of a request's body. */
const sitesPerChangeMax = 4_000;

type Planned = { readonly planned: PlannedFlow; readonly entries: ReadonlyMap<string, Entry> };

export class Rollout {
  readonly #routers = new Map<string, Held<Map<number, Entry>>>();
  readonly #gateways = new Map<string, Held<readonly FlowAssignment[]>>();
  /** Routers that cannot be asked. One that has not answered yet is in neither: flows wait. */
  readonly #lostRouters = new Set<string>();
  /** Sites with a row: what their Gateways stamp counts, also while it is not known. */
  #sites: ReadonlySet<string> = new Set();
  /** Before its first plan a Manager that has come back knows of no flow: it only reads. */
  #isPlanned = false;
  #plan = new Map<number, Planned>();
  /** Flows of earlier plans, as long as an ingress stamps them. */
  readonly #former = new Map<number, Planned>();
  /** Flows that nobody wants any more, and when their entries may go. */
  readonly #retired = new Map<number, number>();
  /** The neighbours that each Router last called linked. */
  readonly #links = new Map<string, ReadonlySet<string>>();
  /** Until when a flow waits for links of its tree that do not stand yet. */
  readonly #linkWaits = new Map<number, number>();
  #actedMs = Number.NEGATIVE_INFINITY;

  onSites(sites: Iterable<string>): void {
    this.#sites = new Set(sites);
  }

  onPlan(flows: readonly PlannedFlow[]): void {
    this.#isPlanned = true;
    for (const [flow, planned] of this.#plan) this.#former.set(flow, planned);
    this.#plan = new Map(
      flows.map((planned) => [planned.flow.flow, { planned, entries: entriesOf(planned.flow) }]),
    );
    for (const flow of this.#plan.keys()) this.#former.delete(flow);
    for (const flow of this.#linkWaits.keys()) {
      if (!this.#plan.has(flow)) this.#linkWaits.delete(flow);
    }
  }

  /** The neighbours that a Router is linked to now. */
  onLinks(site: string, neighbours: Iterable<string>): void {
    this.#links.set(site, new Set(neighbours));
  }

  onRouter(site: string, status: { incarnation: number; entriesHash: string }): void {
    this.#lostRouters.delete(site);
    const held = this.#held(this.#routers, site, status.incarnation);
    if (!held.contents || held.underWay) return;
    if (entriesHash(held.contents.values()) !== status.entriesHash) held.contents = undefined;
  }

  onGateway(site: string, status: { incarnation: number; flowsHash: string }): void {
    const held = this.#held(this.#gateways, site, status.incarnation);
    if (!held.contents || held.underWay) return;
    if (assignmentsHash(held.contents) !== status.flowsHash) held.contents = undefined;
  }

  /** The role does not answer: what it holds must be read when it is back. */
  onRouterLost(site: string): void {
    this.#routers.delete(site);
    this.#links.delete(site);
    this.#lostRouters.add(site);
  }

  /** What the Router holds must be read again; whether it is lost its next answer tells. */
  forgetRouter(site: string): void {
    this.#routers.delete(site);
  }

  /** A Router that will be asked: flows wait for what it answers. */
  onRouterNew(site: string): void {
    this.#lostRouters.delete(site);
  }

  onGatewayLost(site: string): void {
    this.#gateways.delete(site);
  }

  /** Whether entries read from a site stand under our Flow IDs with other content. */
  contradicts(site: string, entries: readonly Entry[]): boolean {
    return entries.some((entry) => {
      const planned = this.#plan.get(entry.flow);
      if (!planned) return false;
      const ours = planned.entries.get(site);
      return ours === undefined || entryText(ours) !== entryText(entry);
    });
  }

  /** The answer to an action, which may come from a life that has ended: then it means nothing. */
  onDone(
    action: Action,
    ok: boolean,
    read?: { entries?: readonly Entry[]; flows?: readonly FlowAssignment[] },
  ): void {
    if (action.kind === "read-entries" || action.kind === "change-entries") {
      const held = this.#routers.get(action.site);
      if (held?.underWay !== action) return;
      held.underWay = undefined;
      if (!ok) held.contents = undefined;
      else if (read?.entries) held.contents = new Map(read.entries.map((e) => [e.flow, e]));
      else if (action.kind === "change-entries" && held.contents) {
        for (const flow of action.remove) held.contents.delete(flow);
        for (const entry of action.install) held.contents.set(entry.flow, entry);
      }
      return;
    }
    const held = this.#gateways.get(action.site);
    if (held?.underWay !== action) return;
    held.underWay = undefined;
    if (!ok) held.contents = undefined;
    else held.contents = action.kind === "assign-flows" ? action.flows : (read?.flows ?? []);
  }

  /** What to ask now; each action counts as under way until `onDone`. */
  actions(nowMs: number): Action[] {
    const actions: Action[] = [];
    this.#actedMs = nowMs;
    const kept = this.#keptFlows(nowMs);
    for (const [site, held] of this.#routers) {
      if (held.underWay) continue;
      held.underWay = this.#routerAction(site, held.contents, kept);
      if (held.underWay) actions.push(held.underWay);
    }
    for (const [site, held] of this.#gateways) {
      if (held.underWay) continue;
      held.underWay = this.#gatewayAction(site, held.contents);
      if (held.underWay) actions.push(held.underWay);
    }
    return actions;
  }

  /** When a retired flow's entries may go; those whose time has come wait for an answer only. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const waits of [this.#retired, this.#linkWaits]) {
      for (const atMs of waits.values()) if (atMs > this.#actedMs) next = Math.min(next, atMs);
    }
    return next;
  }

  /** Whether every reachable site of the flow has its entry. */
  isReady(flow: number): boolean {
    const planned = this.#plan.get(flow);
    if (!planned) return false;
    return [...planned.entries.keys()].every((site) => {
      const held = this.#routers.get(site);
      return held ? held.contents?.has(flow) === true : this.#lostRouters.has(site);
    });
  }

  /**
   * Whether the links of the flow's tree stand. Just after sites have met they may not, and packets
   * sent on would be lost; but a link that never comes must not keep the other sites waiting.
   */
  #hasLinks(flow: number): boolean {
    const entries = this.#plan.get(flow)?.entries ?? new Map<string, Entry>();
    const stands = [...entries].every(([site, { children }]) => {
      const links = this.#links.get(site);
      return links === undefined || children.every((child) => links.has(child));
    });
    if (stands) {
      this.#linkWaits.delete(flow);
      return true;
    }
    const untilMs = this.#linkWaits.get(flow) ?? this.#actedMs + limits.linkWaitMs;
    this.#linkWaits.set(flow, untilMs);
    return untilMs <= this.#actedMs;
  }

  #held<Contents>(
    table: Map<string, Held<Contents>>,
    site: string,
    incarnation: number,
  ): Held<Contents> {
    const known = table.get(site);
    if (known?.incarnation === incarnation) return known;
    const held = { incarnation, contents: undefined, underWay: undefined };
    table.set(site, held);
    return held;
  }

  #routerAction(
    site: string,
    contents: Map<number, Entry> | undefined,
    kept: ReadonlySet<number>,
  ): Action | undefined {
    if (!contents) return { kind: "read-entries", site };
    if (!this.#isPlanned) return undefined;
    const install: Entry[] = [];
    let named = 0;
    for (const [flow, { entries }] of [...this.#plan, ...this.#former]) {
      const entry = entries.get(site);
      if (!entry || contents.has(flow) || !kept.has(flow)) continue;
      named += 2 + entry.children.length;
      if (named > sitesPerChangeMax && install.length > 0) break;
      install.push(entry);
    }
    const remove = [...contents.keys()].filter((flow) => !kept.has(flow));
    if (install.length === 0 && remove.length === 0) return undefined;
    return { kind: "change-entries", site, install, remove };
  }

  #gatewayAction(
    site: string,
    contents: readonly FlowAssignment[] | undefined,
  ): Action | undefined {
    if (!contents) return { kind: "read-flows", site };
    if (!this.#isPlanned) return undefined;
    const flows = this.#assignmentsFor(site, contents);
    if (assignmentsHash(flows) === assignmentsHash(contents)) return undefined;
    return { kind: "assign-flows", site, flows };
  }

  /** Each channel goes to its new flow when that is ready, and until then stays where it is. */
  #assignmentsFor(site: string, standing: readonly FlowAssignment[]): FlowAssignment[] {
    const flowNow = new Map<string, number>();
    for (const { flow, channels } of standing) {
      for (const channel of channels) flowNow.set(channelText(channel), flow);
    }
    const byFlow = new Map<number, Channel[]>();
    for (const [flow, { planned }] of this.#plan) {
      if (planned.flow.ingress !== site) continue;
      const ready = this.isReady(flow) && this.#hasLinks(flow);
      const complete = ready && this.#allReachable(flow);
      for (const channel of planned.channels) {
        const now = flowNow.get(channelText(channel));
        const to = complete || (ready && now === undefined) ? flow : now;
        if (to !== undefined) byFlow.set(to, [...(byFlow.get(to) ?? []), channel]);
      }
    }
    return [...byFlow].map(([flow, channels]) => ({ flow, channels }));
  }

  #allReachable(flow: number): boolean {
    const sites = this.#plan.get(flow)?.entries.keys() ?? [];
    return [...sites].every((site) => this.#routers.has(site));
  }

  /** Flows whose entries stay: planned, still stamped somewhere, or retired a moment ago. */
  #keptFlows(nowMs: number): Set<number> {
    const used = new Set(this.#plan.keys());
    for (const { contents, underWay } of this.#gateways.values()) {
      for (const { flow } of contents ?? []) used.add(flow);
      if (underWay?.kind !== "assign-flows") continue;
      for (const { flow } of underWay.flows) used.add(flow);
    }
    for (const [flow, { planned }] of this.#former) {
      if (used.has(flow)) continue;
      if (this.#isKnown(planned.flow.ingress)) this.#former.delete(flow);
      else used.add(flow);
    }
    const kept = new Set(used);
    for (const { contents } of this.#routers.values()) {
      for (const [flow, { ingress }] of contents ?? []) {
        if (used.has(flow)) {
          this.#retired.delete(flow);
          continue;
        }
        if (!this.#isKnown(ingress) || !this.#mayGo(flow, nowMs)) kept.add(flow);
      }
    }
    for (const flow of this.#retired.keys()) {
      const somewhere = [...this.#routers.values()].some(({ contents }) => contents?.has(flow));
      if (!somewhere) this.#retired.delete(flow);
    }
    return kept;
  }

  /** What a site stamps is known: its Gateway has told it, or the site itself is gone. */
  #isKnown(site: string): boolean {
    return !this.#sites.has(site) || this.#gateways.get(site)?.contents !== undefined;
  }

  #mayGo(flow: number, nowMs: number): boolean {
    const atMs = this.#retired.get(flow) ?? nowMs + limits.drainMs;
    this.#retired.set(flow, atMs);
    return atMs <= nowMs;
  }
}
