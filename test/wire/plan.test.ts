import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address } from "../../src/base/address.ts";
import {
  assignmentsHash,
  channelText,
  compareEpochs,
  entriesHash,
  type Entry,
  entryText,
} from "../../src/wire/plan.ts";

const seed = 0x91a4;
const a: Entry = { flow: 1, ingress: "a", children: ["c", "b"], local: false };
const b: Entry = { flow: 2, ingress: "a", parent: "a", children: [], local: true };

describe("epochs", () => {
  const epoch = fc.record({
    term: fc.nat({ max: 3 }),
    manager: fc.constantFrom("a", "b", "B", "ä", ""),
  });

  test("are ordered by term, then by name", () => {
    const ordered = [
      { term: 1, manager: "b" },
      { term: 2, manager: "a" },
      { term: 2, manager: "b" },
      { term: 10, manager: "a" },
    ];
    expect(ordered.toReversed().sort(compareEpochs)).toEqual(ordered);
  });

  test("tie only when they are the same, and the order is total", () => {
    fc.assert(
      fc.property(epoch, epoch, epoch, (x, y, z) => {
        const same = x.term === y.term && x.manager === y.manager;
        expect(compareEpochs(x, y) === 0).toBe(same);
        expect(Math.sign(compareEpochs(x, y))).toBe(-Math.sign(compareEpochs(y, x)) + 0);
        if (compareEpochs(x, y) <= 0 && compareEpochs(y, z) <= 0) {
          expect(compareEpochs(x, z)).toBeLessThanOrEqual(0);
        }
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe("fingerprints", () => {
  test("are frozen, since two versions of FastCast compare them", () => {
    expect(entryText(a)).toBe('[1,"a",null,["b","c"],false]');
    expect(entryText(b)).toBe('[2,"a","a",[],true]');
    expect(entriesHash([])).toBe("811c9dc5");
    expect(entriesHash([a, b])).toBe("95f70534");
    const group = address("233.252.0.1");
    const source = address("192.0.2.1");
    expect(channelText({ group })).toBe("* 233.252.0.1");
    expect(channelText({ group, source })).toBe("192.0.2.1 233.252.0.1");
    expect(assignmentsHash([{ flow: 7, channels: [{ group }, { group, source }] }])).toBe(
      "cb35b2a7",
    );
  });

  test("do not see the order of entries and children, and see every other change", () => {
    expect(entriesHash([b, { ...a, children: ["b", "c"] }])).toBe(entriesHash([a, b]));
    const changed: Entry[] = [
      { ...a, flow: 3 },
      { ...a, ingress: "b" },
      { ...a, parent: "a" },
      { ...a, children: ["b"] },
      { ...a, local: true },
    ];
    const hashes = changed.map((entry) => entriesHash([entry, b]));
    expect(new Set([...hashes, entriesHash([a, b])]).size).toBe(6);
    expect(entriesHash([{ ...a, parent: undefined }, b])).toBe(entriesHash([a, b]));
  });

  test("of assignments do not see the order of flows and channels", () => {
    const [one, two] = ["233.252.0.1", "233.252.0.2"].map((group) => ({ group: address(group) }));
    if (!one || !two) throw new Error("no groups");
    const left = [
      { flow: 1, channels: [one, two] },
      { flow: 2, channels: [] },
    ];
    const right = [
      { flow: 2, channels: [] },
      { flow: 1, channels: [two, one] },
    ];
    expect(assignmentsHash(left)).toBe(assignmentsHash(right));
    expect(assignmentsHash([{ flow: 1, channels: [one] }])).not.toBe(assignmentsHash(left));
  });

  test("leave what they read as it was", () => {
    const frozen = Object.freeze({ ...a, children: Object.freeze(["z", "b"]) });
    entriesHash(Object.freeze([frozen]));
    expect(frozen.children).toEqual(["z", "b"]);
  });
});
