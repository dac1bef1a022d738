import { describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import {
  RouterDiscovery,
  type RouterDiscoveryEffect,
  type RouterDiscoveryMode,
} from "../../src/lan/router-discovery.ts";
import { limits } from "../../src/limits.ts";

const seeds = Array.from({ length: 50 }, (_, i) => i);

function rig(mode: RouterDiscoveryMode = "on", seed = 1, intervalMs = 20_000, nowMs = 0) {
  const querying = { queryIntervalMs: 125_000, robustness: 2 };
  const options = { mode, intervalMs, querying, prng: new Prng(seed) };
  return { discovery: new RouterDiscovery(options, nowMs), querying };
}

function takeAll(discovery: RouterDiscovery): RouterDiscoveryEffect[] {
  const all: RouterDiscoveryEffect[] = [];
  for (let e = discovery.takeEffect(); e; e = discovery.takeEffect()) all.push(e);
  return all;
}

/** When something is advertised, up to an instant. */
function advertisedUntil(discovery: RouterDiscovery, untilMs: number): number[] {
  const sentMs: number[] = [];
  for (;;) {
    const nowMs = discovery.nextDeadlineMs();
    if (nowMs > untilMs) return sentMs;
    discovery.onDeadline(nowMs);
    for (const { kind } of takeAll(discovery)) if (kind === "advertise") sentMs.push(nowMs);
  }
}

const gaps = (sentMs: readonly number[], startMs: number): number[] =>
  sentMs.map((atMs, i) => atMs - (sentMs[i - 1] ?? startMs));

describe("RFC 4286 §3.1 advertisements", () => {
  test.each(seeds)("seed %d: three within 2 s each, then every 20 s with 2.5 % jitter", (seed) => {
    const { discovery } = rig("on", seed, 20_000, 5_000);
    const [first = [], rest = []] = [gaps(advertisedUntil(discovery, 300_000), 5_000)].flatMap(
      (all) => [all.slice(0, 3), all.slice(3)],
    );
    expect(first).toHaveLength(3);
    expect(first.every((gapMs) => gapMs >= 0 && gapMs <= 2_000)).toBe(true);
    expect(rest.length).toBeGreaterThanOrEqual(13);
    expect(rest.every((gapMs) => gapMs >= 19_500 && gapMs <= 20_500)).toBe(true);
    expect(new Set(rest).size).toBeGreaterThan(1);
  });

  test.each([4_000, 180_000])("§3.1.1 an interval of %d ms", (intervalMs) => {
    const { discovery } = rig("on", 1, intervalMs);
    const [last = 0] = gaps(advertisedUntil(discovery, 5 * intervalMs), 0).slice(-1);
    expect(Math.abs(last - intervalMs)).toBeLessThanOrEqual(0.025 * intervalMs);
  });

  test.each([3_999, 180_001])("§3.1.1 no interval of %d ms", (intervalMs) => {
    expect(() => rig("on", 1, intervalMs)).toThrow("§3.1.1");
  });

  test("§3.2 what is told is the querying of that moment", () => {
    const { discovery, querying } = rig();
    querying.queryIntervalMs = 60_000;
    querying.robustness = 3;
    discovery.onDeadline(discovery.nextDeadlineMs());
    expect(takeAll(discovery)).toEqual([
      { kind: "advertise", intervalMs: 20_000, queryIntervalMs: 60_000, robustness: 3 },
    ]);
  });

  test("effects that nobody takes stay bounded, and the end is among them", () => {
    const { discovery } = rig();
    for (let i = 0; i < 10; i++) discovery.onDeadline(discovery.nextDeadlineMs());
    discovery.onExit();
    expect(takeAll(discovery).map(({ kind }) => kind)).toEqual(["advertise", "terminate"]);
  });
});

describe("RFC 4286 §4 solicitations", () => {
  /** One whose first advertisements are over. */
  function settled(seed: number) {
    const { discovery } = rig("on", seed);
    advertisedUntil(discovery, 6_000);
    return discovery;
  }

  test.each(seeds)("seed %d: an answer within 2 s, then the interval again", (seed) => {
    const discovery = settled(seed);
    discovery.onSolicitation(10_000);
    const [answerMs = 0, nextMs = 0] = advertisedUntil(discovery, 40_000);
    expect(answerMs).toBeGreaterThanOrEqual(10_000);
    expect(answerMs).toBeLessThanOrEqual(12_000);
    expect(Math.abs(nextMs - answerMs - 20_000)).toBeLessThanOrEqual(500);
  });

  test("§3.1.6 a thousand solicitations a second are a few advertisements", () => {
    const discovery = settled(3);
    let sent = 0;
    for (let nowMs = 10_000; nowMs < 20_000; nowMs++) {
      discovery.onSolicitation(nowMs);
      sent += advertisedUntil(discovery, nowMs).length;
    }
    expect(sent).toBeGreaterThanOrEqual(5);
    expect(sent).toBeLessThanOrEqual(30);
  });

  test("one that is due as soon is the answer", () => {
    const discovery = settled(1);
    const dueMs = discovery.nextDeadlineMs();
    discovery.onSolicitation(dueMs - limits.initialAdvertisementIntervalMs);
    expect(discovery.nextDeadlineMs()).toBe(dueMs);
  });
});

describe("states (RFC 4286 §3, §4, §5)", () => {
  test.each([
    ["off", "solicitation", "off", []],
    ["off", "deadline", "off", []],
    ["off", "exit", "off", []],
    ["advertising", "exit", "ended", ["terminate"]],
    ["ended", "solicitation", "ended", []],
    ["ended", "deadline", "ended", []],
    ["ended", "exit", "ended", []],
  ] as const)("%s, %s -> %s", (before, event, after, sent) => {
    const { discovery } = rig(before === "off" ? "off" : "on");
    if (before === "ended") discovery.onExit();
    takeAll(discovery);
    expect(discovery.state.kind).toBe(before);
    if (event === "solicitation") discovery.onSolicitation(1_000_000);
    if (event === "deadline") discovery.onDeadline(1_000_000);
    if (event === "exit") discovery.onExit();
    expect(discovery.state.kind).toBe(after);
    expect(takeAll(discovery).map(({ kind }) => kind)).toEqual([...sent]);
    expect(discovery.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });
});
