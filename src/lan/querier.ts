/**
 * The querier of one LAN (RFC 9776 §6.6, and RFC 9777 §7.6 with addresses of IPv6): general
 * queries, repeated specific queries, and the election that the lowest address wins (§6.6.2). It
 * owns when to ask, never what hosts answered: `Membership` knows that and gives it specific
 * queries to repeat.
 *
 * "on" queries from its start, as the standard's router does. "auto" is for a LAN that may have a
 * router already: it asks only after nobody has for Other Querier Present Interval, without a
 * startup burst, and makes room for any query from a lower address and for one that will not yield.
 *
 *     state     | fact                                   | next state
 *     ----------+----------------------------------------+------------------------------------
 *     off       | any                                    | off
 *     listening | the interval ends                      | querying
 *               | auto: a query                          | silent
 *     querying  | a general query from a lower address   | silent
 *               | auto: any query from a lower address   | silent
 *               | auto: a higher one still asks after QI | silent
 *     silent    | the interval ends                      | querying
 *               | a general query from a lower address   | silent, the interval starts anew
 *               | auto: a query                          | silent, the interval starts anew
 *
 * A query from our own address, 0.0.0.0 (a proxy query of RFC 4541 §2.1.1) or another family never
 * is a fact of this table. After each fact drain `takeQuery()`, pass each query to
 * `Membership.onQuery` and to the wire.
 */
import { type Address, addressBytes, familyOf } from "../base/address.ts";
import { assert, unreachable } from "../base/assert.ts";
import { Deadlines } from "../base/deadlines.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";
import type { LanQuery } from "./membership.ts";

export type QuerierMode = "off" | "on" | "auto";

/** The version in which we ask: 2 stands for MLDv1 too, and 3 for MLDv2. */
export type QuerierVersion = 2 | 3;

/** What the querier reads of the LAN's membership; `Membership` is one. */
export type LanTimers = {
  /** Whether a group's or source's timer ends within Last Member Query Time. */
  isLowered(group: Address, source: Address | undefined, nowMs: number): boolean;
  otherQuerierPresentMs(): number;
};

export type QuerierOptions = {
  readonly mode: QuerierMode;
  /** The address that our queries come from: of "auto" the numerically highest that is usable. */
  readonly address: Address;
  /** 3 unless given; a querier of an older version makes us ask in 2 (§7.3.1). */
  readonly version?: QuerierVersion;
  readonly timers: LanTimers;
};

export type SpecificOutcome =
  | "accepted"
  | "not-querier"
  /** Queries of version 2 name no sources. */
  | "older-version"
  | "sources-full"
  | "table-full";

/** `version` is the one in which we ask, or shall ask when it is our turn. */
export type QuerierState =
  | { readonly kind: "off" }
  | { readonly kind: "listening"; readonly version: QuerierVersion; readonly untilMs: number }
  | {
      readonly kind: "querying";
      readonly version: QuerierVersion;
      readonly startupQueries: number;
      readonly nextMs: number;
      /** A higher address that asks beside us; it should yield when it hears us. */
      readonly rival: Rival | undefined;
    }
  | {
      readonly kind: "silent";
      readonly version: QuerierVersion;
      /** Who asked last. */
      readonly querier: Address;
      readonly untilMs: number;
    };

type Rival = { readonly sinceMs: number; readonly lastMs: number };

/** What the election reads of a query. */
export type QueryHeard = Pick<LanQuery, "group" | "version">;

/** Queries of one group that are still to be sent: of the group, and of each source. */
type Repeats = { group: number; readonly sources: Map<Address, number> };

export class Querier {
  readonly #mode: QuerierMode;
  readonly #own: Address;
  readonly #version: QuerierVersion;
  readonly #timers: LanTimers;
  readonly #repeats = new Map<Address, Repeats>();
  readonly #repeatAt = new Deadlines<Address>();
  #ready = new Ring<LanQuery>(limits.effectsMax);
  #state: QuerierState;

  constructor(options: QuerierOptions, nowMs: number) {
    this.#mode = options.mode;
    this.#own = options.address;
    this.#version = options.version ?? 3;
    this.#timers = options.timers;
    this.#state = this.#firstState(nowMs);
  }

  get isQuerier(): boolean {
    return this.#state.kind === "querying";
  }

  get state(): QuerierState {
    return this.#state;
  }

  /**
   * A query of another router. Call it after `Membership.onQuery`, which adopts the timers of that
   * query; queries of version 2 and 3 without Router Alert do not count (RFC 9776 §9.1).
   */
  onQueryHeard(source: Address, query: QueryHeard, nowMs: number): void {
    const rank = rankOf(source, this.#own);
    const state = this.#state;
    if (state.kind === "off" || rank === "none") return;
    const yields = rank === "lower" && query.group === undefined;
    if (this.#mode === "on" && !yields) return;
    const counts = state.kind !== "querying" || rank === "lower" || this.#isStubborn(state, nowMs);
    if (counts) return this.#yield(source, query, nowMs);
    const sinceMs = this.#rivalOf(state, nowMs)?.sinceMs ?? nowMs;
    const version = this.#versionBeside(query, state.version);
    this.#state = { ...state, version, rival: { sinceMs, lastMs: nowMs } };
  }

  /** Asks for a group, or for these of its sources: at once, and again until counted out (§8.8). */
  onSpecificQuery(group: Address, sources: readonly Address[], nowMs: number): SpecificOutcome {
    if (this.#state.kind !== "querying") return "not-querier";
    if (this.#state.version === 2 && sources.length > 0) return "older-version";
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
    const state = this.#state;
    const waits = state.kind === "silent" || state.kind === "listening";
    if (waits && state.untilMs <= nowMs) this.#state = querying(0, state.version, nowMs);
    if (this.#state.kind === "querying") this.#readyDue(nowMs);
  }

  nextDeadlineMs(): number {
    switch (this.#state.kind) {
      case "off":
        return Number.POSITIVE_INFINITY;
      case "listening":
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

  #firstState(nowMs: number): QuerierState {
    switch (this.#mode) {
      case "off":
        return { kind: "off" };
      case "on":
        return querying(limits.robustness, this.#version, nowMs);
      case "auto": {
        const untilMs = nowMs + this.#timers.otherQuerierPresentMs();
        return { kind: "listening", version: this.#version, untilMs };
      }
      default:
        return unreachable(this.#mode);
    }
  }

  /** Silence for Other Querier Present Interval; nothing that was about to be sent is sent. */
  #yield(querier: Address, query: QueryHeard, nowMs: number): void {
    assert(this.#state.kind !== "off");
    // Who takes over speaks the lowest version of those that it gave way to.
    const before = this.#state.kind === "silent" ? this.#state.version : this.#version;
    const version = this.#versionBeside(query, before);
    const untilMs = nowMs + this.#timers.otherQuerierPresentMs();
    this.#state = { kind: "silent", querier, version, untilMs };
    this.#repeats.clear();
    this.#repeatAt.clear();
    this.#ready = new Ring(limits.effectsMax);
  }

  /** RFC 9776 §7.3.1: all queriers of a LAN speak the lowest version that one of them has. */
  #versionBeside(query: QueryHeard, own: QuerierVersion): QuerierVersion {
    return query.version < 3 ? 2 : own;
  }

  /** Whether a higher address goes on asking, although our last query came to it meanwhile. */
  #isStubborn(state: QuerierState & { kind: "querying" }, nowMs: number): boolean {
    const rival = this.#rivalOf(state, nowMs);
    return rival !== undefined && nowMs - rival.sinceMs > limits.queryIntervalMs;
  }

  /** The rival, unless it yielded and is long forgotten. */
  #rivalOf(state: QuerierState & { kind: "querying" }, nowMs: number): Rival | undefined {
    const { rival } = state;
    const isRecent = rival && nowMs - rival.lastMs <= this.#timers.otherQuerierPresentMs();
    return isRecent ? rival : undefined;
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
    this.#state = { ...this.#state, startupQueries, nextMs: nowMs + intervalMs };
  }

  /**
   * One round of a group's queries (§6.6.3). A first one lowers timers. In a repeated one S says
   * that somebody has answered: the timer is up again, and routers shall leave it. Version 2 has no
   * S, and is not repeated then (RFC 2236 §7, "report received" in Checking Membership).
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
    assert(this.#state.kind === "querying");
    const { version } = this.#state;
    // What version 2 cannot say; sources are left of the time before an older querier came.
    if (version === 2 && (query.suppress || query.sources.length > 0)) return;
    const { robustness, queryIntervalMs } = version === 2 ? unsaid : limits;
    const pushed = this.#ready.push({ ...query, robustness, queryIntervalMs, version });
    assert(pushed, "checked by #hasRoom");
  }

  #hasRoom(): boolean {
    return this.#ready.size + queriesPerRoundMax <= limits.effectsMax;
  }
}

/** Of one group and round: of the group, of the sources answered, of the other sources. */
const queriesPerRoundMax = 3;

/** Queries of version 2 do not say these (RFC 2236 §2). */
const unsaid = { robustness: 0, queryIntervalMs: 0 } as const;

const querying = (
  startupQueries: number,
  version: QuerierVersion,
  nextMs: number,
): QuerierState => ({ kind: "querying", startupQueries, version, nextMs, rival: undefined });

/**
 * Where a querier stands against us: the lower address wins. Of IPv6 only the interface identifier
 * counts, the low 64 bits (RFC 9777 §7.6.2). "none" does not take part.
 */
function rankOf(source: Address, own: Address): "lower" | "higher" | "none" {
  const takesPart = familyOf(source) === familyOf(own) && source !== "0.0.0.0" && source !== "::";
  if (!takesPart) return "none";
  const [theirs, ours] = [addressBytes(source).slice(-8), addressBytes(own).slice(-8)];
  const at = theirs.findIndex((byte, i) => byte !== ours[i]);
  if (at < 0) return "none";
  return (theirs[at] as number) < (ours[at] as number) ? "lower" : "higher";
}
