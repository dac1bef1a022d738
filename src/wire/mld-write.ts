/**
 * Writes whole IPv6 packets with MLD messages (RFC 2710 §3, RFC 9777 §5) into a caller's buffer:
 * hop limit 1, link-local source, Router Alert. The layouts are drawn in `mld.ts`.
 */
import type { Address } from "../base/address.ts";
import { address } from "../base/address.ts";
import { assert, unreachable } from "../base/assert.ts";
import { writeU16 } from "../base/bytes.ts";
import { encodeFloatCode, recordTypes, suppressBit } from "./igmp.ts";
import { ipv6AddressBytes, openIcmp6Packet, sealIcmp6Packet, writeIpv6Address } from "./ipv6.ts";
import type { GroupRecord } from "./membership-message.ts";
import {
  allNodes,
  encodeFloatCode16,
  mldField,
  mldRecordField,
  mldType,
  plainMldBytes,
} from "./mld.ts";

const allRouters = address("ff02::2");
const allReportRouters = address("ff02::16");

export type MldQueryFields = {
  readonly source: Address;
  /** Undefined for a general query. */
  readonly group: Address | undefined;
  readonly maxResponseMs: number;
} & (
  | { readonly version: 1 }
  | {
      readonly version: 2;
      readonly suppress: boolean;
      readonly robustness: number;
      readonly queryIntervalMs: number;
      readonly sources: readonly Address[];
    }
);

/**
 * Writes a query packet at the start of `into` and returns its length in bytes. Times are rounded
 * down to what their codes can say; a robustness above 7 is written as 0 (RFC 9777 §5.1.8).
 */
export function writeMldQuery(into: Uint8Array, query: MldQueryFields): number {
  const destination = query.group ?? allNodes;
  const sources = query.version === 2 ? query.sources : [];
  assert(query.group !== undefined || sources.length === 0, "a general query names no source");
  const messageBytes =
    query.version === 2 ? mldField.querySources + ipv6AddressBytes * sources.length : plainMldBytes;
  const at = openIcmp6Packet(into, { source: query.source, destination, messageBytes });
  into[at + mldField.type] = mldType.query;
  writeU16(into, at + mldField.maxResponseCode, maxResponseCode(query));
  if (query.group !== undefined) writeIpv6Address(into, at + mldField.group, query.group);
  if (query.version === 2) {
    const robustness = query.robustness > 7 ? 0 : query.robustness;
    into[at + mldField.flags] = (query.suppress ? suppressBit : 0) | robustness;
    into[at + mldField.queryIntervalCode] = encodeFloatCode(query.queryIntervalMs / 1000);
    writeU16(into, at + mldField.querySourceCount, sources.length);
    writeSources(into, at + mldField.querySources, sources);
  }
  return sealIcmp6Packet(into);
}

function maxResponseCode(query: MldQueryFields): number {
  const milliseconds = Math.floor(query.maxResponseMs);
  switch (query.version) {
    case 1: // linear over all of its range (RFC 2710 §3.4)
      assert(milliseconds >= 0 && milliseconds <= 65_535, "a version 1 query waits 0 to 65.535 s");
      return milliseconds;
    case 2:
      return encodeFloatCode16(milliseconds);
    default:
      return unreachable(query);
  }
}

/** Writes a version 2 report packet to ff02::16 and returns its length in bytes. */
export function writeMldReport2(
  into: Uint8Array,
  report: { readonly source: Address; readonly records: readonly GroupRecord[] },
): number {
  const { source, records } = report;
  const recordsBytes = records.reduce((sum, record) => sum + recordBytesOf(record), 0);
  const messageBytes = mldField.records + recordsBytes;
  const at = openIcmp6Packet(into, { source, destination: allReportRouters, messageBytes });
  into[at + mldField.type] = mldType.report2;
  writeU16(into, at + mldField.recordCount, records.length);
  let next = at + mldField.records;
  for (const record of records) {
    into[next + mldRecordField.type] = recordTypes.indexOf(record.type) + 1;
    writeU16(into, next + mldRecordField.sourceCount, record.sources.length);
    writeIpv6Address(into, next + mldRecordField.group, record.group);
    writeSources(into, next + mldRecordField.sources, record.sources);
    next += recordBytesOf(record);
  }
  return sealIcmp6Packet(into);
}

const recordBytesOf = (record: GroupRecord): number =>
  mldRecordField.sources + ipv6AddressBytes * record.sources.length;

/** Source and group of a version 1 report or done; an object, as the two are of one kind. */
export type Listener1 = { readonly source: Address; readonly group: Address };

/** Writes a version 1 report packet to its group and returns its length in bytes. */
export const writeMldReport1 = (into: Uint8Array, report: Listener1): number =>
  writeGroupMessage(into, mldType.report1, report, report.group);

/** Writes a version 1 done packet to ff02::2 and returns its length in bytes. */
export const writeMldDone = (into: Uint8Array, done: Listener1): number =>
  writeGroupMessage(into, mldType.done, done, allRouters);

function writeGroupMessage(
  into: Uint8Array,
  type: number,
  { source, group }: Listener1,
  destination: Address,
): number {
  const at = openIcmp6Packet(into, { source, destination, messageBytes: plainMldBytes });
  into[at + mldField.type] = type;
  writeIpv6Address(into, at + mldField.group, group);
  return sealIcmp6Packet(into);
}

function writeSources(into: Uint8Array, at: number, sources: readonly Address[]): void {
  for (const [i, source] of sources.entries()) {
    writeIpv6Address(into, at + ipv6AddressBytes * i, source);
  }
}
