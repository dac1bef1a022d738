/**
 * The host side of group membership on one interface (RFC 9776 §5, RFC 9777 §6 with the same
 * records): what is wanted here is reported to the routers of the LAN, unasked when it changes and
 * in answer to their queries. It owns the interface state of §3.2, what is still to be repeated of
 * each change (§5.1), the pending answers (§5.2, §5.3) and the older-version compatibility of §7.2.
 * Sockets, packets and addresses of our own are the caller's; the router side is `membership.ts`.
 *
 * Versions are those of IGMP; MLDv1 counts as 2 and MLDv2 as 3.
 *
 * No other host is expected behind the same interface: reports of others are not listened to, and
 * in the older versions none of ours is suppressed (RFC 2236 §3).
 *
 * A change is due at once: `nextDeadlineMs()` is then before any instant. After each fact call
 * `onDeadline` when it is due, and drain `takeReport()`. Time does not go back.
 */
import { type Address, isMulticast, isSourceSpecific } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";
import type { GroupRecord } from "../wire/membership-message.ts";
import { sameWant, type Want } from "../wire/want.ts";
import { OlderQueriers } from "./older-queriers.ts";
import { answerRecord, Change, currentRecord, reportsOf } from "./listener-records.ts";
import type { IgmpVersion, LanQuery } from "./membership.ts";

/** What to send now; the family's codec writes it. */
export type ListenerReport =
  | { readonly kind: "report3"; readonly records: readonly GroupRecord[] }
  | { readonly kind: "report"; readonly version: 1 | 2; readonly group: Address }
  | { readonly kind: "leave"; readonly group: Address };

export type ListenerOptions = { readonly family: 4 | 6; readonly mtuBytes: number };

export type WantOutcome =
  | "accepted"
  /** More sources than a group may have: every source is asked for instead. */
  | "widened"
  /** A source-specific group above that cap gets the sources that fit. */
  | "sources-full"
  /** A source-specific group has no (*,G) (RFC 4604 §2.2.1). */
  | "ssm-without-source"
  | "table-full";

type Member = { want: Want | undefined; change: Change };

/** RFC 9776 §5.2: of queries that came since the last answer; no sources mean the whole group. */
type Asked = Set<Address>;

const atOnceMs = Number.NEGATIVE_INFINITY;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #prng: Prng;
  readonly #members = new Map<Address, Member>();
  /** When a state change of a group is sent or repeated (§5.1). */
  readonly #changeAt = new Deadlines<Address>();
  /** Pending answers of single groups (§5.2), and what of the group they are about. */
  readonly #answerAt = new Deadlines<Address>();
  readonly #asked = new Map<Address, Asked>();
  /** The pending answer of the whole interface (§5.2). */
  #generalMs = Number.POSITIVE_INFINITY;
  readonly #older: OlderQueriers;
  #version: IgmpVersion = 3;
  #robustness: number = limits.robustness;
  readonly #ready = new Ring<ListenerReport>(limits.effectsMax);
  readonly #counts = {
    accepted: 0,
    widened: 0,
    "sources-full": 0,
    "ssm-without-source": 0,
    "table-full": 0,
    reports: 0,
    reportsLost: 0,
    queries: 0,
    versionChanges: 0,
    /** Source-specific joins that an older querier kept from being said. */
    ssmUnsaid: 0,
  };

  constructor(options: ListenerOptions, prng: Prng) {
    this.#options = options;
    this.#prng = prng;
    this.#older = new OlderQueriers(options.family);
  }

  get counts(): Readonly<Record<WantOutcome | string, number>> {
    return this.#counts;
  }

  /** The version that is spoken now (§7.2.1). */
  get version(): IgmpVersion {
    return this.#version;
  }

  /** Source-specific groups that are wanted and cannot be asked for in the version spoken. */
  get ssmImpossible(): number {
    if (this.#version === 3) return 0;
    let impossible = 0;
    for (const [group, { want }] of this.#members) {
      if (want !== undefined && isSourceSpecific(group)) impossible++;
    }
    return impossible;
  }

  /** What is asked of a group, as far as the interface can say it. */
  want(group: Address): Want | undefined {
    return this.#members.get(group)?.want;
  }

  /** The group is wanted so; replaces what stood. */
  onWant(want: Want): WantOutcome {
    assert(isMulticast(want.group), "only groups are wanted");
    const outcome = this.#admit(want);
    this.#counts[outcome]++;
    return outcome;
  }

  /** Nobody wants the group any more. */
  onUnwanted(group: Address): void {
    const member = this.#members.get(group);
    if (member?.want !== undefined) this.#set(group, member, undefined);
  }

  /** A query heard (§5.2). Its time in `maxResponseMs` is spent at random before the answer. */
  onQuery(query: LanQuery, nowMs: number): void {
    this.#counts.queries++;
    this.#robustness = Math.min(query.robustness || limits.robustness, limits.adoptedRobustnessMax);
    if (query.group === undefined) {
      this.#older.onGeneralQuery(query, nowMs);
      this.#settleVersion(nowMs);
    }
    const responseMs = Math.min(query.maxResponseMs, limits.adoptedQueryResponseMsMax);
    const answerMs = nowMs + this.#prng.fraction() * responseMs;
    if (query.group !== undefined) this.#onSpecificQuery(query.group, query.sources, answerMs);
    else if (this.#version === 3) this.#generalMs = Math.min(this.#generalMs, answerMs);
    else this.#spreadAnswers(nowMs, responseMs);
  }

  onDeadline(nowMs: number): void {
    this.#settleVersion(nowMs);
    const records: GroupRecord[] = [];
    // Taken before they are repeated: an interval of 0 must not keep this going.
    for (const group of [...this.#changeAt.takeDue(nowMs)]) {
      records.push(...this.#change(group, nowMs));
    }
    for (const group of this.#answerAt.takeDue(nowMs)) records.push(...this.#answer(group));
    if (this.#generalMs <= nowMs) {
      this.#generalMs = Number.POSITIVE_INFINITY;
      for (const { want } of this.#members.values()) {
        if (want !== undefined) records.push(currentRecord(want));
      }
    }
    const reports = reportsOf(records, this.#options);
    for (const report of reports) this.#push({ kind: "report3", records: report });
  }

  /** The earliest instant in ms at which something is to be sent or ends. */
  nextDeadlineMs(): number {
    return Math.min(
      this.#changeAt.nextMs(),
      this.#answerAt.nextMs(),
      this.#generalMs,
      this.#older.nextDeadlineMs(this.#version),
    );
  }

  takeReport(): ListenerReport | undefined {
    return this.#ready.take();
  }

  #admit(want: Want): WantOutcome {
    const { group, sources } = want;
    const channelsOnly = isSourceSpecific(group);
    if (channelsOnly && want.mode === "exclude") return "ssm-without-source";
    const known = this.#members.get(group);
    if (known === undefined && this.#members.size >= limits.groupsPerLanMax) return "table-full";
    const member = known ?? { want: undefined, change: new Change() };
    this.#members.set(group, member);
    if (channelsOnly && this.#version < 3) this.#counts.ssmUnsaid++;
    if (sources.length <= limits.sourcesPerGroupMax) {
      this.#set(group, member, want);
      return "accepted";
    }
    if (channelsOnly) {
      this.#set(group, member, { ...want, sources: sources.slice(0, limits.sourcesPerGroupMax) });
      return "sources-full";
    }
    this.#set(group, member, { group, mode: "exclude", sources: [] });
    return "widened";
  }

  /** The interface state of a group changes: the difference joins what is still pending (§5.1). */
  #set(group: Address, member: Member, want: Want | undefined): void {
    const before = member.want;
    if (before && want ? sameWant(before, want) : before === want) return;
    member.want = want;
    if (this.#version === 3) {
      member.change.onDifference(before, want, this.#robustness);
      this.#changeAt.set(group, atOnceMs);
      return;
    }
    // Older versions know members of a group and nothing finer.
    if ((before === undefined) === (want === undefined)) return;
    member.change.clear();
    member.change.onDifference(before, want, want === undefined ? 1 : this.#robustness);
    this.#changeAt.set(group, atOnceMs);
  }

  /** One transmission of a group's state change, and when it is repeated (§5.1). */
  #change(group: Address, nowMs: number): GroupRecord[] {
    const member = this.#memberOf(group);
    const records = member.change.takeRecords(group, member.want);
    if (member.change.isPending) {
      const delayMs = this.#prng.fraction() * limits.unsolicitedReportIntervalMs;
      this.#changeAt.set(group, nowMs + delayMs);
    } else if (member.want === undefined) {
      this.#forget(group);
    }
    if (this.#version === 3) return records;
    this.#sayOlder(group, member.want);
    return [];
  }

  /** §5.2: a pending answer of the group stays when it is the earlier one. */
  #onSpecificQuery(group: Address, sources: readonly Address[], answerMs: number): void {
    if (this.#members.get(group)?.want === undefined) return;
    const pendingMs = this.#answerAt.get(group);
    const asked = this.#asked.get(group);
    const wholeGroup = sources.length === 0 || (pendingMs !== undefined && asked?.size === 0);
    const merged = wholeGroup ? [] : [...(asked ?? []), ...sources];
    // More sources than may be kept: the whole group's state says as much and more.
    const isTooMany = merged.length > limits.recordsPerReportMax;
    this.#asked.set(group, new Set(isTooMany ? [] : merged));
    this.#answerAt.set(group, Math.min(pendingMs ?? answerMs, answerMs));
  }

  /** RFC 2236 §3: every group answers a general query of an older version by itself. */
  #spreadAnswers(nowMs: number, responseMs: number): void {
    for (const group of this.#members.keys()) {
      this.#onSpecificQuery(group, [], nowMs + this.#prng.fraction() * responseMs);
    }
  }

  #answer(group: Address): GroupRecord[] {
    const { want } = this.#memberOf(group);
    const asked = this.#asked.get(group);
    this.#asked.delete(group);
    if (want === undefined) return [];
    if (this.#version < 3) {
      this.#sayOlder(group, want);
      return [];
    }
    const record = answerRecord(want, asked ?? new Set());
    return record === undefined ? [] : [record];
  }

  /** Reports and leaves of versions 1 and 2; channels stay unsaid (RFC 4604 §2.2.2). */
  #sayOlder(group: Address, want: Want | undefined): void {
    if (isSourceSpecific(group)) return;
    if (want !== undefined) {
      this.#push({ kind: "report", version: this.#version === 1 ? 1 : 2, group });
    } else if (this.#version === 2) {
      this.#push({ kind: "leave", group });
    }
  }

  /**
   * §7.2.1: a change of version cancels what is pending. A change of state that was never sent is
   * not pending yet: it is told in the new version.
   */
  #settleVersion(nowMs: number): void {
    const version = this.#older.version(nowMs);
    if (version === this.#version) return;
    this.#version = version;
    this.#counts.versionChanges++;
    this.#generalMs = Number.POSITIVE_INFINITY;
    this.#answerAt.clear();
    this.#asked.clear();
    for (const [group, member] of this.#members) {
      if (this.#changeAt.get(group) !== atOnceMs) {
        this.#changeAt.delete(group);
        member.change.clear();
      }
      if (member.want === undefined && !this.#changeAt.has(group)) this.#forget(group);
    }
    this.#counts.ssmUnsaid += this.ssmImpossible;
  }

  #memberOf(group: Address): Member {
    const member = this.#members.get(group);
    assert(member !== undefined, "a deadline without a group");
    return member;
  }

  #forget(group: Address): void {
    this.#members.delete(group);
    this.#answerAt.delete(group);
    this.#asked.delete(group);
  }

  #push(report: ListenerReport): void {
    if (this.#ready.push(report)) this.#counts.reports++;
    else this.#counts.reportsLost++;
  }
}
