/**
 * The group records of IGMPv3 and MLDv2 reports, which differ in the length of an address only:
 * behind a head of eight bytes with their number, each with type, auxiliary words, number of
 * sources, group and sources (RFC 9776 §4.2, RFC 9777 §5.2).
 */
import { readU16, readU8 } from "../base/bytes.ts";
import { limits } from "../limits.ts";
import type { GroupRecord } from "./membership-message.ts";

const at = { recordCount: 6, records: 8 } as const;
const inRecord = { auxiliaryWords: 1, sourceCount: 2, group: 4 } as const;

export type GroupRecords = {
  readonly kind: "report3";
  readonly records: readonly GroupRecord[];
  readonly unknownRecords: number;
  readonly refusedRecords: number;
};

export type GroupRecordsFault = "short" | "record-count" | "record-length" | "source-count";

/** What a family makes of one record, whose length is checked. */
export type ParseRecord = (bytes: Uint8Array, at: number) => GroupRecord | "unknown" | "refused";

/**
 * The records of the report in `bytes[from, end)`. One that lies about its length spoils the whole
 * report; one that is odd, only itself. `addressBytes` is 4 or 16.
 */
export function parseGroupRecords(
  bytes: Uint8Array,
  from: number,
  end: number,
  addressBytes: 4 | 16,
  parseRecord: ParseRecord,
): GroupRecords | GroupRecordsFault {
  if (end - from < at.records) return "short";
  const recordCount = readU16(bytes, from + at.recordCount);
  if (recordCount > limits.recordsPerReportMax) return "record-count";
  const headBytes = inRecord.group + addressBytes;
  const records: GroupRecord[] = [];
  let unknownRecords = 0;
  let refusedRecords = 0;
  let next = from + at.records;
  for (let i = 0; i < recordCount; i++) {
    if (end - next < headBytes) return "record-length";
    const sourceCount = readU16(bytes, next + inRecord.sourceCount);
    const auxiliaryBytes = 4 * readU8(bytes, next + inRecord.auxiliaryWords);
    const recordBytes = headBytes + addressBytes * sourceCount + auxiliaryBytes;
    if (recordBytes > end - next) return "record-length";
    if (sourceCount > limits.recordsPerReportMax) return "source-count";
    const record = parseRecord(bytes, next);
    if (record === "unknown") unknownRecords++;
    else if (record === "refused") refusedRecords++;
    else records.push(record);
    next += recordBytes;
  }
  return { kind: "report3", records, unknownRecords, refusedRecords };
}
