import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address } from "../../src/base/address.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import { Policy } from "../../src/site/policy.ts";
import { frameHeaderBytes } from "../../src/wire/frame.ts";
import {
  exclude,
  foreign,
  foreign6,
  group,
  group2,
  group6,
  include,
  openPolicy,
  own,
  own6,
  own2,
  packet,
  rules,
  ssm,
  ssm6,
} from "./site.ts";
import { any, IngressEdge as Edge } from "./ingress-edge.ts";

describe("who may enter", () => {
  test.each([
    ["scope", packet(own, address("239.255.0.1"))],
    ["scope", packet(own, address("224.0.0.5"))],
    ["scope", packet(own, foreign)],
    ["notOwned", packet(foreign, group)],
    ["notOwned", packet(address("127.0.0.1"), group)],
    ["unwanted", packet(own, group2)],
    ["scope", packet(own6, address("ff02::fb"))],
    ["scope", packet(own6, address("ff05::2"))],
    ["scope", packet(address("fe80::1"), address("ff02::2"))],
    ["notOwned", packet(foreign6, group6)],
    ["notOwned", packet(address("fe80::1"), group6)],
    ["unwanted", packet(own6, ssm6)],
    ["notIp", packet(own6, group6).subarray(0, 39)],
    ["notIp", packet(own6, group6).subarray(0, 47)],
    ["notIp", Uint8Array.of(0x70, ...packet(own, group).subarray(1))],
    ["notIp", packet(own, group).subarray(0, 27)],
    ["notIp", Uint8Array.of(0x60, 0, 0, 4)],
    ["notIp", Uint8Array.of(0x45, 0, 0, 4)],
    ["notIp", new Uint8Array(0)],
  ] as const)("counted as %s", (cause, bytes) => {
    const edge = new Edge().want(exclude(group)).assign(any(5));
    edge.want(exclude(group), exclude(group6)).packets([bytes]);
    expect(edge.sent).toEqual([]);
    expect(edge.ingress.drops).toEqual({
      notIp: 0,
      scope: 0,
      foreignSource: 0,
      notOwned: 0,
      denied: 0,
      unwanted: 0,
      sourceCap: 0,
      rateLimit: 0,
      holdFull: 0,
      holdExpired: 0,
      [cause]: 1,
    });
    expect(edge.ingress.counters.packets).toBe(1);
  });

  test("sources as remote filters say: include names them, exclude all others", () => {
    const edge = new Edge().want(include(ssm, own), exclude(group, own));
    edge.assign({ flow: 5, channels: [{ group: ssm, source: own }, { group }] });
    edge.packets([packet(own, ssm), packet(own2, ssm), packet(own, group), packet(own2, group)]);
    expect(edge.sent.map((sent) => sent.packet)).toEqual([packet(own, ssm), packet(own2, group)]);
    expect(edge.ingress.drops.unwanted).toBe(2);
  });

  test("packets of both families, each by its group", () => {
    const edge = new Edge().want(exclude(group), exclude(group6), include(ssm6, own6));
    edge.assign(any(5), any(6, group6), { flow: 7, channels: [{ group: ssm6, source: own6 }] });
    const some = [packet(own6, group6), packet(own, group), packet(own6, ssm6)];
    edge.packets(some);
    expect(edge.flows()).toEqual([6, 5, 7]);
    expect(edge.sent.map((sent) => sent.packet)).toEqual(some);
  });

  test("a want that comes or goes is obeyed by the next packet", () => {
    const edge = new Edge().want(exclude(group)).assign(any(5));
    edge
      .packets([packet(own, group)])
      .want()
      .packets([packet(own, group)]);
    edge.want(exclude(group)).packets([packet(own, group)]);
    expect(edge.flows()).toEqual([5, 5]);
    expect(edge.ingress.drops.unwanted).toBe(1);
  });

  test("packets leave byte for byte as they came", () => {
    const edge = new Edge().want(exclude(group)).assign(any(5));
    const some = [0, 1, 700, 1_480].map((bytes) => packet(own, group, bytes, 1));
    edge.packets(some);
    expect(edge.sent.map((sent) => sent.packet)).toEqual(some);
    expect(edge.ingress.flowCounters()).toEqual([{ flow: 5, packets: 4, bytes: 2_261 }]);
  });
});

describe("the site's policy", () => {
  test("denied channels are counted before anybody's wants", () => {
    const edge = new Edge(new Policy(rules("out", [`deny ${group} from ${own}`])));
    edge.want(exclude(group)).assign(any(5));
    edge.packets([packet(own, group), packet(own2, group), packet(own, group2)]);
    expect(edge.sent.map((sent) => sent.packet)).toEqual([packet(own2, group)]);
    expect(edge.ingress.drops).toMatchObject({ denied: 1, unwanted: 1 });
  });

  test("rules for what comes in say nothing about what goes out", () => {
    const edge = new Edge(new Policy(rules("in", [`deny ${group}`])));
    edge
      .want(exclude(group))
      .assign(any(5))
      .packets([packet(own, group)]);
    expect(edge.flows()).toEqual([5]);
  });

  test("a source of another site is told from one of nobody", () => {
    const edge = new Edge().want(exclude(group));
    edge.claims.onRows([{ site: "b", prefixes: ["10.2.0.0/16"] }]);
    edge.packets([packet(foreign, group), packet(address("10.3.0.1"), group)]);
    expect(edge.ingress.drops).toMatchObject({ foreignSource: 1, notOwned: 1 });
    expect(edge.ingress.strangers.foreign.channel.source).toBe(foreign);
    expect(edge.ingress.strangers.notOwned.channel.source).toBe(address("10.3.0.1"));
    edge.packets([packet(foreign6, group6)]);
    expect(edge.ingress.strangers.notOwned.channel).toEqual({ source: foreign6, group: group6 });
  });

  test("channels beyond the site's bound are dropped, and show themselves again", () => {
    const edge = new Edge().want(exclude(group)).assign(any(5));
    edge.ingress.onRefused(new Map([[`${own2} ${group}`, {}]]));
    edge.packets([packet(own, group), packet(own2, group)]);
    expect(edge.flows()).toEqual([5]);
    expect(edge.ingress.drops.sourceCap).toBe(1);
    expect(edge.ingress.takeSeen()).toHaveLength(2);
    edge.ingress.onRefused(new Map());
    edge.packets([packet(own2, group)]);
    expect(edge.flows()).toEqual([5, 5]);
  });
});

describe("rate limits", () => {
  test("charge what leaves or waits, and nothing else", () => {
    const edge = new Edge(openPolicy, { packetsPerSecond: 10 }).want(exclude(group), exclude(ssm));
    edge.assign(any(5));
    const unwanted = Array.from({ length: 50 }, () => packet(own, group2));
    edge.packets(unwanted).packets([packet(own, group), packet(own, group), packet(own, group)]);
    expect(edge.flows()).toEqual([5, 5]);
    expect(edge.ingress.drops).toMatchObject({ unwanted: 50, rateLimit: 1 });
    edge.packets([packet(own, group), packet(own, group)], 100);
    expect(edge.flows()).toEqual([5, 5, 5]);
    expect(edge.ingress.drops.rateLimit).toBe(2);
  });

  test("held packets are charged when they come, not when they leave", () => {
    const edge = new Edge(openPolicy, { packetsPerSecond: 10 }).want(exclude(group));
    edge.packets([packet(own, group), packet(own, group), packet(own, group)]);
    expect(edge.ingress.drops.rateLimit).toBe(1);
    edge.assign(any(5));
    expect(edge.flows()).toEqual([5, 5]);
  });
});

describe("flows", () => {
  test("(S,G) goes before (*,G)", () => {
    const edge = new Edge().want(exclude(group));
    edge.assign(any(5), { flow: 6, channels: [{ group, source: own2 }] });
    edge.packets([packet(own, group), packet(own2, group)]);
    expect(edge.flows()).toEqual([5, 6]);
  });

  test("sequences go on when assignments change around a flow", () => {
    const edge = new Edge().want(exclude(group), exclude(group2)).assign(any(5));
    edge.packets([packet(own, group), packet(own, group)]);
    edge.assign(any(9, group2), any(5));
    edge.packets([packet(own, group), packet(own, group2)]);
    expect(edge.sent.map(({ flow, sequence }) => `${flow}:${sequence}`)).toEqual([
      "5:0",
      "5:1",
      "5:2",
      "9:0",
    ]);
  });

  test("a flow that an assignment names twice counts once", () => {
    const edge = new Edge().want(exclude(group), exclude(group2)).assign(any(5), any(5, group2));
    edge.packets([packet(own, group), packet(own, group2)]);
    expect(edge.sent.map(({ sequence }) => sequence)).toEqual([0, 1]);
  });

  test("runs are contiguous: a packet that does not cross ends one", () => {
    const edge = new Edge().want(exclude(group)).assign(any(5));
    const [yes, no] = [packet(own, group), packet(foreign, group)];
    edge.packets([no, yes, yes, no, no, yes, yes, yes]);
    expect(edge.runs).toEqual([2, 3]);
    expect(edge.sent.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4]);
  });

  test("channels show themselves when they are first seen, and again after a change", () => {
    const edge = new Edge().want(exclude(group));
    edge.packets([packet(own, group), packet(own, group), packet(foreign, group)]);
    expect(edge.ingress.hasSeen).toBe(true);
    expect(edge.ingress.takeSeen()).toEqual([{ source: own, group }]);
    edge.packets([packet(own, group)]);
    expect(edge.ingress.takeSeen()).toEqual([]);
    edge.ingress.onRemoteChanged();
    edge.packets([packet(own, group)]);
    expect(edge.ingress.takeSeen()).toEqual([{ source: own, group }]);
  });
});

describe("the hold, until the Manager names a flow", () => {
  const numbered = (i: number): Uint8Array => packet(own, group, 8 + i);

  test("releases in order, and before newer packets", () => {
    const edge = new Edge().want(exclude(group));
    edge.packets([numbered(0), numbered(1)]).packets([numbered(2)]);
    expect(edge.sent).toEqual([]);
    expect(edge.ingress.heldBytes).toBeGreaterThan(0);
    edge.assign(any(5)).packets([numbered(3)]);
    expect(edge.sent.map((sent) => sent.packet)).toEqual([0, 1, 2, 3].map(numbered));
    expect(edge.sent.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3]);
    expect(edge.ingress.heldBytes).toBe(0);
    expect(edge.ingress.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("keeps what still has no flow, and drops what nobody wants any more", () => {
    const edge = new Edge().want(exclude(group), exclude(group2), include(ssm, own));
    edge.packets([packet(own, group), packet(own, group2), packet(own, ssm)]);
    edge.want(exclude(group), exclude(group2)).assign(any(5));
    expect(edge.flows()).toEqual([5]);
    expect(edge.ingress.drops.unwanted).toBe(1);
    edge.assign(any(5), any(6, group2));
    expect(edge.flows()).toEqual([5, 6]);
  });

  test("has a bound in bytes, which is counted", () => {
    const edge = new Edge().want(exclude(group));
    const large = packet(own, group, 65_000);
    const fit = Math.floor(limits.ingressHoldBytes / (large.length + frameHeaderBytes));
    for (let i = 0; i < fit + 3; i++) edge.packets([large]);
    expect(edge.ingress.counters.held).toBe(fit);
    expect(edge.ingress.drops.holdFull).toBe(3);
    edge.assign(any(5));
    expect(edge.sent.length).toBe(fit);
  });

  test("has a bound in time, which is counted", () => {
    const edge = new Edge().want(exclude(group));
    edge.packets([numbered(0)], 100).packets([numbered(1), numbered(2)], 600);
    expect(edge.ingress.nextDeadlineMs()).toBe(100 + limits.ingressHoldMs);
    edge.deadline(99 + limits.ingressHoldMs);
    expect(edge.ingress.drops.holdExpired).toBe(0);
    edge.deadline(100 + limits.ingressHoldMs);
    expect(edge.ingress.drops.holdExpired).toBe(1);
    edge.assign(any(5));
    expect(edge.sent.map((sent) => sent.packet)).toEqual([numbered(1), numbered(2)]);
    expect(edge.ingress.heldBytes).toBe(0);
  });

  test("lets packets go at twice the pace at which they came, the new ones behind them", () => {
    const edge = new Edge().want(exclude(group));
    for (let i = 0; i < 10; i++) edge.packets([numbered(i)], 10 * i);
    edge.deadline(100).assign(any(5));
    expect(edge.sent.length).toBe(1);
    expect(edge.ingress.nextDeadlineMs()).toBe(105);
    edge.deadline(112);
    expect(edge.sent.length).toBe(3);
    // What comes meanwhile waits, until it has caught up.
    edge.packets([numbered(10)], 120);
    expect(edge.sent.length).toBe(5);
    while (edge.ingress.nextDeadlineMs() < 1_000) edge.deadline(edge.ingress.nextDeadlineMs());
    expect(edge.nowMs).toBe(160);
    edge.packets([numbered(11)], 161);
    expect(edge.sent.map((sent) => sent.packet)).toEqual(
      Array.from({ length: 12 }, (_, i) => numbered(i)),
    );
    expect(edge.sent.map(({ sequence }) => sequence)).toEqual([...Array(12).keys()]);
  });

  test("a full hold of small packets ends without a stall", () => {
    const edge = new Edge().want(exclude(group));
    const batch = Array.from({ length: 1_000 }, () => packet(own, group));
    for (let i = 0; i < 100; i++) edge.packets(batch);
    edge.deadline(limits.ingressHoldMs);
    expect(edge.ingress.heldBytes).toBe(0);
    expect(edge.ingress.drops.holdExpired).toBe(100_000);
  });
});

test("every packet is stamped, held or counted once, whatever happens", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const prng = new Prng(seed);
      const edge = new Edge();
      const next = new Map<number, number>();
      let nowMs = 0;
      for (let i = 0; i < 60; i++) {
        nowMs += prng.below(500);
        const wants = [exclude(group), exclude(group2), include(ssm, own)];
        if (prng.below(4) === 0) edge.want(...wants.filter(() => prng.below(3) > 0));
        if (prng.below(4) === 0) {
          edge.assign(...[any(1), any(2, group2), any(3, ssm)].filter(() => prng.below(2) > 0));
        }
        edge.deadline(nowMs);
        const some = Array.from({ length: prng.below(6) }, () =>
          packet(prng.pick([own, own2, foreign]), prng.pick([group, group2, ssm])),
        );
        edge.packets(some, nowMs);
      }
      const { drops, counters } = edge.ingress;
      const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
      const heldNow = edge.ingress.heldBytes / (frameHeaderBytes + 28);
      expect(counters.packets).toBe(edge.sent.length + dropped + heldNow);
      expect(counters.stamped).toBe(edge.sent.length);
      for (const { flow, sequence } of edge.sent) {
        // A flow that left the assignments starts again at 0; while it stays it counts on.
        if (sequence !== 0) expect(sequence).toBe(next.get(flow) as number);
        next.set(flow, sequence + 1);
      }
    }),
    { numRuns: 200 },
  );
});
