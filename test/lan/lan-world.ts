/**
 * A LAN on a virtual clock: hosts that answer as RFC 9776 §5 says, and Eavesdroppers made of the
 * product's `Membership` and `Querier`. One seed drives everything.
 */
import { type Address, address } from "../../src/base/address.ts";
import { assert } from "../../src/base/assert.ts";
import { Deadlines } from "../../src/base/deadlines.ts";
import type { Prng } from "../../src/base/prng.ts";
import {
  type LanQuery,
  leaveRecord,
  Membership,
  type MembershipRecord,
  reportRecord,
} from "../../src/lan/membership.ts";
import { Querier, type QuerierMode } from "../../src/lan/querier.ts";
import { sameWant, unionOfWants, type Want } from "../../src/wire/want.ts";

const turnsMax = 1_000_000;

export class Eavesdropper {
  readonly address: Address;
  readonly membership: Membership;
  readonly querier: Querier;

  constructor(own: Address, mode: QuerierMode, nowMs: number) {
    this.address = own;
    this.membership = new Membership(mode === "off" ? "keep" : "lapse");
    this.querier = new Querier({ mode, address: own, timers: this.membership }, nowMs);
  }

  nextDeadlineMs(): number {
    return Math.min(this.membership.nextDeadlineMs(), this.querier.nextDeadlineMs());
  }

  onDeadline(nowMs: number): void {
    this.membership.onDeadline(nowMs);
    this.querier.onDeadline(nowMs);
  }

  onQueryHeard(query: LanQuery, source: Address, nowMs: number): void {
    this.membership.onQuery(query, nowMs);
    this.querier.onQueryHeard(source, query, nowMs);
  }

  /** Queries that go onto the LAN now. */
  *drain(nowMs: number): Generator<LanQuery> {
    for (;;) {
      const effect = this.membership.takeEffect();
      if (effect?.kind === "query") {
        this.querier.onSpecificQuery(effect.group, effect.sources, nowMs);
      }
      const query = this.querier.takeQuery();
      if (query !== undefined) {
        this.membership.onQuery(query, nowMs);
        yield query;
      } else if (effect === undefined) return;
    }
  }
}

/** A host of IGMPv3, or of v2, which only knows "all sources". */
export class Host {
  readonly address: Address;
  readonly version: 2 | 3;
  readonly wants = new Map<Address, Want>();

  constructor(own: Address, version: 2 | 3) {
    this.address = own;
    this.version = version;
  }

  /** Takes a new filter and returns the State-Change records (§5.1). */
  change(group: Address, next: Want | undefined): MembershipRecord[] {
    const before = this.wants.get(group);
    if (next === undefined) this.wants.delete(group);
    else this.wants.set(group, next);
    if (this.version === 2) {
      if (next !== undefined) return [reportRecord(group)];
      return before === undefined ? [] : [leaveRecord(group)];
    }
    const from = before ?? { group, mode: "include", sources: [] };
    const to = next ?? { group, mode: "include", sources: [] };
    if (from.mode !== to.mode) {
      return [{ type: to.mode === "include" ? "to-in" : "to-ex", group, sources: to.sources }];
    }
    const [wider, narrower] = to.mode === "include" ? [to, from] : [from, to];
    const allow = wider.sources.filter((source) => !narrower.sources.includes(source));
    const block = narrower.sources.filter((source) => !wider.sources.includes(source));
    const records: MembershipRecord[] = [
      { type: "allow", group, sources: allow },
      { type: "block", group, sources: block },
    ];
    return records.filter((record) => record.sources.length > 0);
  }

  /** Current-State records that answer a query (§5.2). */
  answer(query: Pick<LanQuery, "group" | "sources">): MembershipRecord[] {
    const wants = [...this.wants.values()].filter(
      (want) => query.group === undefined || query.group === want.group,
    );
    if (this.version === 2) return wants.map((want) => reportRecord(want.group));
    return wants.flatMap((want): MembershipRecord[] => {
      const { group, mode } = want;
      if (query.sources.length === 0) {
        return [{ type: mode === "include" ? "is-in" : "is-ex", group, sources: want.sources }];
      }
      const sources = query.sources.filter(
        (source) => want.sources.includes(source) === (mode === "include"),
      );
      return sources.length > 0 ? [{ type: "is-in", group, sources }] : [];
    });
  }
}

export class LanWorld {
  nowMs = 0;
  /** The share of messages that a receiver misses. */
  loss = 0;
  readonly hosts: readonly Host[];
  readonly eavesdroppers: Eavesdropper[] = [];
  /** Every query that was sent, in order. */
  readonly sent: { readonly atMs: number; readonly from: Address }[] = [];
  readonly #prng: Prng;
  readonly #answers = new Deadlines<{ host: Host; query: LanQuery }>();

  constructor(prng: Prng, hostCount: number) {
    this.#prng = prng;
    this.hosts = Array.from(
      { length: hostCount },
      (_, i) => new Host(address(`192.0.2.${100 + i}`), i % 4 === 3 ? 2 : 3),
    );
  }

  /** A node that comes up now; a router is one that is "on". */
  start(own: string, mode: QuerierMode): Eavesdropper {
    const node = new Eavesdropper(address(own), mode, this.nowMs);
    this.eavesdroppers.push(node);
    return node;
  }

  stop(node: Eavesdropper): void {
    this.eavesdroppers.splice(this.eavesdroppers.indexOf(node), 1);
  }

  change(host: Host, group: Address, next: Want | undefined): void {
    this.#report(host, host.change(group, next));
  }

  /** Runs until `untilMs`, and calls `check` whenever the LAN is quiet. */
  run(untilMs: number, check: () => void = () => undefined): void {
    for (let turn = 0; ; turn++) {
      assert(turn < turnsMax, "livelock on the LAN");
      this.#deliverQueries();
      check();
      const deadlines = this.eavesdroppers.map((node) => node.nextDeadlineMs());
      const nextMs = Math.min(this.#answers.nextMs(), ...deadlines);
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const { host, query } of this.#answers.takeDue(this.nowMs)) {
        this.#report(host, host.answer(query));
      }
      for (const node of this.eavesdroppers) node.onDeadline(this.nowMs);
    }
    this.nowMs = untilMs;
  }

  /** What all hosts together want: the reference. */
  unionOf(group: Address): Want | undefined {
    return this.hosts
      .map((host) => host.wants.get(group))
      .filter((want) => want !== undefined)
      .reduce<Want | undefined>((all, want) => (all ? unionOfWants(all, want) : want), undefined);
  }

  #report(host: Host, records: readonly MembershipRecord[]): void {
    for (const node of this.eavesdroppers) {
      if (this.#isLost()) continue;
      for (const record of records) {
        node.membership.onRecord(record, host.address, host.version, this.nowMs);
      }
    }
  }

  #deliverQueries(): void {
    for (const node of this.eavesdroppers) {
      for (const query of node.drain(this.nowMs)) this.#deliver(query, node);
    }
  }

  #deliver(query: LanQuery, from: Eavesdropper): void {
    this.sent.push({ atMs: this.nowMs, from: from.address });
    for (const other of this.eavesdroppers) {
      if (other === from || this.#isLost()) continue;
      other.onQueryHeard(query, from.address, this.nowMs);
    }
    for (const host of this.hosts) {
      if (this.#isLost()) continue;
      const answerMs = this.nowMs + this.#prng.fraction() * query.maxResponseMs;
      this.#answers.set({ host, query }, answerMs);
    }
  }

  #isLost(): boolean {
    return this.loss > 0 && this.#prng.fraction() < this.loss;
  }
}

/** Whether `all` wants everything that `part` wants. */
export const covers = (all: Want | undefined, part: Want): boolean =>
  all !== undefined && sameWant(unionOfWants(all, part), all);
