import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Entries, EpochFence } from "../../src/flow/entries.ts";
import { limits } from "../../src/limits.ts";
import { entriesHash, type Entry, entryText, type Epoch } from "../../src/wire/plan.ts";

const seed = 0xe27;
const epoch = (term: number, manager = "m"): Epoch => ({ term, manager });
const entry = (flow: number, children: string[] = ["b"]): Entry => ({
  flow,
  ingress: "a",
  children,
  local: false,
});
const install = (...entries: Entry[]) => ({ epoch: epoch(1), install: entries, remove: [] });
const flows = (entries: Entries): number[] => [...entries].map(({ flow }) => flow);

describe("the fence of epochs", () => {
  test("a lower epoch is refused, by term and then by name; an equal one is obeyed", () => {
    const fence = new EpochFence();
    expect(fence.highest).toBeUndefined();
    expect(fence.admits(epoch(2, "b"))).toBe(true);
    for (const low of [epoch(1, "z"), epoch(2, "a")]) expect(fence.admits(low)).toBe(false);
    expect(fence.admits(epoch(2, "b"))).toBe(true);
    expect(fence.admits(epoch(2, "c"))).toBe(true);
    expect(fence.admits(epoch(2, "b"))).toBe(false);
    expect(fence.highest).toEqual(epoch(2, "c"));
  });

  test("a stale plan changes nothing, not even by removing", () => {
    const entries = new Entries();
    entries.change({ ...install(entry(1)), epoch: epoch(5) });
    const stale = { epoch: epoch(4), install: [entry(2)], remove: [1] };
    expect(entries.change(stale)).toBe("stale-epoch");
    expect(flows(entries)).toEqual([1]);
  });
});

describe("all or nothing", () => {
  test("a Flow ID that stands with other content is in use", () => {
    const entries = new Entries();
    entries.change(install(entry(1), entry(2)));
    const change = { ...install(entry(3), entry(1, ["c"])), remove: [2] };
    expect(entries.change(change)).toBe("flow-in-use");
    expect(flows(entries)).toEqual([1, 2]);
    expect(entries.get(1)).toEqual(entry(1));
  });

  test("the same content again is no change, in whatever order its children are", () => {
    const entries = new Entries();
    entries.change(install(entry(1, ["b", "c"])));
    const standing = entries.get(1);
    expect(entries.change(install(entry(1, ["c", "b"])))).toBe("installed");
    expect(entries.get(1)).toBe(standing as Entry);
  });

  test("one flow twice in one change: once if equal, in use if not", () => {
    const entries = new Entries();
    expect(entries.change(install(entry(1), entry(1, ["c"])))).toBe("flow-in-use");
    expect(entries.size).toBe(0);
    expect(entries.change(install(entry(1), entry(1)))).toBe("installed");
    expect(entries.size).toBe(1);
  });

  test("a flow may be removed and installed anew in one change", () => {
    const entries = new Entries();
    entries.change(install(entry(1)));
    expect(entries.change({ ...install(entry(1, ["c"])), remove: [1, 1, 99] })).toBe("installed");
    expect([...entries]).toEqual([entry(1, ["c"])]);
  });
});

test("a full table refuses the change that would overflow it, and counts removals once", () => {
  const entries = new Entries();
  const many = Array.from({ length: limits.entriesMax }, (_, flow) => entry(flow));
  expect(entries.change(install(...many))).toBe("installed");
  const [one, two] = [limits.entriesMax, limits.entriesMax + 1].map((flow) => entry(flow));
  if (!one || !two) throw new Error("no entries");
  expect(entries.change(install(one))).toBe("table-full");
  expect(entries.change({ ...install(one, two), remove: [7, 7, 7] })).toBe("table-full");
  expect(entries.change({ ...install(one, two), remove: [7, limits.entriesMax + 9] })).toBe(
    "table-full",
  );
  expect(entries.size).toBe(limits.entriesMax);
  expect(entries.change({ ...install(one, one), remove: [7] })).toBe("installed");
  expect(entries.change(install(entry(9)))).toBe("installed");
  expect([entries.size, entries.get(7)]).toEqual([limits.entriesMax, undefined]);
});

test("any changes: a model of a map, and a hash that is equal whatever the order", () => {
  const small = fc.record({
    flow: fc.nat({ max: 5 }),
    ingress: fc.constant("a"),
    children: fc.subarray(["b", "c"]),
    local: fc.constant(false),
  });
  const change = fc.record({
    epoch: fc.record({ term: fc.nat({ max: 3 }), manager: fc.constantFrom("m", "n") }),
    install: fc.array(small, { maxLength: 3 }),
    remove: fc.array(fc.nat({ max: 6 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const entries = new Entries();
      let model = new Map<number, Entry>();
      for (const one of changes) {
        const next = new Map(model);
        for (const flow of one.remove) next.delete(flow);
        let clash = false;
        for (const added of one.install) {
          const standing = next.get(added.flow);
          if (standing && entryText(standing) !== entryText(added)) clash = true;
          next.set(added.flow, added);
        }
        const outcome = entries.change(one);
        if (outcome !== "stale-epoch") expect(outcome === "flow-in-use").toBe(clash);
        if (outcome === "installed") model = next;
        expect(new Map([...entries].map((each) => [each.flow, each]))).toEqual(model);
      }
      expect(entries.hash).toBe(entriesHash([...model.values()].reverse()));
    }),
    { seed, numRuns: 500 },
  );
});
