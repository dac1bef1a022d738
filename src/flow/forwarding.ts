/**
 * The packet path of a Router: data frames of a link go to the children of their entry, run by run
 * of equal Flow ID, as slices of the received bytes. A frame is taken from the entry's parent only,
 * never from its own ingress site, and never sent back on the link it came by. What is not
 * forwarded is counted with its cause.
 */
import { frameFlowId, frameHeaderBytes, framePayloadBytes, frameSite } from "../wire/frame.ts";
import { siteNumber } from "../wire/hello.ts";
import type { Entry } from "../wire/plan.ts";
import type { Entries } from "./entries.ts";
import type { Link } from "./link.ts";

/** The own site's Gateway in place of a neighbour's number, which is never 0. */
export const gatewayNumber = 0;

/** Finds the link to a neighbour (or `gatewayNumber`) while it is up. */
export type LinkOf = (site: number) => Link | undefined;

/** An entry in numbers, with its counters; made when the entry is first used. */
type Route = FlowCounters & {
  readonly entry: Entry;
  readonly parent: number;
  readonly children: readonly number[];
};

export type FlowCounters = {
  frames: number;
  bytes: number;
  droppedNoLink: number;
  droppedQueueFull: number;
};

const none: FlowCounters = { frames: 0, bytes: 0, droppedNoLink: 0, droppedQueueFull: 0 };

export class Forwarding {
  readonly counters = { noEntry: 0, notParent: 0, ownIngress: 0, noLink: 0, queueFull: 0 };
  readonly #own: number;
  readonly #entries: Entries;
  readonly #linkOf: LinkOf;
  readonly #routes = new Map<number, Route>();

  constructor(site: string, entries: Entries, linkOf: LinkOf) {
    this.#own = siteNumber(site);
    this.#entries = entries;
    this.#linkOf = linkOf;
  }

  /** Call after the entries changed: their routes are made anew. */
  onEntriesChanged(): void {
    for (const [flow, route] of this.#routes) {
      if (this.#entries.get(flow) !== route.entry) this.#routes.delete(flow);
    }
  }

  countersOf(flow: number): FlowCounters {
    const { frames, bytes, droppedNoLink, droppedQueueFull } = this.#routes.get(flow) ?? none;
    return { frames, bytes, droppedNoLink, droppedQueueFull };
  }

  /** Forwards the whole data frames of `bytes[from, to)` that came from `sender`. */
  forward(sender: number, bytes: Uint8Array, from: number, to: number): void {
    let runFrom = from;
    while (runFrom < to) {
      const flow = frameFlowId(bytes, runFrom);
      const ingress = frameSite(bytes, runFrom);
      let runTo = runFrom;
      let frames = 0;
      while (
        runTo < to &&
        frameFlowId(bytes, runTo) === flow &&
        frameSite(bytes, runTo) === ingress
      ) {
        runTo += frameHeaderBytes + framePayloadBytes(bytes, runTo);
        frames++;
      }
      this.#forwardRun(sender, flow, ingress, bytes, runFrom, runTo, frames);
      runFrom = runTo;
    }
  }

  #forwardRun(
    sender: number,
    flow: number,
    ingress: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    frames: number,
  ): void {
    const route = this.#routes.get(flow) ?? this.#routeOf(flow);
    if (!route) {
      this.counters.noEntry += frames;
      return;
    }
    if (route.parent !== sender) {
      this.counters.notParent += frames;
      return;
    }
    if (sender !== gatewayNumber && ingress === this.#own) {
      this.counters.ownIngress += frames;
      return;
    }
    route.frames += frames;
    route.bytes += to - from;
    for (let i = 0; i < route.children.length; i++) {
      const link = this.#linkOf(route.children[i] as number);
      if (!link) {
        route.droppedNoLink += frames;
        this.counters.noLink += frames;
        continue;
      }
      const dropped = link.sendData(bytes, from, to, frames);
      route.droppedQueueFull += dropped;
      this.counters.queueFull += dropped;
    }
  }

  #routeOf(flow: number): Route | undefined {
    const entry = this.#entries.get(flow);
    if (!entry) return undefined;
    const children = childNumbers(entry);
    const route = { ...none, entry, parent: parentNumber(entry), children };
    this.#routes.set(flow, route);
    return route;
  }
}

const parentNumber = (entry: Entry): number =>
  entry.parent === undefined ? gatewayNumber : siteNumber(entry.parent);

/** Neighbours first, each once, the own Gateway last; parent and ingress are never among them. */
function childNumbers(entry: Entry): number[] {
  const { parent, ingress } = entry;
  const children = [...new Set(entry.children)]
    .filter((child) => child !== parent && child !== ingress)
    .map(siteNumber);
  return entry.local && entry.parent !== undefined ? [...children, gatewayNumber] : children;
}
