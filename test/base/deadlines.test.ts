import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Deadlines } from "../../src/base/deadlines.ts";

describe("Deadlines", () => {
  test("empty: nothing is next", () => {
    const deadlines = new Deadlines<string>();
    expect(deadlines.nextMs()).toBe(Number.POSITIVE_INFINITY);
    expect(deadlines.takeOneDue(Number.MAX_VALUE)).toBeUndefined();
    expect([...deadlines.takeDue(Number.MAX_VALUE)]).toEqual([]);
    expect(deadlines.delete("a")).toBe(false);
  });

  test("a deadline is due at its instant, not before", () => {
    const deadlines = new Deadlines<string>();
    deadlines.set("a", 10);
    expect(deadlines.takeOneDue(9.999)).toBeUndefined();
    expect(deadlines.takeOneDue(10)).toBe("a");
    expect(deadlines.size).toBe(0);
  });

  test("equal instants come out in the order of their keys' first setting", () => {
    const deadlines = new Deadlines<string>();
    for (const key of ["c", "a", "b"]) deadlines.set(key, 5);
    deadlines.set("c", 1);
    deadlines.set("c", 5);
    expect([...deadlines.takeDue(5)]).toEqual(["c", "a", "b"]);
  });

  test("keys may be set and deleted while due ones are taken", () => {
    const deadlines = new Deadlines<string>();
    for (const key of ["a", "b", "c"]) deadlines.set(key, 1);
    const taken: string[] = [];
    for (const key of deadlines.takeDue(1)) {
      taken.push(key);
      if (key === "a") {
        deadlines.delete("b");
        deadlines.set("a", 2);
      }
    }
    expect(taken).toEqual(["a", "c"]);
    expect([...deadlines.keys()]).toEqual(["a"]);
  });

  test("no instant is refused but NaN", () => {
    const deadlines = new Deadlines<string>();
    expect(() => deadlines.set("a", Number.NaN)).toThrow("must be a number");
    deadlines.set("a", Number.POSITIVE_INFINITY);
    expect(deadlines.nextMs()).toBe(Number.POSITIVE_INFINITY);
    expect(deadlines.takeOneDue(Number.MAX_VALUE)).toBeUndefined();
    deadlines.clear();
    expect(deadlines.has("a")).toBe(false);
  });
});

/** The model: an array in the order of first setting, sorted by instant (sorting is stable). */
class Model {
  items: { key: number; atMs: number }[] = [];

  set(key: number, atMs: number): void {
    const item = this.items.find((some) => some.key === key);
    if (item) item.atMs = atMs;
    else this.items.push({ key, atMs });
  }

  delete(key: number): boolean {
    const before = this.items.length;
    this.items = this.items.filter((item) => item.key !== key);
    return this.items.length < before;
  }

  sorted(): { key: number; atMs: number }[] {
    return this.items.toSorted((a, b) => a.atMs - b.atMs);
  }

  takeDue(nowMs: number, most: number): number[] {
    const due = this.sorted().filter((item) => item.atMs <= nowMs);
    const taken = due.slice(0, most).map((item) => item.key);
    for (const key of taken) this.delete(key);
    return taken;
  }
}

const key = fc.integer({ min: 0, max: 30 });
const atMs = fc.integer({ min: 0, max: 12 });
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), key, atMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take one" as const), atMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take due" as const), atMs }) },
);

test("any operations leave it as a sorted array would be", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: "max" }), (operations) => {
      const deadlines = new Deadlines<number>();
      const model = new Model();
      for (const step of operations) {
        if (step.kind === "set") {
          deadlines.set(step.key, step.atMs);
          model.set(step.key, step.atMs);
        } else if (step.kind === "delete") {
          expect(deadlines.delete(step.key)).toBe(model.delete(step.key));
        } else if (step.kind === "take one") {
          expect(deadlines.takeOneDue(step.atMs)).toBe(model.takeDue(step.atMs, 1)[0]);
        } else {
          const due = model.takeDue(step.atMs, Number.POSITIVE_INFINITY);
          expect([...deadlines.takeDue(step.atMs)]).toEqual(due);
        }
        expect(deadlines.size).toBe(model.items.length);
        expect(deadlines.nextMs()).toBe(model.sorted()[0]?.atMs ?? Number.POSITIVE_INFINITY);
      }
      for (const item of model.items) expect(deadlines.get(item.key)).toBe(item.atMs);
      expect([...deadlines.takeDue(99)]).toEqual(model.sorted().map((item) => item.key));
    }),
    { numRuns: 300 },
  );
});
