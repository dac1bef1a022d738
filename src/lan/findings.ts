/**
 * What is wrong with a LAN as far as an Eavesdropper can see it: facts in, findings out, each with
 * the evidence and what to do about it, in words for people. It changes nothing and sends nothing.
 *
 * Every `limits.findingsIntervalMs` the evidence is looked at. A finding lasts from its first sight
 * until none came for `limits.findingHoldMs`, so there is at most one of each code.
 */
import { type Address, familyOf, ipv4Address, ipv4Of, ipv6Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import { Evidence } from "./evidence.ts";
import { GroupMacs } from "./group-macs.ts";
import { QueryEvidence, type QuerySeen } from "./query-evidence.ts";
import { RecordEvidence, type RecordSeen } from "./record-evidence.ts";

/** What to do, by the code of the finding. */
const fixes = {
  NO_QUERIER: "enable the querier of the switch, or set this Eavesdropper's querier to auto",
  TWO_QUERIERS: "give the LAN one querier: all routers and switches in one election, or off",
  QUERIER_OLD_VERSION: "set the querier to IGMPv3 or MLDv2, above all where channels are used",
  QUERIER_ZERO: "give the querier an address: switches learn no router port from 0.0.0.0",
  REPORTS_HIDDEN: "make this host's switch port a static router port, or turn router discovery on",
  LEAVE_WITHOUT_QUERIER: "see that the querier hears leaves: groups end late without its question",
  TTL_ONE: "raise the sender's TTL, or give the application a TTL policy (preserve, or set 16)",
  SSM_WITH_ASM_REPORT: "make the application join with a source; the querier must speak version 3",
  MAC_COLLISION: "change the address of all but one of the groups that share a MAC address",
  LINK_LOCAL_MAC: "change the group's address: its low 23 bits must not be 0 to 255",
  STORM: "stop the hosts that report most, or find the loop that multiplies reports",
  TOO_MANY_GROUPS: "find the hosts that join so much: what is above the bound is not learnt",
} as const;

export type FindingCode = keyof typeof fixes;

export type Finding = {
  readonly code: FindingCode;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly evidence: string;
  readonly fix: string;
};

export type FindingsOptions = {
  /** `Membership` is one. */
  readonly timers: { otherQuerierPresentMs(): number };
};

type TtlOne = { readonly source: Address; readonly group: Address };

export class Findings {
  readonly #queries: QueryEvidence;
  readonly #records = new RecordEvidence();
  readonly #macs = new GroupMacs();
  /** Wanted groups of IPv4 as numbers, for the packet path; of IPv6 as they are. */
  readonly #wanted = new Set<number>();
  readonly #wanted6 = new Set<Address>();
  readonly #ttlOne = new Evidence<TtlOne>();
  #ttlOnePackets = 0;
  #ttlNamedMs = Number.NEGATIVE_INFINITY;
  #lookMs: number;
  readonly #found = new Map<FindingCode, Finding>();

  constructor(options: FindingsOptions, nowMs: number) {
    this.#queries = new QueryEvidence(() => options.timers.otherQuerierPresentMs(), nowMs);
    this.#lookMs = nowMs + limits.findingsIntervalMs;
  }

  /** A query heard, or sent by us. */
  onQuery(query: QuerySeen, nowMs: number): void {
    this.#queries.onQuery(query, nowMs);
  }

  /** A record of a host that is no FastCast node, after `Membership.onRecord`. */
  onRecord(record: RecordSeen, nowMs: number): void {
    this.#queries.onReport(nowMs);
    this.#records.onRecord(record, nowMs);
  }

  /** After `onRecord`, when the accepted record was a leave, or a change to INCLUDE of nothing. */
  onLeave(group: Address, nowMs: number): void {
    this.#queries.onLeave(group, nowMs);
  }

  /** A group is wanted from here on, or no longer. */
  onWant(group: Address, isWanted: boolean): void {
    const isKept = isWanted && this.#macs.onWanted(group) === "accepted";
    if (!isKept) this.#macs.onUnwanted(group);
    if (familyOf(group) === 6) {
      if (isKept) this.#wanted6.add(group);
      else this.#wanted6.delete(group);
      return;
    }
    if (isKept) this.#wanted.add(ipv4Of(group));
    else this.#wanted.delete(ipv4Of(group));
  }

  /** One packet; addresses are 32-bit numbers. Allocates only for TTL 1, once in a while. */
  onDataTtl(ttl: number, source: number, group: number, nowMs: number): void {
    this.#queries.onData(nowMs);
    // 224.0.0.0/24 never leaves a LAN, whatever its TTL (RFC 5771 §4).
    if (ttl > 1 || group >>> 8 === 0xe0_00_00 || !this.#wanted.has(group)) return;
    this.#ttlOnePackets++;
    if (nowMs < this.#ttlNamedMs) return;
    this.#onTtlOne({ source: ipv4Address(source), group: ipv4Address(group) }, nowMs);
  }

  /**
   * The same of IPv6: four words of the source, then four of the group, borrowed. Of the packets
   * between two sights only the first is counted, so that the others cost nothing.
   */
  onDataHopLimit(hopLimit: number, channel: Uint32Array, nowMs: number): void {
    this.#queries.onData(nowMs);
    if (hopLimit > 1 || nowMs < this.#ttlNamedMs) return;
    const group = ipv6Address(channel, 4);
    if (!this.#wanted6.has(group)) return;
    this.#ttlOnePackets++;
    this.#onTtlOne({ source: ipv6Address(channel, 0), group }, nowMs);
  }

  #onTtlOne(seen: TtlOne, nowMs: number): void {
    this.#ttlNamedMs = nowMs + limits.findingsIntervalMs / 2;
    this.#ttlOne.onSight(seen, this.#ttlOnePackets);
    this.#ttlOnePackets = 0;
  }

  onDeadline(nowMs: number): void {
    if (nowMs < this.#lookMs) return;
    this.#lookMs = nowMs + limits.findingsIntervalMs;
    for (const [code, { lastMs }] of this.#found) {
      if (nowMs - lastMs >= limits.findingHoldMs) this.#found.delete(code);
    }
    for (const [code, evidence] of this.#evidence(nowMs)) {
      if (evidence === undefined) continue;
      const sinceMs = this.#found.get(code)?.sinceMs ?? nowMs;
      this.#found.set(code, { code, sinceMs, lastMs: nowMs, evidence, fix: fixes[code] });
    }
  }

  nextDeadlineMs(): number {
    return this.#lookMs;
  }

  /** The oldest first. */
  findings(nowMs: number): Finding[] {
    return [...this.#found.values()].filter(({ lastMs }) => nowMs - lastMs < limits.findingHoldMs);
  }

  #evidence(nowMs: number): [FindingCode, string | undefined][] {
    const [queries, records, macs] = [this.#queries, this.#records, this.#macs];
    return [
      ["NO_QUERIER", queries.noQuerier(nowMs)],
      ["TWO_QUERIERS", queries.twoQueriers(nowMs)],
      ["QUERIER_OLD_VERSION", queries.oldVersion(nowMs)],
      ["QUERIER_ZERO", queries.proxyOnly(nowMs)],
      ["REPORTS_HIDDEN", queries.reportsHidden(nowMs)],
      ["LEAVE_WITHOUT_QUERIER", queries.leavesUnasked(nowMs)],
      ["TTL_ONE", this.#ttlOneEvidence()],
      ["SSM_WITH_ASM_REPORT", records.ssmWithAsmReport()],
      ["MAC_COLLISION", macs.collision()],
      ["LINK_LOCAL_MAC", macs.linkLocal()],
      ["STORM", records.storm(nowMs)],
      ["TOO_MANY_GROUPS", records.tooManyGroups()],
    ];
  }

  #ttlOneEvidence(): string | undefined {
    return this.#ttlOne.take(
      (count, { source, group }) =>
        `${count} packets of wanted groups with a TTL of 1, the last from ${source} to ${group}`,
    );
  }
}
