/**
 * MLD versions 1 and 2 (RFC 2710, RFC 9777 §5) in whole IPv6 packets, as a packet socket delivers
 * them: nobody has checked anything. What is read has the shape of IGMP's messages, so that the
 * cores behind serve both families. As in `igmp.ts` everything is checked here, no state is kept
 * and no timer known; `mld-write.ts` writes what is read here.
 *
 * Two rules differ from IGMP: the source must be a link-local address, so that what comes from ::
 * is refused (RFC 9777 §5.1.14, §5.2.14), and no message concerns ff02::1 or a group of scope 0 or
 * 1 (RFC 9777 §6).
 *
 *      query     0                8               16                              32
 *                |      130       |     Code      |           Checksum            |   0
 *                |       Maximum Response Code    |           Reserved            |   4
 *                |                  Group Address, 16 bytes                       |   8
 *                | Flags |S| QRV  |     QQIC      |     Number of Sources (N)     |  24  v2 only
 *                |                        N source addresses                      |  28
 *
 *      report    |      143       |   Reserved    |           Checksum            |   0
 *                |             Flags              |     Number of Records (M)     |   4
 *                |                            M records                           |   8
 *
 *      record    |      Type      |  Aux Data Len |     Number of Sources (N)     |   0
 *                |                  Group Address, 16 bytes                       |   4
 *                |        N source addresses, then Aux Data Len words             |  20
 */
import type { Address } from "../base/address.ts";
import { address, readAddress } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { readU16, readU32, readU8 } from "../base/bytes.ts";
import { checksum } from "../base/checksum.ts";
import { limits } from "../limits.ts";
import { parseGroupRecords } from "./group-records.ts";
import { decodeFloatCode, recordTypes, suppressBit } from "./igmp.ts";
import type { Ipv6Fault } from "./ipv6.ts";
import {
  ipv6AddressBytes,
  ipv6Destination,
  ipv6Fault,
  ipv6HasRouterAlert,
  ipv6HopLimit,
  ipv6IsFragment,
  ipv6Protocol,
  ipv6PseudoSum,
  ipv6Source,
  ipv6SourceIsLinkLocal,
  ipv6TotalBytes,
  ipv6UpperAt,
  protocolIcmp6,
} from "./ipv6.ts";
import type {
  GroupRecord,
  MembershipMessage,
  MembershipPacket,
  MembershipQuery,
  PlainReport,
} from "./membership-message.ts";

export const mldType = {
  query: 130,
  report1: 131,
  done: 132,
  report2: 143,
  // Multicast router discovery (RFC 4286), read by `mrd.ts`.
  routerAdvertisement: 151,
  routerSolicitation: 152,
  routerTermination: 153,
} as const;

export const mldField = {
  type: 0,
  maxResponseCode: 4,
  group: 8,
  flags: 24,
  queryIntervalCode: 25,
  querySourceCount: 26,
  querySources: 28,
  recordCount: 6,
  records: 8,
} as const;

export const mldRecordField = {
  type: 0,
  auxiliaryWords: 1,
  sourceCount: 2,
  group: 4,
  sources: 20,
} as const;

/** Bytes of every message of version 1, and the least that others of the family have. */
export const plainMldBytes = 24;
const leastMessageBytes = 4;

export const allNodes = address("ff02::1");

export type MldQuery = MembershipQuery<1 | 2>;
export type MldMessage = MembershipMessage<MldQuery, PlainReport<1>>;
export type MldPacket = MembershipPacket<MldMessage>;

export type MldFault =
  | `ip-${Ipv6Fault}`
  /** The packet is whole IPv6 but not ICMPv6. */
  | "protocol"
  /** ICMPv6 of another family: neighbour discovery, echo, errors. */
  | "type"
  | "fragment"
  /** A hop limit other than 1 came from, or would go, beyond the LAN. */
  | "hop-limit"
  /** A packet's source that is not link-local, such as ::. */
  | "source"
  | "short"
  | "checksum"
  /** A query of 25 to 27 bytes (RFC 9777 §8.1). */
  | "query-length"
  /** A general query that went elsewhere than to ff02::1 (RFC 9777 §5.1.15). */
  | "destination"
  /** A group that is not multicast, or that MLD does not speak of. */
  | "group"
  /** A query with sources that is general, or with a source that cannot be one. */
  | "query-sources"
  | "source-count"
  | "source-length"
  | "record-count"
  | "record-length";

/** The version of IGMP that does as much as this one of MLD (RFC 9777 §8). */
export const igmpVersionOf = (version: 1 | 2): 2 | 3 => (version === 1 ? 2 : 3);

/**
 * The MLD message of the IPv6 packet in `bytes[from, to)`, or why it is ignored. Bytes behind the
 * last source or record are covered by the checksum and otherwise tolerated (RFC 9777 §5.1.12,
 * §5.2.12). A missing Router Alert is told, not refused.
 */
export function parseMld(bytes: Uint8Array, from: number, to: number): MldPacket | MldFault {
  const ipFault = ipv6Fault(bytes, from, to);
  if (ipFault !== undefined) return `ip-${ipFault}`;
  if (ipv6Protocol(bytes, from) !== protocolIcmp6) return "protocol";
  if (ipv6IsFragment(bytes, from)) return "fragment";
  const at = ipv6UpperAt(bytes, from);
  const end = from + ipv6TotalBytes(bytes, from);
  if (end - at < leastMessageBytes) return "short";
  if (!isMldType(readU8(bytes, at + mldField.type))) return "type";
  if (ipv6HopLimit(bytes, from) !== 1) return "hop-limit";
  const pseudoSum = ipv6PseudoSum(bytes, from, { protocol: protocolIcmp6, bytes: end - at });
  if (checksum(bytes, at, end, pseudoSum) !== 0) return "checksum";
  if (!ipv6SourceIsLinkLocal(bytes, from)) return "source";
  const destination = ipv6Destination(bytes, from);
  const message = parseMessage(bytes, at, end);
  if (typeof message === "string") return message;
  const isGeneralQuery = message.kind === "query" && message.group === undefined;
  if (isGeneralQuery && destination !== allNodes) return "destination";
  const source = ipv6Source(bytes, from);
  return { source, destination, routerAlert: ipv6HasRouterAlert(bytes, from), message };
}

const types: readonly number[] = Object.values(mldType);
const isMldType = (type: number): boolean => types.includes(type);

function parseMessage(bytes: Uint8Array, at: number, end: number): MldMessage | MldFault {
  const type = readU8(bytes, at + mldField.type);
  switch (type) {
    case mldType.query:
      return parseQuery(bytes, at, end);
    case mldType.report2:
      return parseGroupRecords(bytes, at, end, 16, parseRecord);
    case mldType.report1:
    case mldType.done:
      return parseGroupMessage(bytes, at, end);
    default:
      return { kind: "other", type };
  }
}

/** A report of version 1, or a done; bytes behind the 24th are nothing (RFC 2710 §3.7). */
function parseGroupMessage(bytes: Uint8Array, at: number, end: number): MldMessage | MldFault {
  if (end - at < plainMldBytes) return "short";
  if (!isGroup(bytes, at + mldField.group)) return "group";
  const group = readAddress(bytes, at + mldField.group, 6);
  const isDone = readU8(bytes, at + mldField.type) === mldType.done;
  return isDone ? { kind: "leave", group } : { kind: "report", version: 1, group };
}

/** The version of a query is in its length (RFC 9777 §8.1). */
function parseQuery(bytes: Uint8Array, at: number, end: number): MldQuery | MldFault {
  if (end - at < plainMldBytes) return "short";
  if (end - at > plainMldBytes && end - at < mldField.querySources) return "query-length";
  const isGeneral = isZero(bytes, at + mldField.group);
  if (!isGeneral && !isGroup(bytes, at + mldField.group)) return "group";
  const group = isGeneral ? undefined : readAddress(bytes, at + mldField.group, 6);
  if (end - at >= mldField.querySources) return parseQuery2(bytes, at, end, group);
  return {
    kind: "query",
    version: 1,
    group,
    // Linear over all of its range (RFC 2710 §3.4).
    maxResponseMs: readU16(bytes, at + mldField.maxResponseCode),
    suppress: false,
    robustness: 0,
    queryIntervalMs: 0,
    sources: [],
  };
}

function parseQuery2(
  bytes: Uint8Array,
  at: number,
  end: number,
  group: Address | undefined,
): MldQuery | MldFault {
  const sourceCount = readU16(bytes, at + mldField.querySourceCount);
  if (sourceCount > limits.recordsPerReportMax) return "source-count";
  if (ipv6AddressBytes * sourceCount > end - at - mldField.querySources) return "source-length";
  if (group === undefined && sourceCount > 0) return "query-sources";
  const sources = readSources(bytes, at + mldField.querySources, sourceCount);
  if (sources === undefined) return "query-sources";
  const flags = readU8(bytes, at + mldField.flags);
  return {
    kind: "query",
    version: 2,
    group,
    maxResponseMs: decodeFloatCode16(readU16(bytes, at + mldField.maxResponseCode)),
    suppress: (flags & suppressBit) !== 0,
    robustness: flags & 7,
    queryIntervalMs: decodeFloatCode(readU8(bytes, at + mldField.queryIntervalCode)) * 1000,
    sources,
  };
}

/** The record at `at`, whose length is checked. */
function parseRecord(bytes: Uint8Array, at: number): GroupRecord | "unknown" | "refused" {
  const type = recordTypes[readU8(bytes, at + mldRecordField.type) - 1];
  if (type === undefined) return "unknown";
  if (!isGroup(bytes, at + mldRecordField.group)) return "refused";
  const sourceCount = readU16(bytes, at + mldRecordField.sourceCount);
  const sources = readSources(bytes, at + mldRecordField.sources, sourceCount);
  if (sources === undefined) return "refused";
  return { type, group: readAddress(bytes, at + mldRecordField.group, 6), sources };
}

/** The addresses from `at` on, or undefined when one of them cannot be a source. */
function readSources(bytes: Uint8Array, at: number, count: number): Address[] | undefined {
  const sources: Address[] = [];
  for (let i = 0; i < count; i++) {
    const source = at + ipv6AddressBytes * i;
    if (!isPossibleSource(bytes, source)) return undefined;
    sources.push(readAddress(bytes, source, 6));
  }
  return sources;
}

const isZero = (bytes: Uint8Array, at: number): boolean =>
  readU32(bytes, at) === 0 && isZeroBehind(bytes, at) && readU32(bytes, at + 12) === 0;

/** Whether the second and third of an address's four words are 0. */
const isZeroBehind = (bytes: Uint8Array, at: number): boolean =>
  readU32(bytes, at + 4) === 0 && readU32(bytes, at + 8) === 0;

/** A group that MLD speaks of: not ff02::1, nor of scope 0 or 1 (RFC 9777 §6). */
function isGroup(bytes: Uint8Array, at: number): boolean {
  const first = readU32(bytes, at);
  if (first >>> 24 !== 0xff || ((first >>> 16) & 15) < 2) return false;
  return first !== 0xff02_0000 || !isZeroBehind(bytes, at) || readU32(bytes, at + 12) !== 1;
}

/** No group, and no IPv4 address in disguise, which has no canonical text of its own. */
function isPossibleSource(bytes: Uint8Array, at: number): boolean {
  const isMapped =
    readU32(bytes, at) === 0 && readU32(bytes, at + 4) === 0 && readU32(bytes, at + 8) === 0xffff;
  return readU8(bytes, at) !== 0xff && !isMapped;
}

/**
 * The value of a Max Resp Code of version 2 (RFC 9777 §5.1.3): below 32768 the code itself, else a
 * float with 3 bits of exponent and 12 of mantissa.
 */
export const decodeFloatCode16 = (code: number): number =>
  code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >>> 12) & 7) + 3);

/** The code of the largest value not above the wanted one; 8387584 is the largest of all. */
export function encodeFloatCode16(wanted: number): number {
  assert(wanted >= 0, "a code has no negative value");
  const value = Math.floor(Math.min(wanted, 8_387_584));
  if (value < 0x8000) return value;
  const topBit = 31 - Math.clz32(value); // 15 to 22
  return 0x8000 | ((topBit - 15) << 12) | ((value >>> (topBit - 12)) & 0xfff);
}
