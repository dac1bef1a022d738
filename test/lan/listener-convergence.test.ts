import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { assert } from "../../src/base/assert.ts";
import { Deadlines } from "../../src/base/deadlines.ts";
import { Prng } from "../../src/base/prng.ts";
import { Listener, type ListenerReport } from "../../src/lan/listener.ts";
import {
  leaveRecord,
  Membership,
  type MembershipRecord,
  reportRecord,
} from "../../src/lan/membership.ts";
import { Querier, type QuerierVersion } from "../../src/lan/querier.ts";
import type { Want } from "../../src/wire/want.ts";
import { covers } from "./lan-world.ts";

const group = address("233.252.0.1");
const other = address("233.252.0.2");
const channels = address("232.1.1.1");
const sources = [1, 2, 3, 4].map((i) => address(`198.51.100.${i}`));

/** The listener and the product's own router side, with a wire that loses, delays and reorders. */
class Wire {
  readonly listener: Listener;
  readonly membership = new Membership();
  readonly querier: Querier;
  readonly wants = new Map<Address, Want>();
  loss = 0;
  delayMs = 0;
  nowMs = 0;
  readonly #prng: Prng;
  readonly #onWire = new Deadlines<() => void>();

  constructor(seed: number, version: QuerierVersion) {
    this.#prng = new Prng(seed);
    this.listener = new Listener({ family: 4, mtuBytes: 1_500 }, new Prng(seed + 1));
    const own = address("192.0.2.1");
    const options = { mode: "on", address: own, version, timers: this.membership } as const;
    this.querier = new Querier(options, 0);
  }

  set(of: Address, want: Want | undefined): void {
    if (want === undefined) {
      this.wants.delete(of);
      this.listener.onUnwanted(of);
    } else {
      this.wants.set(of, want);
      this.listener.onWant(want);
    }
  }

  run(untilMs: number, check: () => void = () => undefined): void {
    for (let turn = 0; ; turn++) {
      assert(turn < 1_000_000, "livelock on the wire");
      this.#exchange();
      const deadlines = [this.listener, this.membership, this.querier];
      const nextMs = Math.min(
        this.#onWire.nextMs(),
        ...deadlines.map((one) => one.nextDeadlineMs()),
      );
      if (nextMs > this.nowMs) check(); // the wire is quiet
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const arrive of this.#onWire.takeDue(this.nowMs)) arrive();
      for (const one of deadlines) one.onDeadline(this.nowMs);
    }
    this.nowMs = untilMs;
  }

  #exchange(): void {
    if (this.listener.nextDeadlineMs() <= this.nowMs) this.listener.onDeadline(this.nowMs);
    for (let one = this.listener.takeReport(); one; one = this.listener.takeReport()) {
      const report = one;
      this.#carry(() => this.#report(report));
    }
    for (;;) {
      const effect = this.membership.takeEffect();
      if (effect?.kind === "query") {
        this.querier.onSpecificQuery(effect.group, effect.sources, this.nowMs);
      }
      const query = this.querier.takeQuery();
      if (query !== undefined) {
        this.membership.onQuery(query, this.nowMs);
        this.#carry(() => this.listener.onQuery(query, this.nowMs));
      } else if (effect === undefined) return;
    }
  }

  #report(report: ListenerReport): void {
    const [version, records] = recordsOf(report);
    for (const record of records) {
      this.membership.onRecord(record, address("192.0.2.2"), version, this.nowMs);
    }
  }

  #carry(arrive: () => void): void {
    if (this.#prng.fraction() < this.loss) return;
    this.#onWire.set(arrive, this.nowMs + this.#prng.fraction() * this.delayMs);
  }
}

function recordsOf(report: ListenerReport): [1 | 2 | 3, readonly MembershipRecord[]] {
  switch (report.kind) {
    case "report3":
      return [3, report.records];
    case "report":
      return [report.version, [reportRecord(report.group)]];
    case "leave":
      return [2, [leaveRecord(report.group)]];
  }
}

describe("against the router side of RFC 9776 §6", () => {
  const seeds = Array.from({ length: 60 }, (_, i) => 2_000 + i);
  const groups = [group, other, channels];
  /** Group Membership Interval, and two general queries that are answered. */
  const settleMs = 270_000 + 2 * 135_000;

  function randomWant(prng: Prng, of: Address): Want | undefined {
    if (prng.below(3) === 0) return undefined;
    const some = sources.filter(() => prng.below(2) === 0);
    if (of !== channels && prng.below(2) === 0)
      return { group: of, mode: "exclude", sources: some };
    return some.length > 0 ? { group: of, mode: "include", sources: some } : undefined;
  }

  function churn(wire: Wire, prng: Prng, check?: () => void): void {
    for (let i = 0; i < 60; i++) {
      const of = prng.pick(groups);
      wire.set(of, randomWant(prng, of));
      const pauseMs = prng.pick([0, 300, 900, 2_500, 40_000, 150_000]) * prng.fraction();
      wire.run(wire.nowMs + pauseMs, check);
    }
  }

  const expectWants = (wire: Wire): void => {
    for (const of of groups) expect(wire.membership.want(of)).toEqual(wire.wants.get(of));
  };

  test.each(seeds)(
    "seed %d: with loss and reordering membership converges to the wants",
    (seed) => {
      const prng = new Prng(seed);
      const wire = new Wire(seed, 3);
      wire.loss = 0.3;
      wire.delayMs = 1_500;
      churn(wire, prng);
      wire.loss = 0;
      wire.run(wire.nowMs + settleMs);
      expectWants(wire);
    },
  );

  test.each(seeds)("seed %d: without loss no wanted source is ever missed", (seed) => {
    const wire = new Wire(seed, 3);
    churn(wire, new Prng(seed), () => {
      for (const want of wire.wants.values()) {
        assert(covers(wire.membership.want(want.group), want), () => JSON.stringify(want));
      }
    });
    wire.run(wire.nowMs + settleMs);
    expectWants(wire);
  });

  test.each(seeds)("seed %d: a router of IGMPv2 converges to the groups it can know", (seed) => {
    const wire = new Wire(seed, 2);
    wire.loss = 0.3;
    wire.delayMs = 1_500;
    churn(wire, new Prng(seed));
    wire.loss = 0;
    wire.run(wire.nowMs + settleMs);
    for (const of of [group, other]) {
      expect(wire.membership.want(of)?.mode).toBe(wire.wants.has(of) ? "exclude" : undefined);
    }
    expect(wire.membership.want(channels)).toBeUndefined();
    expect(wire.listener.ssmImpossible).toBe(wire.wants.has(channels) ? 1 : 0);
  });
});
