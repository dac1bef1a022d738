/**
 * Who listens on one LAN: the router's side of group membership (RFC 9776 §6, and RFC 9777 §7 with
 * the same records). It owns the state and timers of each group, the older-version compatibility
 * of §7.3 and the source-specific ranges (RFC 4607). It never sends: rows of §6.4 that ask for a
 * query become effects, which the querier of the LAN acts upon and everyone else drops.
 *
 * Timers are lowered in one place, `onQuery`, for queries *sent or heard* with S clear (§6.6.1). So
 * an Eavesdropper that is not the querier never lowers a timer for a leave alone, and one that is
 * passes each query that it sends to `onQuery` too.
 *
 * After each fact drain `takeEffect()`, then arm `nextDeadlineMs()`. Time does not go back.
 */
import { type Address, isMulticast, isSourceSpecific } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { Deadlines } from "../base/deadlines.ts";
import { limits } from "../limits.ts";
import { sameWant, type Want } from "../wire/want.ts";
import {
  afterQuery,
  afterRecord,
  afterTime,
  everySource,
  type GroupState,
  nextTimerMs,
  noListener,
  type RecordType,
  sourceCount,
  type SpecificQuery,
  timerOf,
  wantOf,
} from "./group-state.ts";

export type MembershipRecord = {
  readonly type: RecordType;
  readonly group: Address;
  readonly sources: readonly Address[];
};

export type IgmpVersion = 1 | 2 | 3;

/** A query sent or heard. A robustness or interval of 0, or none in its version, is the default. */
export type LanQuery = {
  /** Undefined in a general query. */
  readonly group: Address | undefined;
  readonly sources: readonly Address[];
  /** The S flag: routers leave their timers alone. */
  readonly suppress: boolean;
  readonly maxResponseMs: number;
  readonly robustness: number;
  readonly queryIntervalMs: number;
  readonly version: IgmpVersion;
};

export type RecordOutcome =
  | "accepted"
  /** Too many sources: the group now takes every source until its timer ends. */
  | "widened"
  /** Leaves or blocks a group that has no listener. */
  | "no-listener"
  /** Means nothing while a host of an older version listens (RFC 9776 §7.3.2). */
  | "older-host-present"
  /** A record for (*,G) in a range that has channels only. */
  | "ssm-with-asm-report"
  /** Sources above the cap were left out. */
  | "sources-full"
  | "table-full";

export type MembershipEffect =
  /** `want(group)` differs from what it was. */
  | { readonly kind: "changed"; readonly group: Address }
  /** The querier should ask for the group, or for these of its sources where there are any. */
  | { readonly kind: "query"; readonly group: Address; readonly sources: readonly Address[] };

/** Who reported a group, for people only: under IGMPv1 and v2 hosts hide behind one another. */
export type Reporter = {
  readonly reporter: Address;
  readonly version: IgmpVersion;
  readonly sinceMs: number;
  readonly lastMs: number;
};

/** An IGMPv1 or v2 report or an MLDv1 report, as the record that it stands for (§7.3.2). */
export const reportRecord = (group: Address): MembershipRecord => ({
  type: "is-ex",
  group,
  sources: [],
});

/** An IGMPv2 leave or an MLDv1 done, as the record that it stands for (§7.3.2). */
export const leaveRecord = (group: Address): MembershipRecord => ({
  type: "to-in",
  group,
  sources: [],
});

/** Last Member Query Time of our own queries (RFC 9776 §8.8). */
export const lastMemberQueryTimeMs = limits.robustness * limits.lastMemberQueryIntervalMs;

type Entry = {
  state: GroupState;
  /** Older Host Present timers (§8.13); the group is in the lowest version whose timer runs. */
  v1UntilMs: number;
  v2UntilMs: number;
  /** Oldest report first. */
  readonly reporters: Map<Address, Reporter>;
};

type OpenQuery = { wholeGroup: boolean; readonly sources: Set<Address> };

export class Membership {
  readonly #groups = new Map<Address, Entry>();
  readonly #deadlines = new Deadlines<Address>();
  // Effects wait here coalesced by group, so that they need no queue that could overflow.
  readonly #changed = new Set<Address>();
  readonly #queries = new Map<Address, OpenQuery>();
  readonly #counts: Record<RecordOutcome, number> = {
    accepted: 0,
    widened: 0,
    "no-listener": 0,
    "older-host-present": 0,
    "ssm-with-asm-report": 0,
    "sources-full": 0,
    "table-full": 0,
  };
  #robustness: number = limits.robustness;
  #queryIntervalMs: number = limits.queryIntervalMs;
  #queryResponseMs: number = limits.queryResponseIntervalMs;

  /** How many records had each outcome. */
  get counts(): Readonly<Record<RecordOutcome, number>> {
    return this.#counts;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  onRecord(
    record: MembershipRecord,
    reporter: Address,
    version: IgmpVersion,
    nowMs: number,
  ): RecordOutcome {
    assert(isMulticast(record.group), "wire/ refuses records of other addresses");
    const outcome = this.#admit(record, reporter, version, nowMs);
    this.#counts[outcome]++;
    return outcome;
  }

  /** A query sent or heard: adopts the querier's values (§4.1), lowers timers (§6.6.1). */
  onQuery(query: LanQuery, nowMs: number): void {
    this.#robustness = query.robustness || limits.robustness;
    this.#queryIntervalMs = query.queryIntervalMs || limits.queryIntervalMs;
    if (query.group === undefined) {
      this.#queryResponseMs = query.maxResponseMs;
      return;
    }
    const entry = this.#groups.get(query.group);
    if (entry === undefined || query.suppress) return;
    // RFC 2236 §7: in "Version 1 Members Present" a specific query changes nothing, because hosts
    // of version 1 do not answer it.
    if (entry.v1UntilMs > nowMs) return;
    // At once (0) leaves hosts no time to answer: then the default counts.
    const responseMs = query.maxResponseMs || limits.lastMemberQueryIntervalMs;
    const state = afterTime(entry.state, nowMs);
    const atMs = nowMs + this.#robustness * responseMs;
    this.#settle(query.group, entry, afterQuery(state, query.sources, atMs));
  }

  onDeadline(nowMs: number): void {
    for (const group of this.#deadlines.takeDue(nowMs)) {
      const entry = this.#groups.get(group);
      assert(entry !== undefined, "a deadline without a group");
      this.#settle(group, entry, afterTime(entry.state, nowMs));
    }
  }

  nextDeadlineMs(): number {
    return this.#deadlines.nextMs();
  }

  takeEffect(): MembershipEffect | undefined {
    for (const group of this.#changed) {
      this.#changed.delete(group);
      return { kind: "changed", group };
    }
    for (const [group, query] of this.#queries) {
      if (query.wholeGroup) {
        query.wholeGroup = false;
        if (query.sources.size === 0) this.#queries.delete(group);
        return { kind: "query", group, sources: [] };
      }
      this.#queries.delete(group);
      return { kind: "query", group, sources: [...query.sources] };
    }
    return undefined;
  }

  /** What the LAN's listeners want of a group; undefined when nobody listens. */
  want(group: Address): Want | undefined {
    const entry = this.#groups.get(group);
    return entry && wantOf(group, entry.state);
  }

  *wants(): Generator<Want> {
    for (const group of this.#groups.keys()) {
      const want = this.want(group);
      if (want !== undefined) yield want;
    }
  }

  /** The version whose rules hold for the group (§7.3.2). */
  versionOf(group: Address, nowMs: number): IgmpVersion {
    const entry = this.#groups.get(group);
    return entry === undefined ? 3 : compatibilityOf(entry, nowMs);
  }

  reporters(group: Address): Reporter[] {
    return [...(this.#groups.get(group)?.reporters.values() ?? [])];
  }

  /**
   * Whether the timer of a group, or of one of its sources, ends within Last Member Query Time: a
   * repeated query of another one carries the S flag (§6.6.3).
   */
  isLowered(group: Address, source: Address | undefined, nowMs: number): boolean {
    const entry = this.#groups.get(group);
    return entry === undefined || isLow(entry.state, source, nowMs);
  }

  /** Other Querier Present Interval by the values adopted last (RFC 9776 §8.5). */
  otherQuerierPresentMs(): number {
    return this.#robustness * this.#queryIntervalMs + this.#queryResponseMs / 2;
  }

  /** Group Membership Interval (§8.4); never below its default, since a stale member costs less. */
  #membershipIntervalMs(): number {
    const observedMs = this.#robustness * this.#queryIntervalMs + 2 * this.#queryResponseMs;
    return Math.max(defaultMembershipIntervalMs, observedMs);
  }

  #admit(
    record: MembershipRecord,
    reporter: Address,
    version: IgmpVersion,
    nowMs: number,
  ): RecordOutcome {
    const channelsOnly = isSourceSpecific(record.group);
    if (channelsOnly && (version < 3 || isExclude(record.type))) return "ssm-with-asm-report";
    const known = this.#groups.get(record.group);
    if (known === undefined) {
      if (!addsListener(record)) return "no-listener";
      if (this.#isFull()) return "table-full";
    }
    const entry = known ?? newEntry();
    const sources = sourcesUnder(compatibilityOf(entry, nowMs), record);
    if (sources === undefined) return "older-host-present";
    if (record.type === "is-ex") this.#noteOlderHost(entry, version, nowMs);
    noteReporter(entry, record, { reporter, version, lastMs: nowMs }, this.#reporterMs(nowMs));
    return this.#apply({ ...record, sources }, entry, channelsOnly, nowMs);
  }

  /** Takes one row of the tables of §6.4, within the cap on sources. */
  #apply(
    record: MembershipRecord,
    entry: Entry,
    channelsOnly: boolean,
    nowMs: number,
  ): RecordOutcome {
    const freshMs = nowMs + this.#membershipIntervalMs();
    const state = afterTime(entry.state, nowMs);
    const named = [...new Set(record.sources)];
    const sources = channelsOnly ? sourcesThatFit(state, named) : named;
    const next = afterRecord(state, record.type, sources, freshMs);
    if (sourceCount(next.state) <= limits.sourcesPerGroupMax) {
      this.#settle(record.group, entry, next.state);
      this.#ask(record.group, next.state, next.query, nowMs);
      return sources.length < named.length ? "sources-full" : "accepted";
    }
    // Too precise for the table. Take more rather than less; a BLOCK wants nothing, so drop it.
    if (record.type === "block") return "sources-full";
    this.#settle(record.group, entry, everySource(freshMs));
    return "widened";
  }

  /** A group's state is what `want` shows from here on; one without listeners is forgotten. */
  #settle(group: Address, entry: Entry, state: GroupState): void {
    const before = wantOf(group, entry.state);
    const after = wantOf(group, state);
    entry.state = state;
    if (after === undefined) {
      this.#groups.delete(group);
      this.#deadlines.delete(group);
      this.#queries.delete(group);
    } else {
      this.#groups.set(group, entry);
      this.#deadlines.set(group, nextTimerMs(state));
    }
    const isSame = before && after ? sameWant(before, after) : before === after;
    if (!isSame) this.#changed.add(group);
  }

  /** Only timers above Last Member Query Time are asked about (§6.6.3.2): others were, already. */
  #ask(group: Address, state: GroupState, query: SpecificQuery, nowMs: number): void {
    const wholeGroup = query.wholeGroup && !isLow(state, undefined, nowMs);
    const sources = [...query.sources].filter((source) => !isLow(state, source, nowMs));
    if (!wholeGroup && sources.length === 0) return;
    const open = this.#queries.get(group);
    // A set of sources stays within the cap because each of them has a timer in the state.
    const kept = [...(open?.sources ?? [])].filter((source) => !isLow(state, source, nowMs));
    this.#queries.set(group, {
      wholeGroup: wholeGroup || open?.wholeGroup === true,
      sources: new Set([...kept, ...sources]),
    });
  }

  /** Groups that are gone still occupy the table until their effects are drained. */
  #isFull(): boolean {
    return this.#groups.size >= limits.groupsPerLanMax || this.#changed.size >= limits.effectsMax;
  }

  /** Older Host Present Interval (§8.13). */
  #noteOlderHost(entry: Entry, version: IgmpVersion, nowMs: number): void {
    const untilMs = nowMs + this.#robustness * this.#queryIntervalMs + this.#queryResponseMs;
    if (version === 1) entry.v1UntilMs = untilMs;
    if (version === 2) entry.v2UntilMs = untilMs;
  }

  /** Reports before this instant no longer speak for a listener. */
  #reporterMs(nowMs: number): number {
    return nowMs - this.#membershipIntervalMs();
  }
}

const defaultMembershipIntervalMs =
  limits.robustness * limits.queryIntervalMs + 2 * limits.queryResponseIntervalMs;

const newEntry = (): Entry => ({
  state: noListener,
  v1UntilMs: Number.NEGATIVE_INFINITY,
  v2UntilMs: Number.NEGATIVE_INFINITY,
  reporters: new Map(),
});

/** Whether a timer ends within Last Member Query Time, or does not run. */
const isLow = (state: GroupState, source: Address | undefined, nowMs: number): boolean =>
  (timerOf(state, source) ?? nowMs) <= nowMs + lastMemberQueryTimeMs;

const isExclude = (type: RecordType): boolean => type === "is-ex" || type === "to-ex";

/** Whether the record makes a listener where there was none. */
const addsListener = (record: MembershipRecord): boolean =>
  isExclude(record.type) || (record.type !== "block" && record.sources.length > 0);

function compatibilityOf(entry: Entry, nowMs: number): IgmpVersion {
  if (entry.v1UntilMs > nowMs) return 1;
  return entry.v2UntilMs > nowMs ? 2 : 3;
}

/** The sources that count in a record under a version's rules; undefined to ignore it (§7.3.2). */
function sourcesUnder(
  version: IgmpVersion,
  record: MembershipRecord,
): readonly Address[] | undefined {
  if (version === 3) return record.sources;
  if (record.type === "block") return undefined;
  if (version === 1 && record.type === "to-in") return undefined;
  return record.type === "to-ex" ? [] : record.sources;
}

/** The sources that have a timer already, and as many new ones as the cap leaves room for. */
function sourcesThatFit(state: GroupState, sources: readonly Address[]): readonly Address[] {
  let free = limits.sourcesPerGroupMax - sourceCount(state);
  return sources.filter((source) => state.requested.has(source) || free-- > 0);
}

/** Keeps reporters in the order of their last report, without those that are silent too long. */
function noteReporter(
  entry: Entry,
  record: MembershipRecord,
  seen: Omit<Reporter, "sinceMs">,
  silentSinceMs: number,
): void {
  const sinceMs = entry.reporters.get(seen.reporter)?.sinceMs ?? seen.lastMs;
  entry.reporters.delete(seen.reporter);
  for (const [reporter, { lastMs }] of entry.reporters) {
    const isFull = entry.reporters.size >= limits.reportersPerGroupMax;
    if (lastMs > silentSinceMs && !isFull) break;
    entry.reporters.delete(reporter);
  }
  const leaves = record.type === "to-in" && record.sources.length === 0;
  if (!leaves) entry.reporters.set(seen.reporter, { ...seen, sinceMs });
}
