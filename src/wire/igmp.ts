/**
 * IGMP versions 1 to 3 (RFC 1112 appendix I, RFC 2236, RFC 9776 §4) in whole IPv4 packets, as a
 * packet socket delivers them: nobody has checked anything. Every length, count, checksum and
 * address is checked here, so that the cores behind only meet meaningful messages. This file keeps
 * no state and knows no timer; who wins an election or which host may report is decided in `lan`.
 * `igmp-write.ts` writes what is read here.
 *
 *      query     0                8               16                              32
 *                |      0x11      | Max Resp Code |           Checksum            |   0
 *                |                         Group Address                          |   4
 *                | Flags |S| QRV  |     QQIC      |     Number of Sources (N)     |   8  v3 only
 *                |                        N source addresses                      |  12
 *
 *      report    |      0x22      |   Reserved    |           Checksum            |   0
 *                |             Flags              |     Number of Records (M)     |   4
 *                |                            M records                           |   8
 *
 *      record    |      Type      |  Aux Data Len |     Number of Sources (N)     |   0
 *                |                         Group Address                          |   4
 *                |        N source addresses, then Aux Data Len words             |   8
 */
import type { Address } from "../base/address.ts";
import { address, ipv4Address } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { readU16, readU32, readU8 } from "../base/bytes.ts";
import { checksum } from "../base/checksum.ts";
import { limits } from "../limits.ts";
import { parseGroupRecords } from "./group-records.ts";
import type { Ipv4Fault } from "./ipv4.ts";
import {
  ipv4Destination,
  ipv4Fault,
  ipv4FragmentOffsetBytes,
  ipv4HasRouterAlert,
  ipv4HeaderBytes,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalBytes,
  ipv4Ttl,
  protocolIgmp,
} from "./ipv4.ts";
import type {
  GroupRecord,
  MembershipMessage,
  MembershipPacket,
  MembershipQuery,
  RecordType,
} from "./membership-message.ts";

export const igmpType = {
  query: 0x11,
  report1: 0x12,
  report2: 0x16,
  leave: 0x17,
  report3: 0x22,
} as const;

export const igmpField = {
  type: 0,
  maxResponseCode: 1,
  checksum: 2,
  group: 4,
  flags: 8,
  queryIntervalCode: 9,
  querySourceCount: 10,
  querySources: 12,
  recordCount: 6,
  records: 8,
} as const;

export const recordField = {
  type: 0,
  auxiliaryWords: 1,
  sourceCount: 2,
  group: 4,
  sources: 8,
} as const;

/** Bytes of every message of versions 1 and 2, and the least that others of the family have. */
export const plainMessageBytes = 8;
const leastMessageBytes = 4;
export const suppressBit = 8;
/** Wire value 1 to 6 (RFC 9776 §4.2.13). */
export const recordTypes: readonly RecordType[] = [
  "is-in",
  "is-ex",
  "to-in",
  "to-ex",
  "allow",
  "block",
];

export const allSystems = address("224.0.0.1");

export type { GroupRecord, RecordType } from "./membership-message.ts";
export type IgmpQuery = MembershipQuery;
export type IgmpMessage = MembershipMessage;
export type IgmpPacket = MembershipPacket;

export type IgmpFault =
  | `ip-${Ipv4Fault}`
  /** The packet is whole IPv4 but not IGMP. */
  | "protocol"
  | "fragment"
  /** A TTL other than 1 came from, or would go, beyond the LAN. */
  | "ttl"
  /** A packet's source of 224.0.0.0/3: a group, or reserved. */
  | "source"
  | "short"
  | "checksum"
  /** A query of 9 to 11 bytes (RFC 9776 §7.1). */
  | "query-length"
  /** A general query that went elsewhere than to 224.0.0.1 (RFC 9776 §9.1). */
  | "destination"
  /** A group that is not multicast. */
  | "group"
  /** A query with sources that is general, or with a source that cannot be one. */
  | "query-sources"
  | "source-count"
  | "source-length"
  | "record-count"
  | "record-length";

/**
 * The IGMP message of the IPv4 packet in `bytes[from, to)`, or why it is ignored. Bytes behind the
 * last source or record are covered by the checksum and otherwise tolerated (RFC 9776 §4.1.10,
 * §4.2.12). A source of 0.0.0.0 is passed on: hosts without an address report with it (§4.2.14).
 */
export function parseIgmp(bytes: Uint8Array, from: number, to: number): IgmpPacket | IgmpFault {
  const ipFault = ipv4Fault(bytes, from, to);
  if (ipFault !== undefined) return `ip-${ipFault}`;
  if (ipv4Protocol(bytes, from) !== protocolIgmp) return "protocol";
  if (ipv4MoreFragments(bytes, from) || ipv4FragmentOffsetBytes(bytes, from) > 0) return "fragment";
  if (ipv4Ttl(bytes, from) !== 1) return "ttl";
  const at = from + ipv4HeaderBytes(bytes, from);
  const end = from + ipv4TotalBytes(bytes, from);
  if (end - at < leastMessageBytes) return "short";
  if (checksum(bytes, at, end) !== 0) return "checksum";
  if (!isPossibleSource(ipv4Source(bytes, from))) return "source";
  const destination = ipv4Address(ipv4Destination(bytes, from));
  const message = parseMessage(bytes, at, end);
  if (typeof message === "string") return message;
  const isGeneralQuery = message.kind === "query" && message.group === undefined;
  if (isGeneralQuery && destination !== allSystems) return "destination";
  const source = ipv4Address(ipv4Source(bytes, from));
  return { source, destination, routerAlert: ipv4HasRouterAlert(bytes, from), message };
}

function parseMessage(bytes: Uint8Array, at: number, end: number): IgmpMessage | IgmpFault {
  const type = readU8(bytes, at + igmpField.type);
  switch (type) {
    case igmpType.query:
      return parseQuery(bytes, at, end);
    case igmpType.report3:
      return parseGroupRecords(bytes, at, end, 4, parseRecord);
    case igmpType.report1:
    case igmpType.report2:
    case igmpType.leave:
      return parseGroupMessage(bytes, at, end);
    default:
      return { kind: "other", type };
  }
}

/** A report of version 1 or 2, or a leave; bytes behind the eighth are nothing (RFC 2236 §2.5). */
function parseGroupMessage(bytes: Uint8Array, at: number, end: number): IgmpMessage | IgmpFault {
  if (end - at < plainMessageBytes) return "short";
  const group = readU32(bytes, at + igmpField.group);
  if (!isGroup(group)) return "group";
  const type = readU8(bytes, at + igmpField.type);
  if (type === igmpType.leave) return { kind: "leave", group: ipv4Address(group) };
  const version = type === igmpType.report1 ? 1 : 2;
  return { kind: "report", version, group: ipv4Address(group) };
}

/** The version of a query is in its length and Max Resp Code (RFC 9776 §7.1). */
function parseQuery(bytes: Uint8Array, at: number, end: number): IgmpQuery | IgmpFault {
  if (end - at < plainMessageBytes) return "short";
  if (end - at >= igmpField.querySources) return parseQuery3(bytes, at, end);
  if (end - at > plainMessageBytes) return "query-length";
  const code = readU8(bytes, at + igmpField.maxResponseCode);
  // Version 1 has no group in a query and always means 10 seconds (RFC 1112 appendix I).
  if (code === 0) return { ...olderQuery, version: 1, group: undefined, maxResponseMs: 10_000 };
  const group = readU32(bytes, at + igmpField.group);
  if (group !== 0 && !isGroup(group)) return "group";
  return { ...olderQuery, version: 2, group: groupOfQuery(group), maxResponseMs: code * 100 };
}

const olderQuery = {
  kind: "query",
  suppress: false,
  robustness: 0,
  queryIntervalMs: 0,
  sources: [],
} as const;

function parseQuery3(bytes: Uint8Array, at: number, end: number): IgmpQuery | IgmpFault {
  const group = readU32(bytes, at + igmpField.group);
  if (group !== 0 && !isGroup(group)) return "group";
  const sourceCount = readU16(bytes, at + igmpField.querySourceCount);
  if (sourceCount > limits.recordsPerReportMax) return "source-count";
  if (4 * sourceCount > end - at - igmpField.querySources) return "source-length";
  if (group === 0 && sourceCount > 0) return "query-sources";
  const sources = readSources(bytes, at + igmpField.querySources, sourceCount);
  if (sources === undefined) return "query-sources";
  const flags = readU8(bytes, at + igmpField.flags);
  return {
    kind: "query",
    version: 3,
    group: groupOfQuery(group),
    maxResponseMs: decodeFloatCode(readU8(bytes, at + igmpField.maxResponseCode)) * 100,
    suppress: (flags & suppressBit) !== 0,
    robustness: flags & 7,
    queryIntervalMs: decodeFloatCode(readU8(bytes, at + igmpField.queryIntervalCode)) * 1000,
    sources,
  };
}

const groupOfQuery = (group: number): Address | undefined =>
  group === 0 ? undefined : ipv4Address(group);

/** The record at `at`, whose length is checked. */
function parseRecord(bytes: Uint8Array, at: number): GroupRecord | "unknown" | "refused" {
  const type = recordTypes[readU8(bytes, at + recordField.type) - 1];
  if (type === undefined) return "unknown";
  const group = readU32(bytes, at + recordField.group);
  if (!isGroup(group)) return "refused";
  const sourceCount = readU16(bytes, at + recordField.sourceCount);
  const sources = readSources(bytes, at + recordField.sources, sourceCount);
  return sources === undefined ? "refused" : { type, group: ipv4Address(group), sources };
}

/** The addresses from `at` on, or undefined when one of them cannot be a source. */
function readSources(bytes: Uint8Array, at: number, count: number): Address[] | undefined {
  const sources: Address[] = [];
  for (let i = 0; i < count; i++) {
    const source = readU32(bytes, at + 4 * i);
    if (!isPossibleSource(source)) return undefined;
    sources.push(ipv4Address(source));
  }
  return sources;
}

const isGroup = (number: number): boolean => number >>> 28 === 0xe;
const isPossibleSource = (number: number): boolean => number >>> 29 !== 7;

/**
 * The value of a Max Resp Code or QQIC (RFC 9776 §4.1.1, §4.1.7): below 128 the code itself, else
 * a float with 3 bits of exponent and 4 of mantissa.
 */
export const decodeFloatCode = (code: number): number =>
  code < 128 ? code : ((code & 15) | 16) << (((code >>> 4) & 7) + 3);

/** The code of the largest value that is not above the wanted one; 31744 is the largest of all. */
export function encodeFloatCode(wanted: number): number {
  assert(wanted >= 0, "a code has no negative value");
  const value = Math.floor(Math.min(wanted, 31_744));
  if (value < 128) return value;
  const topBit = 31 - Math.clz32(value); // 7 to 14
  return 0x80 | ((topBit - 7) << 4) | ((value >>> (topBit - 4)) & 15);
}
