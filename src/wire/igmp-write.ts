/**
 * Writes whole IPv4 packets with IGMP messages (RFC 2236 §2, RFC 9776 §4) into a caller's buffer:
 * TTL 1, internetwork control, Router Alert. The layouts are drawn in `igmp.ts`.
 */
import type { Address } from "../base/address.ts";
import { address, ipv4Of } from "../base/address.ts";
import { assert, unreachable } from "../base/assert.ts";
import { writeU16, writeU32 } from "../base/bytes.ts";
import { writeChecksum } from "../base/checksum.ts";
import type { GroupRecord } from "./igmp.ts";
import {
  allSystems,
  encodeFloatCode,
  igmpField,
  igmpType,
  plainMessageBytes,
  recordField,
  recordTypes,
  suppressBit,
} from "./igmp.ts";
import { alertedHeaderBytes, protocolIgmp, writeIpv4Header } from "./ipv4.ts";

const allRouters = address("224.0.0.2");
const allReportRouters = address("224.0.0.22");
/** Internetwork control (RFC 9776 §4). */
const typeOfService = 0xc0;

export type QueryFields = {
  readonly source: Address;
  /** Undefined for a general query. */
  readonly group: Address | undefined;
  readonly maxResponseMs: number;
} & (
  | { readonly version: 2 }
  | {
      readonly version: 3;
      readonly suppress: boolean;
      readonly robustness: number;
      readonly queryIntervalMs: number;
      readonly sources: readonly Address[];
    }
);

/**
 * Writes a query packet at the start of `into` and returns its length in bytes. Times are rounded
 * down to what their codes can say; a robustness above 7 is written as 0 (RFC 9776 §4.1.6).
 */
export function writeQuery(into: Uint8Array, query: QueryFields): number {
  const destination = query.group ?? allSystems;
  const sources = query.version === 3 ? query.sources : [];
  assert(query.group !== undefined || sources.length === 0, "a general query names no source");
  const bytes =
    query.version === 3 ? igmpField.querySources + 4 * sources.length : plainMessageBytes;
  const at = openPacket(into, query.source, destination, bytes);
  into[at + igmpField.type] = igmpType.query;
  into[at + igmpField.maxResponseCode] = maxResponseCode(query);
  if (query.group !== undefined) writeU32(into, at + igmpField.group, ipv4Of(query.group));
  if (query.version === 3) {
    const robustness = query.robustness > 7 ? 0 : query.robustness;
    into[at + igmpField.flags] = (query.suppress ? suppressBit : 0) | robustness;
    into[at + igmpField.queryIntervalCode] = encodeFloatCode(query.queryIntervalMs / 1000);
    writeU16(into, at + igmpField.querySourceCount, sources.length);
    writeSources(into, at + igmpField.querySources, sources);
  }
  return closePacket(into, at, bytes);
}

function maxResponseCode(query: QueryFields): number {
  const tenths = Math.floor(query.maxResponseMs / 100);
  switch (query.version) {
    case 2: // linear over all of its range (RFC 2236 §2.2); 0 would make it a version 1 query
      assert(tenths >= 1 && tenths <= 255, "a version 2 query waits 0.1 to 25.5 s");
      return tenths;
    case 3:
      return encodeFloatCode(tenths);
    default:
      return unreachable(query);
  }
}

/** Writes a version 3 report packet to 224.0.0.22 and returns its length in bytes. */
export function writeReport3(
  into: Uint8Array,
  report: { readonly source: Address; readonly records: readonly GroupRecord[] },
): number {
  const sourceCount = report.records.reduce((sum, record) => sum + record.sources.length, 0);
  const recordsBytes = recordField.sources * report.records.length + 4 * sourceCount;
  const at = openPacket(into, report.source, allReportRouters, igmpField.records + recordsBytes);
  into[at + igmpField.type] = igmpType.report3;
  writeU16(into, at + igmpField.recordCount, report.records.length);
  let next = at + igmpField.records;
  for (const record of report.records) {
    into[next + recordField.type] = recordTypes.indexOf(record.type) + 1;
    writeU16(into, next + recordField.sourceCount, record.sources.length);
    writeU32(into, next + recordField.group, ipv4Of(record.group));
    writeSources(into, next + recordField.sources, record.sources);
    next += recordField.sources + 4 * record.sources.length;
  }
  return closePacket(into, at, igmpField.records + recordsBytes);
}

/** Source and group of a report or leave; an object, as the two are of one kind. */
export type Membership2 = { readonly source: Address; readonly group: Address };

/** Writes a version 2 report packet to its group and returns its length in bytes. */
export const writeReport2 = (into: Uint8Array, report: Membership2): number =>
  writeGroupMessage(into, igmpType.report2, report, report.group);

/** Writes a version 1 report packet to its group and returns its length in bytes. */
export const writeReport1 = (into: Uint8Array, report: Membership2): number =>
  writeGroupMessage(into, igmpType.report1, report, report.group);

/** Writes a version 2 leave packet to 224.0.0.2 and returns its length in bytes. */
export const writeLeave2 = (into: Uint8Array, leave: Membership2): number =>
  writeGroupMessage(into, igmpType.leave, leave, allRouters);

function writeGroupMessage(
  into: Uint8Array,
  type: number,
  { source, group }: Membership2,
  destination: Address,
): number {
  const at = openPacket(into, source, destination, plainMessageBytes);
  into[at + igmpField.type] = type;
  writeU32(into, at + igmpField.group, ipv4Of(group));
  return closePacket(into, at, plainMessageBytes);
}

function writeSources(into: Uint8Array, at: number, sources: readonly Address[]): void {
  for (const [i, source] of sources.entries()) writeU32(into, at + 4 * i, ipv4Of(source));
}

/** Writes the IPv4 header before a zeroed message of `bytes` bytes; where the message begins. */
function openPacket(
  into: Uint8Array,
  source: Address,
  destination: Address,
  bytes: number,
): number {
  assert(alertedHeaderBytes + bytes <= into.length, "an IGMP packet beyond its buffer");
  into.fill(0, 0, alertedHeaderBytes + bytes); // a reused buffer must not leak old bytes
  return writeIpv4Header(into, 0, {
    typeOfService,
    ttl: 1,
    protocol: protocolIgmp,
    source: ipv4Of(source),
    destination: ipv4Of(destination),
    payloadBytes: bytes,
    routerAlert: true,
  });
}

/** Seals the message at `at`; the length of the whole packet. */
function closePacket(into: Uint8Array, at: number, bytes: number): number {
  writeChecksum(into, at + igmpField.checksum, at, at + bytes);
  return at + bytes;
}
