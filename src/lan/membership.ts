/**
 * Who listens on one LAN: the router's side of group membership (RFC 9776 §6, and RFC 9777 §7 with
 * the same records). It owns the state and timers of each group, the older-version compatibility
 * of §7.3 and the source-specific ranges (RFC 4607). It never sends: rows of §6.4 that ask for a
 * query become effects, which the querier of the LAN acts upon and everyone else drops.
 *
 * Versions are those of IGMP; MLDv1 counts as 2 and MLDv2 as 3.
 *
 * Timers are lowered in one place, `onQuery`, for queries *sent or heard* with S clear (§6.6.1). So
 * an Eavesdropper that is not the querier never lowers a timer for a leave alone, and one that is
 * passes each query that it sends to `onQuery` too. What becomes of members that nobody asks is
 * told in `observed-querier.ts`.
 *
 * After each fact drain `takeEffect()`, then arm `nextDeadlineMs()`. Time does not go back.
 */
import { type Address, familyOf, ipv4Of, isMulticast, isSourceSpecific } from "../base/address.ts";
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
  withTimers,
} from "./group-state.ts";
import { ObservedQuerier, type Unqueried } from "./observed-querier.ts";
import { OlderHosts, sourcesUnder } from "./older-hosts.ts";
import { type Reporter, Reporters } from "./reporters.ts";

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
  /** Concerns a group that no host needs to report: it is flooded, and never leaves the LAN. */
  | "link-scope"
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
  readonly olderHosts: OlderHosts;
  /** When a report last said that somebody listens. */
  refreshedMs: number;
  readonly reporters: Reporters;
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
    "link-scope": 0,
    "ssm-with-asm-report": 0,
    "sources-full": 0,
    "table-full": 0,
  };
  readonly #querier: ObservedQuerier;

  /** "keep" is for a LAN on which we never query: without a querier its members stay. */
  constructor(unqueried: Unqueried = "lapse") {
    this.#querier = new ObservedQuerier(unqueried);
  }

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
    this.#noteAbsence(nowMs);
    const outcome = this.#admit(record, reporter, version, nowMs);
    this.#counts[outcome]++;
    return outcome;
  }

  /** A query sent or heard: adopts the querier's values (§4.1), lowers timers (§6.6.1). */
  onQuery(query: LanQuery, nowMs: number): void {
    this.#noteAbsence(nowMs);
    const wasFrozen = this.#querier.isAbsent;
    this.#querier.onQuery(query, nowMs);
    if (wasFrozen && !this.#querier.isAbsent) this.#thaw(nowMs);
    if (query.group === undefined) return;
    const entry = this.#groups.get(query.group);
    if (entry === undefined || query.suppress) return;
    // RFC 2236 §7: in "Version 1 Members Present" a specific query changes nothing, because hosts
    // of version 1 do not answer it.
    if (entry.olderHosts.version(nowMs) === 1) return;
    const state = afterTime(entry.state, nowMs);
    const atMs = nowMs + this.#querier.answerMs(query);
    this.#settle(query.group, entry, afterQuery(state, query.sources, atMs));
  }

  onDeadline(nowMs: number): void {
    this.#noteAbsence(nowMs);
    for (const group of this.#deadlines.takeDue(nowMs)) {
      const entry = this.#groups.get(group);
      assert(entry !== undefined, "a deadline without a group");
      this.#settle(group, entry, afterTime(entry.state, nowMs));
    }
  }

  nextDeadlineMs(): number {
    return Math.min(this.#deadlines.nextMs(), this.#querier.absenceMs());
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
    return this.#groups.get(group)?.olderHosts.version(nowMs) ?? 3;
  }

  reporters(group: Address): Reporter[] {
    return this.#groups.get(group)?.reporters.list() ?? [];
  }

  /** Whether the group is only kept because nobody asks its listeners: they may be gone. */
  isUnrefreshed(group: Address, nowMs: number): boolean {
    const entry = this.#groups.get(group);
    return entry !== undefined && this.#querier.isUnrefreshed(entry.refreshedMs, nowMs);
  }

  /**
   * Whether the timer of a group, or of one of its sources, ends within Last Member Query Time: a
   * repeated query of another one carries the S flag (§6.6.3).
   */
  isLowered(group: Address, source: Address | undefined, nowMs: number): boolean {
    const entry = this.#groups.get(group);
    return entry === undefined || isLow(entry.state, source, nowMs);
  }

  otherQuerierPresentMs(): number {
    return this.#querier.otherQuerierPresentMs();
  }

  /** Robustness Variable and Query Interval, adopted or the default (§8.1, §8.2). */
  get robustness(): number {
    return this.#querier.robustness;
  }

  get queryIntervalMs(): number {
    return this.#querier.queryIntervalMs;
  }

  /** From the instant at which the querier is absent, memberships last as nobody asks for them. */
  #noteAbsence(nowMs: number): void {
    const absentMs = this.#querier.absenceMs();
    if (absentMs > nowMs) return;
    const extraMs = limits.unrefreshedMs - this.#querier.membershipIntervalMs();
    this.#querier.onAbsence();
    // What ends so soon was asked and did not answer.
    const lowMs = absentMs + lastMemberQueryTimeMs;
    this.#moveTimers(absentMs, (untilMs) => (untilMs <= lowMs ? untilMs : untilMs + extraMs));
  }

  /** A querier is back: who still listens will say so, well within the usual interval. */
  #thaw(nowMs: number): void {
    const latestMs = nowMs + this.#querier.membershipIntervalMs();
    this.#moveTimers(nowMs, (untilMs) => Math.min(untilMs, latestMs));
  }

  #moveTimers(atMs: number, moved: (untilMs: number) => number): void {
    for (const [group, entry] of this.#groups) {
      entry.olderHosts.moveTimers(moved);
      this.#settle(group, entry, withTimers(afterTime(entry.state, atMs), moved));
    }
  }

  #admit(
    record: MembershipRecord,
    reporter: Address,
    version: IgmpVersion,
    nowMs: number,
  ): RecordOutcome {
    if (isLinkScope(record.group)) return "link-scope";
    const channelsOnly = isSourceSpecific(record.group);
    if (channelsOnly && (version < 3 || isExclude(record.type))) return "ssm-with-asm-report";
    const known = this.#groups.get(record.group);
    if (known === undefined) {
      if (!addsListener(record)) return "no-listener";
      if (this.#isFull()) return "table-full";
    }
    const entry = known ?? newEntry();
    const sources = sourcesUnder(entry.olderHosts.version(nowMs), record);
    if (sources === undefined) return "older-host-present";
    if (record.type === "is-ex") {
      entry.olderHosts.onReport(version, nowMs + this.#querier.olderHostPresentMs());
    }
    if (addsListener(record)) entry.refreshedMs = nowMs;
    const silentSinceMs = nowMs - this.#querier.membershipIntervalMs();
    entry.reporters.onRecord(record, { reporter, version, lastMs: nowMs }, silentSinceMs);
    const outcome = this.#apply({ ...record, sources }, entry, channelsOnly, nowMs);
    // Nobody will ask whether others listen: it ends when all who reported have left.
    const isOver = this.#querier.isAbsent && entry.reporters.haveLeft;
    if (isOver) this.#settle(record.group, entry, noListener);
    return outcome;
  }

  /** Takes one row of the tables of §6.4, within the cap on sources. */
  #apply(
    record: MembershipRecord,
    entry: Entry,
    channelsOnly: boolean,
    nowMs: number,
  ): RecordOutcome {
    const freshMs = nowMs + this.#querier.membershipIntervalMs();
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
}

const newEntry = (): Entry => ({
  state: noListener,
  olderHosts: new OlderHosts(),
  refreshedMs: Number.NEGATIVE_INFINITY,
  reporters: new Reporters(),
});

/** 224.0.0.0/24 (RFC 4541 §2.1.2); ff02::1 and scopes 0 and 1 (RFC 9777 §6). */
const isLinkScope = (group: Address): boolean =>
  familyOf(group) === 4
    ? ipv4Of(group) >>> 8 === 0xe0_00_00
    : group === "ff02::1" || /^ff[0-9a-f][01]:/.test(group);

/** Whether a timer ends within Last Member Query Time, or does not run. */
const isLow = (state: GroupState, source: Address | undefined, nowMs: number): boolean =>
  (timerOf(state, source) ?? nowMs) <= nowMs + lastMemberQueryTimeMs;

const isExclude = (type: RecordType): boolean => type === "is-ex" || type === "to-ex";

/** Whether the record makes a listener where there was none. */
const addsListener = (record: MembershipRecord): boolean =>
  isExclude(record.type) || (record.type !== "block" && record.sources.length > 0);

/** The sources that have a timer already, and as many new ones as the cap leaves room for. */
function sourcesThatFit(state: GroupState, sources: readonly Address[]): readonly Address[] {
  let free = limits.sourcesPerGroupMax - sourceCount(state);
  return sources.filter((source) => state.requested.has(source) || free-- > 0);
}
