import { describe, expect, test } from "bun:test";
import { address, ipv4Address } from "../../src/base/address.ts";
import type { RecordOutcome } from "../../src/lan/membership.ts";
import { RecordEvidence } from "../../src/lan/record-evidence.ts";
import { limits } from "../../src/limits.ts";

const group = address("232.1.1.1");
const reporter = address("192.0.2.10");
const record = (outcome: RecordOutcome, from = reporter) =>
  ({ group, reporter: from, version: 2, outcome }) as const;

test("RFC 4607 §3.1 joins without a source in a range of channels, once each look", () => {
  const evidence = new RecordEvidence();
  evidence.onRecord(record("accepted"), 0);
  expect(evidence.ssmWithAsmReport()).toBeUndefined();
  evidence.onRecord(record("ssm-with-asm-report"), 0);
  evidence.onRecord(record("ssm-with-asm-report"), 1);
  expect(evidence.ssmWithAsmReport()).toBe(
    "2 joins without a source in a range of channels; " +
      "the last: 192.0.2.10 for 232.1.1.1 in version 2",
  );
  expect(evidence.ssmWithAsmReport()).toBeUndefined();
});

test("tables that are full, of groups and of sources", () => {
  const evidence = new RecordEvidence();
  for (const outcome of ["table-full", "table-full", "widened", "sources-full"] as const) {
    evidence.onRecord(record(outcome), 0);
  }
  expect(evidence.tooManyGroups()).toBe(
    "2 records of groups above 4096, 2 of sources above 64 in a group; the last from 192.0.2.10",
  );
  expect(evidence.tooManyGroups()).toBeUndefined();
});

describe("storms", () => {
  const most = limits.stormRecordsMax;

  /** That many records from 0 ms on, of which all but 10 come from one host. */
  function after(count: number): RecordEvidence {
    const evidence = new RecordEvidence();
    for (let i = 0; i < count; i++) {
      const from = i < 10 ? address("192.0.2.99") : reporter;
      evidence.onRecord(record("accepted", from), i % 1_000);
    }
    return evidence;
  }

  test("the bound is no storm", () => {
    expect(after(most).storm(1_000)).toBeUndefined();
  });

  test("one above it is, with the hosts that report most", () => {
    const evidence = after(most + 1);
    expect(evidence.storm(999)).toBeUndefined();
    expect(evidence.storm(1_000)).toBe(
      `${most + 1} records in one second, most from 192.0.2.10 (${most - 9}), 192.0.2.99 (10)`,
    );
    expect(evidence.storm(2_000)).toBeUndefined();
  });

  test("a storm of forged hosts is seen too, and named by those that fit", () => {
    const evidence = new RecordEvidence();
    for (let i = 0; i <= most; i++) evidence.onRecord(record("accepted", ipv4Address(i)), 0);
    expect(evidence.storm(1_000)).toContain("0.0.0.2 (1)");
  });

  test("the same over two seconds is none", () => {
    const evidence = new RecordEvidence();
    for (let i = 0; i < 2 * most; i++) evidence.onRecord(record("accepted"), i < most ? 0 : 1_000);
    expect(evidence.storm(9_000)).toBeUndefined();
  });
});
