import { describe, expect, test } from "bun:test";
import { address, ipv4Of } from "../../src/base/address.ts";
import { writeU16, writeU32 } from "../../src/base/bytes.ts";
import { limits } from "../../src/limits.ts";
import { Eavesdropper } from "../../src/role/eavesdropper.ts";
import type { MessageOf } from "../../src/wire/message.ts";
import { writeMldReport2 } from "../../src/wire/mld-write.ts";
import { group, group2, group6, own, own6, ssm } from "../site/site.ts";
import { wrap } from "../wire/igmp-packet.ts";
import { effectsOf, FarEnd } from "./far-end.ts";

const options = {
  fabric: "fabric",
  site: "a",
  lan: "eth1",
  incarnation: 3,
  gateway: "192.0.2.1:7801",
  querier: "on",
  routerDiscovery: "off",
  seed: 1,
} as const;

/** An IGMPv3 report with one record (RFC 9776 §4.2). */
function report(type: number, of = group, sources: readonly string[] = []): Uint8Array {
  const message = new Uint8Array(16 + 4 * sources.length);
  message[0] = 0x22;
  writeU16(message, 6, 1);
  message[8] = type;
  writeU16(message, 10, sources.length);
  writeU32(message, 12, ipv4Of(of));
  for (const [i, source] of sources.entries()) {
    writeU32(message, 16 + 4 * i, ipv4Of(address(source)));
  }
  return wrap(message, { source: own, destination: address("224.0.0.22") });
}

class Bench {
  readonly queries: Uint8Array[] = [];
  readonly eavesdropper: Eavesdropper;

  constructor() {
    const send = (bytes: Uint8Array, length: number) => this.queries.push(bytes.slice(0, length));
    this.eavesdropper = new Eavesdropper(options, { ipv4: { address: own, send } }, 0);
  }

  link(nowMs: number): FarEnd {
    const of = { kind: "gateway", name: "a", tag: "gateway" } as const;
    return new FarEnd(this.eavesdropper, 1, of, nowMs);
  }

  hear(bytes: Uint8Array, nowMs: number): this {
    this.eavesdropper.onIgmp(bytes, bytes.length, nowMs);
    return this;
  }

  at(nowMs: number): this {
    while (this.eavesdropper.nextDeadlineMs() <= nowMs) {
      this.eavesdropper.onDeadline(this.eavesdropper.nextDeadlineMs());
    }
    return this;
  }
}

const lanMessages = ({ messages }: FarEnd): MessageOf<"lan">[] =>
  messages.map(({ message }) => message as MessageOf<"lan">);

test("a report's bytes become a message to the Gateway", () => {
  const bench = new Bench();
  const gateway = bench.link(0);
  expect(lanMessages(gateway)).toMatchObject([{ kind: "lan", full: true, wants: [] }]);
  bench.hear(report(4), 10).hear(report(3, ssm, ["10.2.0.1"]), 20);
  gateway.exchange(20);
  expect(lanMessages(gateway).slice(1)).toMatchObject([
    { full: false, wants: [{ group, mode: "exclude", sources: [] }] },
    { full: false, wants: [{ group: ssm, mode: "include", sources: [address("10.2.0.1")] }] },
  ]);
});

test("a leave asks, and lapses when nobody answers", () => {
  const bench = new Bench();
  const gateway = bench.link(0);
  bench.hear(report(4), 10);
  bench.at(50);
  const before = bench.queries.length;
  bench.hear(report(3), 100).at(1_000);
  gateway.exchange(1_000);
  bench.at(2_100);
  expect(bench.queries.length - before).toBe(limits.robustness);
  gateway.exchange(2_100);
  expect(lanMessages(gateway).at(-1)).toMatchObject({ lapsed: [group] });
});

test("IPv6 is heard and told beside IPv4", () => {
  const bench = new Bench().hear(report(4), 0);
  const into = new Uint8Array(1_500);
  const records = [{ type: "to-ex", group: group6, sources: [] }] as const;
  const length = writeMldReport2(into, { source: address("fe80::2"), records });
  bench.eavesdropper.onMld(into, length, 10);
  const channel = Uint32Array.of(0xfd00_0001, 0, 0, 0x11, 0xff18_0000, 0, 0, 0x1234);
  bench.eavesdropper.onData6(channel, 100, 8, 20);
  bench.eavesdropper.onDataRead(20);
  const [snapshot] = lanMessages(bench.link(30));
  expect(snapshot?.wants.map((want) => want.group)).toEqual([group, group6]);
  expect(snapshot?.senders).toMatchObject([{ source: own6, group: group6 }]);
  expect(bench.eavesdropper.status()).toMatchObject({
    mldQuerier: { kind: "off" },
    groups: 2,
    senders: 1,
  });
});

test("what is heard while the Gateway is away is in the snapshot", () => {
  const bench = new Bench().hear(report(4), 0).hear(report(4, group2), 5);
  bench.eavesdropper.onData(ipv4Of(own), ipv4Of(group), 100, 8, 10);
  bench.eavesdropper.onDataRead(10);
  const [snapshot] = lanMessages(bench.link(20));
  expect(snapshot).toMatchObject({ full: true, senders: [{ source: own, group }] });
  expect(snapshot?.wants.map((want) => want.group)).toEqual([group, group2]);
});

test("a snapshot of many groups with many sources comes in messages that fit", () => {
  const bench = new Bench();
  const sources = Array.from(
    { length: limits.sourcesPerGroupMax },
    (_, i) => `198.51.100.${i + 1}`,
  );
  for (let i = 0; i < 500; i++) {
    const of = address(`232.100.${i >>> 8}.${i & 255}`);
    bench.hear(report(3, of, sources), 0);
    bench.eavesdropper.onData(ipv4Of(own), ipv4Of(of), 100, 8, 0);
  }
  bench.eavesdropper.onDataRead(0);
  const messages = lanMessages(bench.link(10));
  expect(messages.filter(({ full }) => full)).toHaveLength(1);
  expect(messages[0]?.full).toBe(true);
  expect(messages.flatMap(({ wants }) => wants)).toHaveLength(500);
  expect(messages.flatMap(({ senders }) => senders)).toHaveLength(500);
});

describe("its connection", () => {
  test("is dialled, and dialled again when it ends", () => {
    const bench = new Bench();
    bench.eavesdropper.onDeadline(0);
    expect(effectsOf(bench.eavesdropper)).toMatchObject([{ kind: "dial", tag: "gateway" }]);
    bench.link(0);
    expect(bench.eavesdropper.gatewayLinked).toBe(true);
    bench.eavesdropper.onClosed(1, 100);
    expect(bench.eavesdropper.gatewayLinked).toBe(false);
    bench.at(100 + 4 * limits.redialMinMs);
    expect(effectsOf(bench.eavesdropper)).toMatchObject([{ kind: "dial" }]);
  });
});

test("what is no IGMP is counted by its fault", () => {
  const bench = new Bench().hear(report(4).subarray(0, 30), 0);
  const { igmpPackets, ...counters } = bench.eavesdropper.counters;
  expect(igmpPackets).toBe(1);
  expect(Object.keys(counters).some((name) => name.startsWith("igmp-fault-"))).toBe(true);
});

test("a snapshot larger than the connection takes at once goes on as it drains", () => {
  const bench = new Bench();
  const sources = Array.from({ length: 40 }, (_, i) => `10.2.0.${i + 1}`);
  const groups = Array.from({ length: 3_000 }, (_, i) => address(`239.192.${i >> 8}.${i & 255}`));
  for (const of of groups) bench.hear(report(3, of, sources), 10);
  const gateway = bench.link(20);
  for (let nowMs = 30; nowMs < 400; nowMs += 10) {
    bench.eavesdropper.onDataRead(nowMs);
    gateway.exchange(nowMs);
  }
  expect(bench.eavesdropper.gatewayLinked).toBe(true);
  const messages = lanMessages(gateway);
  expect(messages.filter(({ full }) => full).length).toBe(1);
  expect(messages.flatMap(({ wants }) => wants.map((want) => want.group))).toEqual(groups);
});
