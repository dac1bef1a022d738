import { describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { Neighbours } from "../../src/flow/neighbours.ts";
import { limits } from "../../src/limits.ts";

const [first, second, third] = ["192.0.2.1:7800", "192.0.2.2:7800", "192.0.2.3:7800"] as const;
const of = (contacts: string[], seed = 1) => new Neighbours("own", contacts, new Prng(seed), 0);

/** Dials what is due until `untilMs`, each ending at once as `end` says; answers the times. */
function dials(
  neighbours: Neighbours,
  fromMs: number,
  untilMs: number,
  end: (endpoint: string, nowMs: number) => void,
): number[] {
  const times: number[] = [];
  for (;;) {
    const nowMs = Math.max(fromMs, neighbours.nextDeadlineMs());
    if (nowMs > untilMs) return times;
    const endpoint = neighbours.takeDue(nowMs);
    if (endpoint === undefined) throw new Error("a deadline with nothing due");
    times.push(nowMs);
    if (times.length > 10_000) throw new Error("dials never end");
    end(endpoint, nowMs);
  }
}

describe("the delay", () => {
  test("doubles with jitter from 200 ms to 5 s", () => {
    for (let seed = 0; seed < 200; seed++) {
      const neighbours = of([first], seed);
      const times = dials(neighbours, 0, 60_000, (at, nowMs) => neighbours.onDialFailed(at, nowMs));
      expect(times[0]).toBeLessThan(limits.redialMinMs);
      let mean: number = limits.redialMinMs;
      for (let i = 1; i < times.length; i++) {
        const delay = (times[i] as number) - (times[i - 1] as number);
        expect(delay).toBeGreaterThanOrEqual(mean * 0.5 - 1e-6);
        expect(delay).toBeLessThan(mean * 1.5 + 1e-6);
        mean = Math.min(mean * 2, limits.redialMaxMs);
      }
    }
  });

  test("is short again only after a link that stood for a while", () => {
    const neighbours = of([first]);
    let linkMs = 10;
    const link = (endpoint: string, nowMs: number): void => {
      neighbours.onLinked("a", endpoint, nowMs);
      neighbours.onUnlinked("a", nowMs + linkMs);
    };
    const flapping = dials(neighbours, 0, 60_000, link);
    expect(flapping.length).toBeLessThan(30);
    linkMs = limits.redialMaxMs;
    const [lastMs = 0] = dials(neighbours, 60_000, 70_000, link);
    expect(neighbours.nextDeadlineMs()).toBeLessThan(lastMs + linkMs + 1.5 * limits.redialMaxMs);
    const before = neighbours.nextDeadlineMs();
    neighbours.takeDue(before);
    link(first, before);
    expect(neighbours.nextDeadlineMs() - before - linkMs).toBeLessThan(1.5 * limits.redialMinMs);
  });
});

describe("a linked site", () => {
  test("is not dialled at any of its endpoints, whoever opened the link", () => {
    const neighbours = of([]);
    neighbours.onSites([{ site: "a", endpoint: first }], 0);
    neighbours.onLinked("a", undefined, 0);
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    neighbours.onSites(
      [first, second].map((endpoint) => ({ site: "a", endpoint })),
      1,
    );
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    neighbours.onUnlinked("a", 2);
    expect(neighbours.nextDeadlineMs()).toBeLessThan(2 + 1.5 * limits.redialMinMs);
    expect(dials(neighbours, 2, 1_000, () => {}).length).toBe(2);
  });

  test("is known when its row comes after its link", () => {
    const neighbours = of([]);
    neighbours.onLinked("a", undefined, 0);
    neighbours.onSites([{ site: "a", endpoint: first }], 1);
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("that a contact led to keeps its contact, even while a row names it", () => {
    const neighbours = of([first]);
    dials(neighbours, 0, 1_000, (endpoint, nowMs) => neighbours.onLinked("a", endpoint, nowMs));
    neighbours.onSites([{ site: "a", endpoint: first }], 2_000);
    neighbours.onSites([], 2_001);
    neighbours.onUnlinked("a", 9_000);
    expect(dials(neighbours, 9_000, 20_000, () => {}).length).toBe(1);
  });

  test("whose endpoint becomes another site's: the other is dialled", () => {
    const neighbours = of([]);
    neighbours.onSites([{ site: "a", endpoint: first }], 0);
    neighbours.onLinked("a", undefined, 0);
    neighbours.onSites([{ site: "b", endpoint: first }], 1);
    expect(dials(neighbours, 1, 1_000, () => {}).length).toBe(1);
    neighbours.onLinked("b", first, 1_000);
    neighbours.onUnlinked("a", 1_001);
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("a dial that fails after its site was linked otherwise is not repeated", () => {
    const neighbours = of([]);
    neighbours.onSites([{ site: "a", endpoint: first }], 0);
    dials(neighbours, 0, 1_000, () => {});
    neighbours.onLinked("a", undefined, 1_000);
    neighbours.onDialFailed(first, 1_100);
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the own site", () => {
  test("is not dialled when a row names it, and never again once a dial met it", () => {
    const neighbours = of([first]);
    neighbours.onSites([{ site: "own", endpoint: second }], 0);
    const times = dials(neighbours, 0, 60_000, (at, nowMs) =>
      neighbours.onDialFailed(at, nowMs, true),
    );
    expect(times.length).toBe(1);
    neighbours.onSites([{ site: "a", endpoint: first }], 60_000);
    expect(neighbours.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("endpoints that vanish", () => {
  const sites = [first, second].map((endpoint, i) => ({ site: `s${i}`, endpoint }));

  test("while they wait are forgotten at once", () => {
    const neighbours = of([third]);
    neighbours.onSites(sites, 0);
    neighbours.onSites([], 1);
    expect(neighbours.size).toBe(1);
  });

  test("while they are dialled are forgotten when the dial fails", () => {
    const neighbours = of([]);
    neighbours.onSites(sites, 0);
    dials(neighbours, 0, 1_000, () => {});
    neighbours.onSites([], 1_000);
    expect(neighbours.size).toBe(2);
    for (const { endpoint } of sites) neighbours.onDialFailed(endpoint, 1_001);
    expect(neighbours.size).toBe(0);
  });

  test("while they are linked are not dialled when the link ends", () => {
    const neighbours = of([]);
    neighbours.onSites(sites, 0);
    dials(neighbours, 0, 1_000, (at, nowMs) =>
      neighbours.onLinked(at === first ? "s0" : "s1", at, nowMs),
    );
    neighbours.onSites([], 1_000);
    for (const site of ["s0", "s1"]) neighbours.onUnlinked(site, 2_000);
    expect([neighbours.size, neighbours.nextDeadlineMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  test("and come back are dialled again", () => {
    const neighbours = of([]);
    for (let i = 0; i < 10; i++) neighbours.onSites(i % 2 === 0 ? sites : [], i);
    neighbours.onSites(sites, 10);
    expect(dials(neighbours, 10, 1_000, () => {}).length).toBe(2);
  });
});

test("the table is bounded, and so are the dials of a full one", () => {
  const neighbours = of([first]);
  const sites = Array.from({ length: limits.sitesMax }, (_, i) => ({
    site: `s${i}`,
    endpoint: `198.51.100.1:${i + 1}`,
  }));
  for (let i = 0; i < 3; i++) neighbours.onSites(sites, i);
  expect(neighbours.size).toBe(limits.linksMax);
  const times = dials(neighbours, 3, 1_000, () => {});
  expect(times.length).toBe(limits.linksMax);
});
