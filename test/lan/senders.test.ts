import { describe, expect, test } from "bun:test";
import {
  type Address,
  address,
  addressBytes,
  type Family,
  ipv4Of,
} from "../../src/base/address.ts";
import { readU32 } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { type SenderEffect, Senders } from "../../src/lan/senders.ts";
import { limits } from "../../src/limits.ts";

const source = address("198.51.100.1");
const group = address("233.252.0.1");
const [s, g] = [ipv4Of(source), ipv4Of(group)];

/** The eight words of a channel of IPv6. */
const words = (...channel: [Address, Address]): Uint32Array => {
  const bytes = channel.flatMap((one) => [...addressBytes(one)]);
  return Uint32Array.from({ length: 8 }, (_, i) => readU32(Uint8Array.from(bytes), 4 * i));
};

function effectsOf(senders: Senders): SenderEffect[] {
  const all: SenderEffect[] = [];
  for (let effect = senders.takeEffect(); effect; effect = senders.takeEffect()) all.push(effect);
  return all;
}

/** Lets the rolls up to an instant happen, each when it is due. */
function runTo(senders: Senders, nowMs: number): void {
  while (senders.nextDeadlineMs() <= nowMs) senders.onDeadline(senders.nextDeadlineMs());
}

describe("appearing and falling silent", () => {
  test("the first packet makes a sender; 210 s of silence end it", () => {
    const senders = new Senders(1);
    expect(senders.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    senders.onPacket(s, g, 100, 5_000);
    senders.onPacket(s, g, 100, 5_500);
    expect(effectsOf(senders)).toEqual([{ kind: "appeared", source, group }]);
    expect(senders.nextDeadlineMs()).toBe(6_000);
    runTo(senders, 215_000);
    expect(effectsOf(senders)).toEqual([]);
    runTo(senders, 216_000);
    expect(effectsOf(senders)).toEqual([{ kind: "silent", source, group }]);
    expect(senders.senders(216_000)).toEqual([]);
    expect(senders.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("a sender that comes back starts anew", () => {
    const senders = new Senders(1);
    senders.onData(s, g, 1_000, 1_000_000, 0);
    runTo(senders, 300_000);
    senders.onPacket(s, g, 10, 300_000);
    expect(effectsOf(senders).map((effect) => effect.kind)).toEqual([
      "appeared",
      "silent",
      "appeared",
    ]);
    expect(senders.senders(300_000)).toMatchObject([{ sinceMs: 300_000, packets: 1, bytes: 10 }]);
    expect(senders.senders(301_000)).toMatchObject([{ packetsPerSecond: 1, bitsPerSecond: 80 }]);
  });

  test("source and group make the key, in this order", () => {
    const senders = new Senders(1);
    for (const [from, to] of [
      [s, g],
      [g, s],
      [s, g + 1],
      [s + 1, g],
    ] as const) {
      senders.onPacket(from, to, 1, 0);
    }
    expect(senders.size).toBe(4);
  });
});

describe("IPv6", () => {
  const source6 = address("2001:db8::11");
  const group6 = address("ff0e::4321");

  test("appears, is counted and falls silent as IPv4 does", () => {
    const senders = new Senders(1, 6);
    const borrowed = words(source6, group6);
    senders.onPacket6(borrowed, 100, 5_000);
    borrowed.fill(0xa5); // what is kept is a copy
    senders.onPacket6(words(source6, group6), 150, 5_500);
    expect(effectsOf(senders)).toEqual([{ kind: "appeared", source: source6, group: group6 }]);
    expect(senders.senders(5_500)).toMatchObject([
      { source: source6, group: group6, packets: 2, bytes: 250 },
    ]);
    runTo(senders, 217_000);
    expect(effectsOf(senders)).toEqual([{ kind: "silent", source: source6, group: group6 }]);
  });

  test("every word of source and group counts", () => {
    const senders = new Senders(1, 6);
    for (let word = 0; word < 8; word++) {
      const channel = words(source6, group6);
      channel[word] = (channel[word] as number) ^ 1;
      senders.onPacket6(channel, 1, 0);
    }
    expect(senders.size).toBe(8);
  });

  test("a table has senders of one family", () => {
    expect(() => new Senders(1, 6).onPacket(s, g, 1, 0)).toThrow("one family");
    expect(() => new Senders(1, 4).onPacket6(words(source6, group6), 1, 0)).toThrow("one family");
  });
});

describe("rates over the window", () => {
  test("a steady sender shows its rate from the first second to the last", () => {
    const senders = new Senders(1);
    for (let nowMs = 0; nowMs < 30_000; nowMs += 10) {
      runTo(senders, nowMs);
      senders.onPacket(s, g, 1_250, nowMs);
      if (nowMs < 1_000) continue;
      const [sender] = senders.senders(nowMs);
      expect(Math.abs((sender?.packetsPerSecond ?? 0) - 100)).toBeLessThanOrEqual(1);
      expect(Math.abs((sender?.bitsPerSecond ?? 0) - 1e6)).toBeLessThanOrEqual(1e4);
    }
    const sums = { packets: 3_000, bytes: 3_750_000, sinceMs: 0, lastMs: 29_990 };
    expect(senders.senders(30_000)).toMatchObject([{ source, group, ...sums }]);
  });

  test("one packet is not a torrent, and a burst is forgotten after the window", () => {
    const senders = new Senders(1);
    senders.onPacket(s, g, 1_250, 0);
    expect(senders.senders(0)).toMatchObject([{ packetsPerSecond: 1, bitsPerSecond: 10_000 }]);
    runTo(senders, 5_000);
    expect(senders.senders(5_000)).toMatchObject([{ packetsPerSecond: 0.2 }]);
    runTo(senders, limits.senderRateWindowMs + 2_000);
    expect(senders.senders(12_000)).toMatchObject([{ packetsPerSecond: 0, packets: 1 }]);
  });

  test("a late roll changes no rate", () => {
    const senders = new Senders(1);
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 100) {
      senders.onPacket(s, g, 125, nowMs);
      if (nowMs % 7_000 === 0) senders.onDeadline(nowMs);
    }
    const [sender] = senders.senders(60_000);
    expect(sender?.packetsPerSecond).toBeCloseTo(10, 0);
  });
});

describe("caps", () => {
  test("of 100,000 senders those above the cap are refused and the others unharmed", () => {
    const senders = new Senders(7);
    for (let i = 0; i < 100_000; i++) senders.onPacket(s + i, g, 100, 0);
    expect(senders.size).toBe(limits.sendersPerLanMax);
    expect(senders.refusedPackets).toBe(100_000 - limits.sendersPerLanMax);
    for (let i = 0; i < limits.sendersPerLanMax; i++) senders.onPacket(s + i, g, 100, 1_000);
    expect(senders.senders(1_000).every((sender) => sender.packets === 2)).toBe(true);
    expect(effectsOf(senders)).toHaveLength(limits.sendersPerLanMax);
  });

  test("effects that nobody drains stay bounded: every sender that appeared falls silent", () => {
    const senders = new Senders(7);
    let nowMs = 0;
    for (let i = 0; senders.refusedPackets === 0; i++) {
      senders.onPacket(s + i, g, 100, nowMs);
      if (senders.size === limits.sendersPerLanMax) nowMs += limits.senderSilenceMs;
      senders.onDeadline(nowMs);
    }
    runTo(senders, nowMs + 2 * limits.senderSilenceMs);
    const effects = effectsOf(senders);
    const silent = effects.filter((effect) => effect.kind === "silent").length;
    expect(senders.size).toBe(0);
    expect(2 * silent).toBe(effects.length);
    expect(effects.length).toBeLessThanOrEqual(limits.effectsMax);
  });
});

describe("against a map", () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((seed) => [
    [4, seed] as const,
    [6, seed] as const,
  ]);
  test.each(seeds)("IPv%d, seed %d: rows, index and silence agree", (family, seed) => {
    const prng = new Prng(seed);
    const senders = new Senders(prng.u32(), family);
    const model = new Map<string, { packets: number; bytes: number; lastMs: number }>();
    let nowMs = 0;
    for (let i = 0; i < 20_000; i++) {
      const [from, to] = [prng.below(60), prng.below(50)];
      const bytes = 20 + prng.below(1_400);
      const key = `${from} ${to}`;
      const known = model.get(key) ?? { packets: 0, bytes: 0, lastMs: 0 };
      model.set(key, { packets: known.packets + 1, bytes: known.bytes + bytes, lastMs: nowMs });
      if (family === 4) senders.onPacket(s + from, g + to, bytes, nowMs);
      else senders.onPacket6(Uint32Array.of(0, 0, from, s, 0, to, 0, g), bytes, nowMs);
      if (prng.below(100) > 0) continue;
      nowMs += prng.below(15_000);
      senders.onDeadline(nowMs);
      effectsOf(senders);
      if (senders.nextDeadlineMs() !== nowMs + 1_000) continue; // no roll was due
      for (const [old, { lastMs }] of model) {
        if (nowMs - lastMs >= limits.senderSilenceMs) model.delete(old);
      }
    }
    const seen = senders.senders(nowMs).map(({ source: from, group: to, ...rest }) => {
      const { packets, bytes, lastMs } = rest;
      return { key: keyOf(family, from, to), packets, bytes, lastMs };
    });
    const expected = [...model].map(([key, counts]) => ({ key, ...counts }));
    const byKey = (x: { key: string }, y: { key: string }): number => (x.key < y.key ? -1 : 1);
    expect(seen.sort(byKey)).toEqual(expected.sort(byKey));
  });
});

/** The small numbers that the packet was made of. */
function keyOf(family: Family, from: Address, to: Address): string {
  if (family === 4) return `${ipv4Of(from) - s} ${ipv4Of(to) - g}`;
  const channel = words(from, to);
  return `${channel[2]} ${channel[5]}`;
}
