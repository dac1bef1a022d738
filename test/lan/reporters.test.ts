import { describe, expect, test } from "bun:test";
import { type Address, address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import type { RecordType } from "../../src/lan/group-state.ts";
import type { IgmpVersion } from "../../src/lan/membership.ts";
import { Reporters } from "../../src/lan/reporters.ts";
import { limits } from "../../src/limits.ts";

const group = address("233.252.0.1");
const host = address("192.0.2.10");
const sourcesOf = (letters: string): Address[] =>
  [...letters].map((letter) => address(`198.51.100.${letter.charCodeAt(0)}`));

/** Reporters after one host's records, written `type letters`. */
function after(records: readonly string[], version: IgmpVersion = 3, reporter = host): Reporters {
  const reporters = new Reporters();
  for (const [lastMs, text] of records.entries()) {
    const [type = "", letters = ""] = text.split(" ");
    const record = { type: type as RecordType, group, sources: sourcesOf(letters) };
    reporters.onRecord(record, { reporter, version, lastMs }, -1);
  }
  return reporters;
}

const manyLetters = "abcdefghi";

describe("RFC 9776 §4.2.13 what one host's records say of its leaving", () => {
  test.each([
    [["is-ex"], false],
    [["is-ex", "to-in"], true],
    [["to-ex a", "block b"], false],
    [["to-ex", "is-in a", "block a"], false], // §5.2: it answered in EXCLUDE
    [["to-ex", "allow a", "block a"], false],
    [["to-ex", "to-in a", "block a"], true],
    [["allow a"], false],
    [["allow a", "block a"], true],
    [["allow a", "allow b", "block a"], false],
    [["allow ab", "block ab"], true],
    [["is-in ab", "to-in"], true],
    [["block a"], false], // a listener that we had not seen
    [["block a", "to-in"], true],
    [[`allow ${manyLetters}`, `block ${manyLetters}`], false], // too many to follow
    [[`allow ${manyLetters}`, "to-in"], true],
  ])("%j: left %p", (records, haveLeft) => {
    expect(manyLetters.length).toBeGreaterThan(limits.sourcesPerReporterMax);
    const reporters = after(records);
    expect(reporters.haveLeft).toBe(haveLeft);
    expect(reporters.list()).toHaveLength(haveLeft ? 0 : 1);
  });
});

describe("when a list is not complete, nobody is known to be the last", () => {
  test("RFC 2236 §3: hosts of version 2 hide behind one another", () => {
    expect(after(["is-ex", "to-in"], 2).haveLeft).toBe(false);
    expect(after(["is-ex", "to-in"], 2).list()).toEqual([]);
  });

  test("RFC 9776 §4.2.14: many hosts may report as 0.0.0.0", () => {
    expect(after(["to-ex", "to-in"], 3, address("0.0.0.0")).haveLeft).toBe(false);
  });

  test("a host above the cap pushed another one out", () => {
    const reporters = new Reporters();
    const all = Array.from({ length: limits.reportersPerGroupMax + 1 }, (_, i) =>
      ipv4Address(ipv4Of(host) + i),
    );
    for (const type of ["to-ex", "to-in"] as const) {
      for (const reporter of all) {
        reporters.onRecord({ type, group, sources: [] }, { reporter, version: 3, lastMs: 0 }, -1);
        expect(reporters.list().length).toBeLessThanOrEqual(limits.reportersPerGroupMax);
      }
    }
    expect(reporters.list()).toEqual([]);
    expect(reporters.haveLeft).toBe(false);
  });
});

test("since and last; those that are silent too long are forgotten", () => {
  const reporters = after(["to-ex", "is-ex"]);
  expect(reporters.list()).toEqual([{ reporter: host, version: 3, sinceMs: 0, lastMs: 1 }]);
  const reporter = address("192.0.2.11");
  const record = { type: "is-ex", group, sources: [] } as const;
  reporters.onRecord(record, { reporter, version: 3, lastMs: 300_000 }, 1);
  expect(reporters.list()).toEqual([{ reporter, version: 3, sinceMs: 300_000, lastMs: 300_000 }]);
});
