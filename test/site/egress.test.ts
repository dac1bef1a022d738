import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { Egress } from "../../src/site/egress.ts";
import { SiteMembership } from "../../src/site/membership.ts";
import { Ownership } from "../../src/site/ownership.ts";
import { Policy } from "../../src/site/policy.ts";
import {
  exclude,
  foreign,
  foreign6,
  framed,
  group,
  group2,
  group6,
  include,
  lanMessage,
  openPolicy,
  own,
  own6,
  packet,
  prefix,
  prefix6,
  rules,
  ssm,
  ssm6,
} from "./site.ts";

const other = address("10.2.0.12");

class Edge {
  readonly membership = new SiteMembership([prefix]);
  readonly egress: Egress;
  /** LAN masks of what was emitted, and the packets. */
  readonly masks: number[] = [];
  readonly packets: Uint8Array[] = [];

  constructor(lans: readonly string[] = ["eth1", "eth2"], policy = openPolicy) {
    const { membership } = this;
    const ownership = new Ownership([prefix, prefix6]);
    this.egress = new Egress({ ownership, policy, membership, lans });
  }

  tell(lan: string, news: Parameters<typeof lanMessage>[0]): this {
    this.membership.onLan({ lan, incarnation: 1 }, lanMessage(news), 0);
    this.egress.onMembersChanged(false);
    return this;
  }

  frames(...packets: Uint8Array[]): this {
    const bytes = framed(packets);
    this.egress.onFrames(bytes, 0, bytes.length, (lans, from, at, length) => {
      this.masks.push(lans);
      this.packets.push(from.slice(at, at + length));
    });
    return this;
  }
}

describe("delivery", () => {
  test("to the LANs with listeners, byte for byte", () => {
    const edge = new Edge()
      .tell("eth1", { wants: [exclude(group)] })
      .tell("eth2", { wants: [exclude(group), exclude(group2)] });
    const some = [packet(foreign, group, 900, 1), packet(other, group2, 0, 255)];
    edge.frames(...some);
    expect(edge.masks).toEqual([0b11, 0b10]);
    expect(edge.packets).toEqual(some);
    expect(edge.egress.counters).toEqual({ packets: 2, bytes: 940, delivered: 2 });
  });

  test("of both families, byte for byte", () => {
    const edge = new Edge()
      .tell("eth1", { wants: [exclude(group6)] })
      .tell("eth2", { wants: [exclude(group), include(ssm6, foreign6)] });
    const some = [packet(foreign6, group6, 900, 1), packet(foreign, group), packet(foreign6, ssm6)];
    edge.frames(...some);
    expect(edge.masks).toEqual([0b01, 0b10, 0b10]);
    expect(edge.packets).toEqual(some);
  });

  test("obeys the site's source filters", () => {
    const edge = new Edge().tell("eth2", { wants: [include(ssm, foreign), exclude(group, other)] });
    edge.frames(packet(foreign, ssm), packet(other, ssm), packet(foreign, group));
    edge.frames(packet(other, group));
    expect(edge.masks).toEqual([0b10, 0b10]);
    expect(edge.egress.drops.noMember).toBe(2);
  });

  test("a leave and a join are obeyed by the next packet", () => {
    const edge = new Edge()
      .tell("eth1", { wants: [exclude(group)] })
      .frames(packet(foreign, group));
    edge.tell("eth2", { wants: [exclude(group)] }).frames(packet(foreign, group));
    edge.tell("eth1", { lapsed: [group] }).frames(packet(foreign, group));
    expect(edge.masks).toEqual([0b01, 0b11, 0b10]);
  });

  test("a LAN by a name that is not ours may be any of ours", () => {
    const edge = new Edge().tell("vlan7", { wants: [exclude(group)] });
    expect(edge.frames(packet(foreign, group)).masks).toEqual([0b11]);
  });

  test("a want that is held after the last leave goes everywhere", () => {
    const edge = new Edge().tell("eth1", { wants: [exclude(group)] });
    edge.tell("eth1", { lapsed: [group] });
    expect(edge.frames(packet(foreign, group)).masks).toEqual([0b11]);
    edge.membership.onDeadline(edge.membership.nextDeadlineMs());
    edge.egress.onMembersChanged(false);
    expect(edge.frames(packet(foreign, group)).masks).toEqual([0b11]);
    expect(edge.egress.drops.noMember).toBe(1);
  });

  test("thirty LANs fit the mask", () => {
    const lans = Array.from({ length: 30 }, (_, i) => `eth${i}`);
    const edge = new Edge(lans).tell("eth29", { wants: [exclude(group)] });
    expect(edge.frames(packet(foreign, group)).masks).toEqual([2 ** 29]);
    edge.egress.onMembersChanged(true);
    expect(edge.frames(packet(foreign, group)).masks).toEqual([2 ** 29, 2 ** 30 - 1]);
  });
});

describe("settling", () => {
  test("every LAN gets what comes, but never the site's own packets", () => {
    const edge = new Edge().frames(packet(foreign, group), packet(own, group));
    expect(edge.masks).toEqual([0b11]);
    expect(edge.egress.drops.ownSource).toBe(1);
    edge.egress.onMembersChanged(false);
    edge.frames(packet(foreign, group));
    expect(edge.egress.drops.noMember).toBe(1);
  });
});

describe("what never comes out", () => {
  const broken = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = packet(foreign, group);
    change(bytes);
    return bytes;
  };
  const from = (source: Address, of = group): Uint8Array => packet(source, of);

  test.each([
    ["ownSource", from(own)],
    ["scope", from(foreign, address("239.255.0.1"))],
    ["scope", from(foreign, address("224.0.0.1"))],
    ["scope", from(foreign, address("10.1.0.5"))],
    ["martian", from(address("127.0.0.1"))],
    ["martian", from(address("169.254.0.1"))],
    ["noMember", from(foreign, group2)],
    ["ownSource", from(own6, group6)],
    ["scope", from(foreign6, address("ff02::1"))],
    ["scope", from(foreign6, address("ff05::1:3"))],
    ["scope", from(foreign6, own6)],
    ["martian", from(address("fe80::1"), group6)],
    ["martian", from(address("::1"), group6)],
    ["noMember", from(foreign6, ssm6)],
    ["notIp", from(foreign6, group6).subarray(0, 39)],
    ["notIp", from(foreign6, group6).subarray(0, 47)],
    ["notIp", Uint8Array.of(...from(foreign6, group6), 0)],
    ["notIp", broken((bytes) => (bytes[0] = 0x65))],
    ["notIp", broken((bytes) => (bytes[0] = 0x44))],
    ["notIp", broken((bytes) => (bytes[11] = ((bytes[11] as number) + 1) & 255))],
    ["notIp", packet(foreign, group).subarray(0, 19)],
    ["notIp", packet(foreign, group).subarray(0, 27)],
    ["notIp", new Uint8Array(0)],
    ["notIp", Uint8Array.of(...packet(foreign, group), 0)],
  ] as const)("%s", (cause, bytes) => {
    const edge = new Edge().tell("eth1", { wants: [exclude(group), exclude(group6)] });
    edge.frames(bytes, packet(foreign, group));
    expect(edge.masks).toEqual([0b01]);
    expect(edge.egress.drops).toEqual({
      notIp: 0,
      scope: 0,
      martian: 0,
      ownSource: 0,
      denied: 0,
      noMember: 0,
      [cause]: 1,
    });
  });
});

describe("the site's policy", () => {
  test("keeps out what it denies, also while settling", () => {
    const policy = new Policy(rules("in", [`deny ${group} from ${other}`, `deny ${group2}`]));
    const edge = new Edge(["eth1"], policy);
    const all = [packet(foreign, group), packet(other, group), packet(foreign, group2)];
    edge.frames(...all);
    edge.tell("eth1", { wants: [exclude(group), exclude(group2)] }).frames(...all);
    expect(edge.packets).toEqual([packet(foreign, group), packet(foreign, group)]);
    expect(edge.egress.drops.denied).toBe(4);
  });

  test("a packet of ours that comes back is named", () => {
    const edge = new Edge().frames(packet(own, group));
    expect(edge.egress.returned.channel).toEqual({ source: own, group });
    expect(edge.egress.returned.site).toBe(0);
  });
});

test("more channels than the table holds are still judged right", () => {
  const edge = new Edge().tell("eth1", { wants: [exclude(group)] });
  for (let i = 0; i < 40_000; i++) {
    const source = address(`10.2.${(i >>> 8) & 255}.${i & 255}`);
    edge.frames(packet(source, i % 2 === 0 ? group : group2, 0));
  }
  expect(edge.egress.counters.delivered).toBe(20_000);
  expect(edge.egress.drops.noMember).toBe(20_000);
});
