/**
 * IPv4 headers (RFC 791). Bytes from a LAN pass `ipv4Fault` once; the accessors below it cannot
 * fail afterwards, take the offset of the header's first byte as `at`, and allocate nothing. Here
 * are also the two questions every packet is asked before it may leave a site: the scope of its
 * group and whether its source can be one (RFC 5771, RFC 2365, RFC 1812 §5.3.7).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *      |Version|  IHL  |      TOS      |         Total Length          |   0
 *      |         Identification        |0|D|M|    Fragment Offset      |   4
 *      | Time to Live  |   Protocol    |        Header Checksum        |   8
 *      |                        Source Address                         |  12
 *      |                      Destination Address                      |  16
 *      |                 Options, 0 to 40 bytes                        |  20
 */
import { assert } from "../base/assert.ts";
import { readU16, readU32, readU8, writeU16, writeU32 } from "../base/bytes.ts";
import { checksum, updatedChecksum, writeChecksum } from "../base/checksum.ts";
import { limits } from "../limits.ts";

const field = {
  versionAndHeader: 0,
  typeOfService: 1,
  totalBytes: 2,
  identification: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
  options: 20,
} as const;

const bareHeaderBytes = 20;
const dontFragmentBit = 0x4000;
const moreFragmentsBit = 0x2000;

/** RFC 2113 §2.1: type 148, length 4, value 0 "routers shall examine the packet". */
const routerAlert = 0x9404_0000;
const routerAlertBytes = 4;

/** Header bytes of the control packets we write: IHL 6, one option. */
export const alertedHeaderBytes = bareHeaderBytes + routerAlertBytes;

export const protocolIgmp = 2;
export const protocolUdp = 17;

export type Ipv4Fault = "short" | "version" | "header-length" | "total-length" | "checksum";

/**
 * What is wrong with the IPv4 packet in `bytes[from, to)`. Bytes behind its total length are
 * Ethernet padding and belong to nobody; a total length beyond `to` is a fault (RFC 1122 §3.2.1).
 */
export function ipv4Fault(bytes: Uint8Array, from: number, to: number): Ipv4Fault | undefined {
  if (to - from < bareHeaderBytes) return "short";
  if (readU8(bytes, from) >>> 4 !== 4) return "version";
  const headerBytes = ipv4HeaderBytes(bytes, from);
  if (headerBytes < bareHeaderBytes || headerBytes > to - from) return "header-length";
  const totalBytes = ipv4TotalBytes(bytes, from);
  if (totalBytes < headerBytes || totalBytes > to - from) return "total-length";
  return checksum(bytes, from, from + headerBytes) === 0 ? undefined : "checksum";
}

/** Header length in bytes, options included. */
export const ipv4HeaderBytes = (bytes: Uint8Array, at: number): number =>
  (readU8(bytes, at + field.versionAndHeader) & 15) * 4;

/** Length of the whole packet in bytes, header included. */
export const ipv4TotalBytes = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + field.totalBytes);

export const ipv4Identification = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + field.identification);

export const ipv4DontFragment = (bytes: Uint8Array, at: number): boolean =>
  (readU16(bytes, at + field.fragment) & dontFragmentBit) !== 0;

export const ipv4MoreFragments = (bytes: Uint8Array, at: number): boolean =>
  (readU16(bytes, at + field.fragment) & moreFragmentsBit) !== 0;

/** Where this fragment's payload begins in the whole one, in bytes. */
export const ipv4FragmentOffsetBytes = (bytes: Uint8Array, at: number): number =>
  (readU16(bytes, at + field.fragment) & 0x1fff) * 8;

export const ipv4Ttl = (bytes: Uint8Array, at: number): number => readU8(bytes, at + field.ttl);

export const ipv4Protocol = (bytes: Uint8Array, at: number): number =>
  readU8(bytes, at + field.protocol);

export const ipv4Source = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at + field.source);

export const ipv4Destination = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at + field.destination);

/**
 * Whether the options hold a Router Alert. An option that does not fit the header ends the walk:
 * what follows it has no meaning.
 */
export function ipv4HasRouterAlert(bytes: Uint8Array, at: number): boolean {
  const end = at + ipv4HeaderBytes(bytes, at);
  let option = at + field.options;
  while (option < end) {
    const type = readU8(bytes, option);
    if (type === 0) return false; // end of option list
    if (type === 1) {
      option += 1; // no operation: one byte, no length
      continue;
    }
    const optionBytes = option + 1 < end ? readU8(bytes, option + 1) : 0;
    if (optionBytes < 2 || optionBytes > end - option) return false;
    if (optionBytes === routerAlertBytes && readU32(bytes, option) === routerAlert) return true;
    option += optionBytes;
  }
  return false;
}

export type Ipv4Fields = {
  readonly typeOfService: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly payloadBytes: number;
  readonly routerAlert: boolean;
};

/**
 * Writes the header of a control packet and returns its length in bytes. Don't Fragment is set and
 * the identification 0, as RFC 6864 §4.1 allows for a packet that is never fragmented.
 */
export function writeIpv4Header(into: Uint8Array, at: number, fields: Ipv4Fields): number {
  const headerBytes = fields.routerAlert ? alertedHeaderBytes : bareHeaderBytes;
  const totalBytes = headerBytes + fields.payloadBytes;
  assert(totalBytes <= limits.packetBytesMax, "a packet longer than its length field can say");
  assert(at + headerBytes <= into.length, "an IPv4 header beyond its buffer");
  into.fill(0, at, at + headerBytes); // a reused buffer must not leak old bytes
  into[at + field.versionAndHeader] = 0x40 | (headerBytes / 4);
  into[at + field.typeOfService] = fields.typeOfService;
  writeU16(into, at + field.totalBytes, totalBytes);
  writeU16(into, at + field.fragment, dontFragmentBit);
  into[at + field.ttl] = fields.ttl;
  into[at + field.protocol] = fields.protocol;
  writeU32(into, at + field.source, fields.source);
  writeU32(into, at + field.destination, fields.destination);
  if (fields.routerAlert) writeU32(into, at + field.options, routerAlert);
  writeChecksum(into, at + field.checksum, at, at + headerBytes);
  return headerBytes;
}

/** One hop: the TTL, which is above 1, goes down by one, and the checksum follows (RFC 1624). */
export function lowerTtl(bytes: Uint8Array, at: number): void {
  const before = readU16(bytes, at + field.ttl);
  const after = before - 0x100;
  writeU16(bytes, at + field.ttl, after);
  const sum = updatedChecksum(readU16(bytes, at + field.checksum), before, after);
  writeU16(bytes, at + field.checksum, sum);
}

/** Gives the header at `at` another total length and identification. */
export function resizeIpv4(
  bytes: Uint8Array,
  at: number,
  totalBytes: number,
  identification: number,
): void {
  writeU16(bytes, at + field.totalBytes, totalBytes);
  writeU16(bytes, at + field.identification, identification);
  writeChecksum(bytes, at + field.checksum, at, at + ipv4HeaderBytes(bytes, at));
}

/** Writes the Ethernet address of a group: 01:00:5e and its low 23 bits (RFC 1112 §6.4). */
export function multicastMac(group: number, into: Uint8Array, at: number): void {
  writeU16(into, at, 0x0100);
  writeU32(into, at + 2, 0x5e00_0000 + (group & 0x7f_ffff));
}

export type Ipv4Scope =
  | "link-local"
  | "internetwork-control"
  | "site-local"
  | "organisation-local"
  | "global"
  | "not-multicast";

/**
 * How far a group's data may go: 224.0.0.0/24 and 224.0.1.0/24 (RFC 5771 §4, §5), 239.255.0.0/16
 * and 239.192.0.0/14 (RFC 2365 §6.1, §6.2); every other group is left to policy.
 */
export function ipv4GroupScope(group: number): Ipv4Scope {
  if (group >>> 28 !== 0xe) return "not-multicast";
  if (group >>> 8 === 0xe0_0000) return "link-local";
  if (group >>> 8 === 0xe0_0001) return "internetwork-control";
  if (group >>> 16 === 0xefff) return "site-local";
  return group >>> 18 === 0xefc0 >>> 2 ? "organisation-local" : "global";
}

/**
 * Sources whose data never leaves a LAN (RFC 1812 §5.3.7, RFC 3927 §7): 0.0.0.0, 127.0.0.0/8,
 * 169.254.0.0/16, and 224.0.0.0/3, which is every group and everything reserved above.
 */
export const ipv4SourceIsMartian = (source: number): boolean =>
  source === 0 || source >>> 24 === 127 || source >>> 16 === 0xa9fe || source >>> 29 === 7;
