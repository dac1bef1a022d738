import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ControlInformation } from "../../src/almrp/almrp.ts";
import type { AlmrpName } from "../../src/almrp/protocols.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Demand } from "../../src/plan/demand.ts";
import { assignmentOf, entriesOf, type Flow, FlowBook } from "../../src/plan/flows.ts";
import type { Entry } from "../../src/wire/plan.ts";
import { group, group2, own, ssm } from "../site/site.ts";

const unknown: ControlInformation = { rttMs: new Map() };

const demand = (
  ingress: string,
  receivers: readonly string[],
  fields: Partial<Demand> = {},
): Demand => ({
  application: undefined,
  almrp: "star",
  ingress,
  channel: { group },
  receivers,
  ...fields,
});

function rtts(prng: Prng, sites: readonly string[], known: number): ControlInformation {
  const rttMs = new Map<string, Map<string, number>>();
  for (const a of sites) {
    const row = new Map<string, number>();
    for (const b of sites) if (a !== b && prng.fraction() < known) row.set(b, prng.below(200));
    rttMs.set(a, row);
  }
  return { rttMs };
}

/** Walks a flow's entries as a packet would, and answers how often each site was delivered to. */
function deliveries(entries: ReadonlyMap<string, Entry>, ingress: string): Map<string, number> {
  const delivered = new Map<string, number>();
  const way: { site: string; from: string | undefined }[] = [{ site: ingress, from: undefined }];
  for (const { site, from } of way) {
    const entry = entries.get(site) as Entry;
    expect(entry.parent).toBe(from);
    if (entry.local) delivered.set(site, (delivered.get(site) ?? 0) + 1);
    for (const child of entry.children) way.push({ site: child, from: site });
    expect(way.length).toBeLessThanOrEqual(entries.size);
  }
  expect(way.length).toBe(entries.size);
  return delivered;
}

describe("sharing", () => {
  test("demands with the same ALMRP, ingress and receivers share one flow", () => {
    const book = new FlowBook([], 1);
    const { flows } = book.plan(
      [
        demand("a", ["b", "c"]),
        demand("a", ["b", "c"], { channel: { group: group2 } }),
        demand("a", ["b", "c"], { channel: { group: ssm, source: own }, almrp: "mst" }),
        demand("b", ["a", "c"]),
        demand("a", ["b"], { channel: { group, source: own } }),
      ],
      unknown,
    );
    expect(flows.map(assignmentOf)).toEqual([
      { flow: 1, channels: [{ group }, { group: group2 }] },
      { flow: 2, channels: [{ group: ssm, source: own }] },
      { flow: 3, channels: [{ group }] },
      { flow: 4, channels: [{ group, source: own }] },
    ]);
  });
});

describe("versions", () => {
  test("what does not change keeps its Flow ID; what comes back has a new one", () => {
    const book = new FlowBook([], 1);
    const flowIds = (...demands: Demand[]): number[] =>
      book.plan(demands, unknown).flows.map(({ flow }) => flow.flow);
    expect(flowIds(demand("a", ["b"]))).toEqual([1]);
    expect(flowIds(demand("b", ["a"]), demand("a", ["b"]))).toEqual([2, 1]);
    expect(flowIds(demand("b", ["a"]))).toEqual([2]);
    expect(flowIds(demand("a", ["b"]))).toEqual([3]);
    expect(book.nextFlow).toBe(4);
  });

  test("a tree that a new RTT changes is a new version under a new Flow ID", () => {
    const book = new FlowBook([], 1);
    const all = [demand("a", ["b", "c", "d"], { almrp: "mst" })];
    const [first] = book.plan(all, unknown).flows;
    const line: [string, string, number][] = [
      ["a", "d", 1],
      ["d", "c", 1],
      ["c", "b", 1],
      ["a", "b", 90],
      ["a", "c", 90],
      ["b", "d", 90],
    ];
    const rttMs = new Map<string, Map<string, number>>();
    for (const [a, b, ms] of line) {
      rttMs.set(a, (rttMs.get(a) ?? new Map<string, number>()).set(b, ms));
    }
    const [second] = book.plan(all, { rttMs }).flows;
    expect(first?.flow).toMatchObject({ flow: 1, version: 1 });
    expect(second?.flow).toMatchObject({ flow: 2, version: 2, exceptions: 0 });
    expect(Object.fromEntries(second?.flow.parents ?? [])).toEqual({ b: "c", c: "d", d: "a" });
    expect(book.plan(all, { rttMs }).flows[0]?.flow).toBe(second?.flow as Flow);
  });

  test("a tree without exceptions stays, whatever RTTs do", () => {
    const book = new FlowBook([], 1);
    const sites = ["a", "b", "c", "d", "e"];
    const all = [demand("a", sites.slice(1), { almrp: "mst" })];
    const first = book.plan(all, rtts(new Prng(1), sites, 1)).flows;
    expect(book.plan(all, rtts(new Prng(2), sites, 1)).flows).toEqual(first);
  });
});

const names = ["a", "b", "c", "d", "e", "f", "g"];
const anyDemand = fc
  .record({
    ingress: fc.constantFrom(...names),
    receivers: fc.subarray(names, { minLength: 1 }),
    almrp: fc.constantFrom<AlmrpName>("star", "mst"),
  })
  .map(({ ingress, receivers, almrp }) =>
    demand(
      ingress,
      receivers.filter((site) => site !== ingress),
      { almrp },
    ),
  )
  .filter(({ receivers }) => receivers.length > 0);
const rounds = fc.array(fc.array(anyDemand, { maxLength: 6 }), { minLength: 1, maxLength: 5 });

test("entries form trees: each receiver once, parents agree, never back to the ingress", () => {
  fc.assert(
    fc.property(rounds, fc.nat(), fc.constantFrom(0, 0.5, 1), (all, seed, known) => {
      const prng = new Prng(seed);
      const book = new FlowBook([], 1);
      for (const wanted of all) {
        const { flows, unplanned } = book.plan(wanted, rtts(prng, names, known));
        expect(unplanned).toEqual([]);
        expect(new Set(flows.map(({ flow }) => flow.flow)).size).toBe(flows.length);
        for (const { flow } of flows) {
          const entries = entriesOf(flow);
          const delivered = deliveries(entries, flow.ingress);
          expect([...delivered.keys()].sort()).toEqual([...flow.receivers]);
          expect([...delivered.values()].every((times) => times === 1)).toBe(true);
          for (const { children } of entries.values()) {
            expect(children).not.toContain(flow.ingress);
          }
        }
        const channels = flows.reduce((sum, planned) => sum + planned.channels.length, 0);
        expect(channels).toBe(wanted.length);
      }
    }),
    { numRuns: 150 },
  );
});

test("the same demands give the same flows after a restart from what was stored", () => {
  fc.assert(
    fc.property(rounds, fc.nat(), fc.constantFrom(0, 0.5, 1), (all, seed, known) => {
      const book = new FlowBook([], 1);
      const control = rtts(new Prng(seed), names, known);
      for (const wanted of all) book.plan(wanted, control);
      const last = all.at(-1) as Demand[];
      const before = book.plan(last, control).flows;
      const stored = [...book.flows];
      const again = new FlowBook(stored, book.nextFlow);
      expect(again.plan(last, control).flows).toEqual(before);
      expect(again.nextFlow).toBe(book.nextFlow);
      // Terms before: no Flow ID is given out twice for another tree.
      const [old] = new FlowBook([], book.nextFlow).plan(last, control).flows;
      if (old) expect(old.flow.flow).toBeGreaterThanOrEqual(book.nextFlow);
    }),
    { numRuns: 100 },
  );
});
