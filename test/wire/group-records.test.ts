import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { fromHex } from "../../src/base/bytes.ts";
import { limits } from "../../src/limits.ts";
import { type ParseRecord, parseGroupRecords } from "../../src/wire/group-records.ts";

const seen: number[] = [];
const group = address("239.1.1.1");
const parse: ParseRecord = (bytes, at) => {
  seen.push(at);
  if (bytes[at] === 9) return "unknown";
  return bytes[at] === 8 ? "refused" : { type: "is-ex", group, sources: [] };
};
const records = (hex: string, addressBytes: 4 | 16 = 4) => {
  const bytes = fromHex(hex);
  seen.length = 0;
  return parseGroupRecords(bytes, 0, bytes.length, addressBytes, parse);
};

test("records follow one another over sources and auxiliary words; odd ones are counted", () => {
  const one = "04 01 0002 ef010101 0a000001 0a000002 ffffffff";
  const report = `22 00 0000 0000 0003 ${one} 09 00 0000 ef010101 08 00 0000 ef010101`;
  expect(records(report)).toMatchObject({ unknownRecords: 1, refusedRecords: 1 });
  expect(seen).toEqual([8, 28, 36]);
});

test("the head of a record is as long as its family's addresses", () => {
  const report = `8f 00 0000 0000 0001 04 00 0000 ${"00".repeat(16)}`;
  expect(records(report, 16)).toMatchObject({ records: [{ type: "is-ex" }] });
  expect(records(report.slice(0, -2), 16)).toBe("record-length");
});

test("what lies about its length spoils the whole report", () => {
  const many = (limits.recordsPerReportMax + 1).toString(16).padStart(4, "0");
  expect(records("22 00 0000 0000 00")).toBe("short");
  expect(records(`22 00 0000 0000 ${many}`)).toBe("record-count");
  expect(records("22 00 0000 0000 0001 04 00 0001 ef010101")).toBe("record-length");
  const sources = "0a000001".repeat(limits.recordsPerReportMax + 1);
  expect(records(`22 00 0000 0000 0001 04 00 ${many} ef010101 ${sources}`)).toBe("source-count");
});
