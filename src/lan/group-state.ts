/**
 * What one LAN's listeners want of one group, with its timers (RFC 9776 §6.2): the set algebra of
 * the two tables of §6.4, as pure functions over immutable states. Timers are instants in ms.
 * Nothing here knows of caps, versions, queriers or IP families; `membership.ts` does.
 */
import type { Address } from "../base/address.ts";
import { unreachable } from "../base/assert.ts";
import type { Want } from "../wire/want.ts";

/** Sources with a running timer, and the instant at which it ends. */
export type SourceTimers = ReadonlyMap<Address, number>;

export type GroupState =
  /** INCLUDE(A): only these sources are wanted. */
  | { readonly mode: "include"; readonly requested: SourceTimers }
  /** EXCLUDE(X,Y): all but Y are wanted; X is what remains when the group timer ends. */
  | {
      readonly mode: "exclude";
      readonly requested: SourceTimers;
      readonly blocked: ReadonlySet<Address>;
      readonly untilMs: number;
    };

export type RecordType = "is-in" | "is-ex" | "to-in" | "to-ex" | "allow" | "block";

/** Specific queries that a table's row asks for: Q(G), and Q(G,sources) unless empty. */
export type SpecificQuery = { readonly wholeGroup: boolean; readonly sources: Iterable<Address> };

export type Step = { readonly state: GroupState; readonly query: SpecificQuery };

export const noListener: GroupState = { mode: "include", requested: new Map() };

export const hasListener = (state: GroupState): boolean =>
  state.mode === "exclude" || state.requested.size > 0;

export const sourceCount = (state: GroupState): number =>
  state.requested.size + (state.mode === "exclude" ? state.blocked.size : 0);

/** EXCLUDE({},{}): everything is wanted until `untilMs`. */
export const everySource = (untilMs: number): GroupState => ({
  mode: "exclude",
  requested: new Map(),
  blocked: new Set(),
  untilMs,
});

export function wantOf(group: Address, state: GroupState): Want | undefined {
  if (!hasListener(state)) return undefined;
  const sources = state.mode === "include" ? state.requested.keys() : state.blocked;
  return { group, mode: state.mode, sources: [...sources].sort() };
}

/**
 * The state and queries after a record (RFC 9776 §6.4).
 *
 * @param freshMs the instant at which a timer ends that is set to the Group Membership Interval
 */
export function afterRecord(
  state: GroupState,
  type: RecordType,
  sources: readonly Address[],
  freshMs: number,
): Step {
  const named = new Set(sources);
  return state.mode === "include"
    ? afterIncluding(state, type, named, freshMs)
    : afterExcluding(state, type, named, freshMs);
}

/** The state at `nowMs`: timers that have ended took effect (RFC 9776 §6.2.2, §6.2.3, §6.5). */
export function afterTime(state: GroupState, nowMs: number): GroupState {
  if (nextTimerMs(state) > nowMs) return state;
  const running = new Map([...state.requested].filter(([, untilMs]) => untilMs > nowMs));
  if (state.mode === "include" || state.untilMs <= nowMs) {
    return { mode: "include", requested: running };
  }
  const ended = new Set(state.requested.keys()).difference(running);
  return { ...state, requested: running, blocked: state.blocked.union(ended) };
}

/** Timers lowered to `atMs` by a query, of the whole group or of sources (RFC 9776 §6.6.1). */
export function afterQuery(
  state: GroupState,
  sources: readonly Address[],
  atMs: number,
): GroupState {
  if (sources.length === 0) {
    if (state.mode === "include") return state; // its group timer does not run
    return { ...state, untilMs: Math.min(state.untilMs, atMs) };
  }
  const requested = new Map(state.requested);
  for (const source of sources) {
    const untilMs = requested.get(source);
    if (untilMs !== undefined) requested.set(source, Math.min(untilMs, atMs));
  }
  return { ...state, requested };
}

/** The state with the end of each timer moved. */
export function withTimers(state: GroupState, moved: (untilMs: number) => number): GroupState {
  const requested = new Map(
    [...state.requested].map(([source, untilMs]) => [source, moved(untilMs)] as const),
  );
  if (state.mode === "include") return { mode: "include", requested };
  return { ...state, requested, untilMs: moved(state.untilMs) };
}

/** The end of the earliest timer in ms; `Infinity` when none runs. */
export function nextTimerMs(state: GroupState): number {
  let nextMs = state.mode === "exclude" ? state.untilMs : Number.POSITIVE_INFINITY;
  for (const untilMs of state.requested.values()) nextMs = Math.min(nextMs, untilMs);
  return nextMs;
}

/** The end of the group's timer, or of one source's; undefined where it does not run. */
export function timerOf(state: GroupState, source: Address | undefined): number | undefined {
  if (source !== undefined) return state.requested.get(source);
  return state.mode === "exclude" ? state.untilMs : undefined;
}

const noQuery: SpecificQuery = { wholeGroup: false, sources: [] };
const queryOf = (sources: Iterable<Address>): SpecificQuery => ({ wholeGroup: false, sources });

/**
 *   INCLUDE(A) | record               | new state            | actions
 *   -----------+----------------------+----------------------+------------------------------
 *              | IS_IN(B), ALLOW(B)   | INCLUDE(A+B)         | (B)=GMI
 *              | TO_IN(B)             | INCLUDE(A+B)         | (B)=GMI, Q(G,A-B)
 *              | BLOCK(B)             | INCLUDE(A)           | Q(G,A*B)
 *              | IS_EX(B)             | EXCLUDE(A*B,B-A)     | group timer=GMI
 *              | TO_EX(B)             | EXCLUDE(A*B,B-A)     | group timer=GMI, Q(G,A*B)
 */
function afterIncluding(
  state: GroupState & { mode: "include" },
  type: RecordType,
  named: ReadonlySet<Address>,
  freshMs: number,
): Step {
  const wanted = new Set(state.requested.keys());
  switch (type) {
    case "is-in":
    case "allow":
    case "to-in": {
      const requested = new Map([...state.requested, ...timers(named, freshMs)]);
      const query = type === "to-in" ? queryOf(wanted.difference(named)) : noQuery;
      return { state: { mode: "include", requested }, query };
    }
    case "block":
      return { state, query: queryOf(wanted.intersection(named)) };
    case "is-ex":
    case "to-ex": {
      const both = wanted.intersection(named);
      const requested = timers(both, freshMs, state.requested);
      const blocked = named.difference(wanted);
      const query = type === "to-ex" ? queryOf(both) : noQuery;
      return { state: { mode: "exclude", requested, blocked, untilMs: freshMs }, query };
    }
    default:
      return unreachable(type);
  }
}

/**
 *   EXCLUDE(X,Y) | record             | new state            | actions
 *   -------------+--------------------+----------------------+------------------------------
 *                | IS_IN(A), ALLOW(A) | EXCLUDE(X+A,Y-A)     | (A)=GMI
 *                | TO_IN(A)           | EXCLUDE(X+A,Y-A)     | (A)=GMI, Q(G,X-A), Q(G)
 *                | BLOCK(A)           | EXCLUDE(X+(A-Y),Y)   | (A-X-Y)=group timer, Q(G,A-Y)
 *                | IS_EX(A)           | EXCLUDE(A-Y,Y*A)     | (A-X-Y)=GMI, group timer=GMI
 *                | TO_EX(A)           | EXCLUDE(A-Y,Y*A)     | (A-X-Y)=group timer, Q(G,A-Y),
 *                |                    |                      | group timer=GMI
 */
function afterExcluding(
  state: GroupState & { mode: "exclude" },
  type: RecordType,
  named: ReadonlySet<Address>,
  freshMs: number,
): Step {
  const wanted = named.difference(state.blocked);
  switch (type) {
    case "is-in":
    case "allow":
    case "to-in": {
      const requested = new Map([...state.requested, ...timers(named, freshMs)]);
      const rest = new Set(state.requested.keys()).difference(named);
      const query = type === "to-in" ? { wholeGroup: true, sources: rest } : noQuery;
      return { state: { ...state, requested, blocked: state.blocked.difference(named) }, query };
    }
    case "block": {
      const more = timers(wanted, state.untilMs, state.requested);
      const requested = new Map([...state.requested, ...more]);
      return { state: { ...state, requested }, query: queryOf(wanted) };
    }
    case "is-ex":
    case "to-ex": {
      const startMs = type === "is-ex" ? freshMs : state.untilMs;
      const requested = timers(wanted, startMs, state.requested);
      const blocked = state.blocked.intersection(named);
      const query = type === "to-ex" ? queryOf(wanted) : noQuery;
      return { state: { mode: "exclude", requested, blocked, untilMs: freshMs }, query };
    }
    default:
      return unreachable(type);
  }
}

/** A timer for each source: the one that runs already, else one that ends at `atMs`. */
function timers(sources: Iterable<Address>, atMs: number, running?: SourceTimers): SourceTimers {
  const all = new Map<Address, number>();
  for (const source of sources) all.set(source, running?.get(source) ?? atMs);
  return all;
}
