/**
 * The querier of one LAN (RFC 9776 §6.6): general queries, repeated specific queries, and the
 * election that the lowest address wins (§6.6.2). It owns when to ask, never what hosts answered:
 * `Membership` knows that and gives it specific queries to repeat.
 *
 * What is "on" queries from its start, as the standard's router does. A mode that listens first
 * (edge.md §5) is one more `State`.
 *
 * After each fact drain `takeQuery()`, pass each query to `Membership.onQuery` and to the wire.
 */
import { type Address, addressBytes, familyOf } from "../base/address.ts";
import { assert, unreachable } from "../base/assert.ts";
import { Deadlines } from "../base/deadlines.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";
import type { LanQuery } from "./membership.ts";

export type QuerierMode = "off" | "on";

/** What the querier reads of the LAN's membership; `Membership` is one. */
export type LanTimers = {
  /** Whether a group's or source's timer ends within Last Member Query Time. */
  isLowered(group: Address, source: Address | undefined, nowMs: number): boolean;
  otherQuerierPresentMs(): number;
};

export type QuerierOptions = {
  readonly mode: QuerierMode;
  /** The address that our queries come from. */
  readonly address: Address;
  readonly timers: LanTimers;
};

export type SpecificOutcome = "accepted" | "not-querier" | "sources-full" | "table-full";

export type QuerierState =
  | { readonly kind: "off" }
  | { readonly kind: "querying"; readonly startupQueries: number; readonly nextMs: number }
  | { readonly kind: "silent"; readonly querier: Address; readonly untilMs: number };

/** Queries of one group that are still to be sent: of the group, and of each source. */
type Repeats = { group: number; readonly sources: Map<Address, number> };

export class Querier {
  readonly #own: Address;
  readonly #timers: LanTimers;
  readonly #repeats = new Map<Address, Repeats>();
  readonly #repeatAt = new Deadlines<Address>();
  #ready = new Ring<LanQuery>(limits.effectsMax);
  #state: QuerierState;

  constructor(options: QuerierOptions, nowMs: number) {
    this.#own = options.address;
    this.#timers = options.timers;
    this.#state =
      options.mode === "off"
        ? { kind: "off" }
        : { kind: "querying", startupQueries: limits.robustness, nextMs: nowMs };
  }

  get isQuerier(): boolean {
    return this.#state.kind === "querying";
  }

  get state(): QuerierState {
    return this.#state;
  }

  /**
   * A query of another router: a general one from a lower address wins (§6.6.2). Call it after
   * `Membership.onQuery`, which adopts the timers of that query.
   */
  onQueryHeard(source: Address, general: boolean, nowMs: number): void {
    if (this.#state.kind === "off" || !general || !outranks(source, this.#own)) return;
    const untilMs = nowMs + this.#timers.otherQuerierPresentMs();
    this.#state = { kind: "silent", querier: source, untilMs };
    this.#repeats.clear();
    this.#repeatAt.clear();
    this.#ready = new Ring(limits.effectsMax);
  }

  /** Asks for a group, or for these of its sources: at once, and again until counted out (§8.8). */
  onSpecificQuery(group: Address, sources: readonly Address[], nowMs: number): SpecificOutcome {
    if (this.#state.kind !== "querying") return "not-querier";
    const known = this.#repeats.get(group);
    if (known === undefined && this.#repeats.size >= limits.groupsPerLanMax) return "table-full";
    const repeats = known ?? { group: 0, sources: new Map<Address, number>() };
    const all = new Set([...repeats.sources.keys(), ...sources]);
    if (all.size > limits.sourcesPerGroupMax) return "sources-full";
    if (sources.length === 0) repeats.group = limits.robustness;
    for (const source of sources) repeats.sources.set(source, limits.robustness);
    this.#repeats.set(group, repeats);
    this.#repeatAt.set(group, nowMs);
    this.onDeadline(nowMs);
    return "accepted";
  }

  onDeadline(nowMs: number): void {
    if (this.#state.kind === "silent" && this.#state.untilMs <= nowMs) {
      this.#state = { kind: "querying", startupQueries: 0, nextMs: nowMs };
    }
    if (this.#state.kind === "querying") this.#readyDue(nowMs);
  }

  nextDeadlineMs(): number {
    switch (this.#state.kind) {
      case "off":
        return Number.POSITIVE_INFINITY;
      case "silent":
        return this.#state.untilMs;
      case "querying":
        return Math.min(this.#state.nextMs, this.#repeatAt.nextMs());
      default:
        return unreachable(this.#state);
    }
  }

  /** The next query to send now. */
  takeQuery(): LanQuery | undefined {
    return this.#ready.take();
  }

  /** Queries that are due; what finds no room stays due until the ready ones are taken. */
  #readyDue(nowMs: number): void {
    assert(this.#state.kind === "querying");
    if (this.#hasRoom() && this.#state.nextMs <= nowMs) this.#readyGeneral(nowMs);
    while (this.#hasRoom()) {
      const group = this.#repeatAt.takeOneDue(nowMs);
      if (group === undefined) return;
      this.#readySpecific(group, nowMs);
    }
  }

  /** Startup queries want fast answers, so that a restarted Eavesdropper soon knows its members. */
  #readyGeneral(nowMs: number): void {
    assert(this.#state.kind === "querying");
    const starts = this.#state.startupQueries > 0;
    const startupQueries = Math.max(this.#state.startupQueries - 1, 0);
    const responseMs = starts ? limits.startupQueryResponseMs : limits.queryResponseIntervalMs;
    this.#push({ group: undefined, sources: [], suppress: false, maxResponseMs: responseMs });
    // §8.6: a quarter of the interval separates startup queries.
    const intervalMs = limits.queryIntervalMs / (startupQueries > 0 ? 4 : 1);
    this.#state = { kind: "querying", startupQueries, nextMs: nowMs + intervalMs };
  }

  /**
   * One round of a group's queries (§6.6.3). A first one lowers timers. In a repeated one S says
   * that somebody has answered: the timer is up again, and routers shall leave it.
   */
  #readySpecific(group: Address, nowMs: number): void {
    const repeats = this.#repeats.get(group);
    assert(repeats !== undefined, "a repetition without a query");
    const isAnswered = (left: number, source?: Address): boolean =>
      left < limits.robustness && !this.#timers.isLowered(group, source, nowMs);
    const maxResponseMs = limits.lastMemberQueryIntervalMs;
    if (repeats.group > 0) {
      const suppress = isAnswered(repeats.group--);
      this.#push({ group, sources: [], suppress, maxResponseMs });
    }
    const asked: Record<"answered" | "open", Address[]> = { answered: [], open: [] };
    for (const [source, left] of repeats.sources) {
      asked[isAnswered(left, source) ? "answered" : "open"].push(source);
      if (left > 1) repeats.sources.set(source, left - 1);
      else repeats.sources.delete(source);
    }
    const { answered, open } = asked;
    if (answered.length > 0)
      this.#push({ group, sources: answered, suppress: true, maxResponseMs });
    if (open.length > 0) this.#push({ group, sources: open, suppress: false, maxResponseMs });
    if (repeats.group > 0 || repeats.sources.size > 0) {
      this.#repeatAt.set(group, nowMs + limits.lastMemberQueryIntervalMs);
    } else this.#repeats.delete(group);
  }

  #push(query: Pick<LanQuery, "group" | "sources" | "suppress" | "maxResponseMs">): void {
    const { robustness, queryIntervalMs } = limits;
    const pushed = this.#ready.push({ ...query, robustness, queryIntervalMs, version: 3 });
    assert(pushed, "checked by #hasRoom");
  }

  #hasRoom(): boolean {
    return this.#ready.size + queriesPerRoundMax <= limits.effectsMax;
  }
}

/** Of one group and round: of the group, of the sources answered, of the other sources. */
const queriesPerRoundMax = 3;

/** The lower address wins; 0.0.0.0 (a proxy query of RFC 4541) does not take part. */
function outranks(source: Address, own: Address): boolean {
  if (familyOf(source) !== familyOf(own)) return false;
  const [theirs, ours] = [addressBytes(source), addressBytes(own)];
  if (theirs.every((byte) => byte === 0)) return false;
  const at = theirs.findIndex((byte, i) => byte !== ours[i]);
  return at >= 0 && (theirs[at] as number) < (ours[at] as number);
}
