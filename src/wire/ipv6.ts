/**
 * IPv6 headers (RFC 8200). Bytes from a LAN pass `ipv6Fault` once, which walks the chain of
 * extension headers; the accessors below it cannot fail afterwards, take the offset of the header's
 * first byte as `at`, and allocate nothing, but for the two that answer an `Address`. Here are also
 * the two questions every packet is asked before it may leave a site, the scope of its group and
 * whether its source can be one (RFC 4291 §2, RFC 7346), and the frame of the control packets that
 * we write: hop limit 1, Router Alert, ICMPv6.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *      |Version| Traffic Class |              Flow Label               |   0
 *      |        Payload Length         |  Next Header  |   Hop Limit   |   4
 *      |                        Source Address                         |   8
 *      |                      Destination Address                      |  24
 *      |        Extension headers, each with the type of the next      |  40
 */
import type { Address } from "../base/address.ts";
import { addressBytes, readAddress } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { readU16, readU32, readU8, writeU16, writeU32 } from "../base/bytes.ts";
import { onesSum, writeChecksum } from "../base/checksum.ts";
import { limits } from "../limits.ts";

const field = {
  versionAndClass: 0,
  payloadBytes: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;

const bareHeaderBytes = 40;
export const ipv6AddressBytes = 16;

const fragmentField = { offsetAndMore: 2, identification: 4 } as const;
const fragmentHeaderBytes = 8;
const leastExtensionBytes = 8;

/** What the chain may consist of; every other type is the upper layer's and ends it. */
const extension = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  destinationOptions: 60,
} as const;
/** More than RFC 8200 §4.1 recommends; a node may set a limit (RFC 8504 §5.3). */
const extensionHeadersMax = 8;

export const protocolIcmp6 = 58;
export const protocolNone = 59;

/** RFC 2711 §2.1: type 5, length 2, value 0 "contains an MLD message". */
const routerAlert = 0x0502_0000;
const routerAlertBytes = 4;
const padN = 0x0100;
const hopByHopBytes = 8;

/** Header bytes of the control packets we write: one hop-by-hop header with one option. */
export const controlHeaderBytes = bareHeaderBytes + hopByHopBytes;

const icmp6ChecksumAt = 2;

export type Ipv6Fault =
  | "short"
  | "version"
  /** Beyond the bytes; or 0 though something should follow, which includes jumbograms. */
  | "payload-length"
  /** A hop-by-hop header that is not the first (RFC 8200 §4.1). */
  | "hop-by-hop"
  /** An extension header beyond the payload. */
  | "extension-length"
  | "extension-count"
  /** A second fragment header. */
  | "fragment-header";

/**
 * What is wrong with the IPv6 packet in `bytes[from, to)`. Bytes behind its payload are Ethernet
 * padding and belong to nobody.
 */
export function ipv6Fault(bytes: Uint8Array, from: number, to: number): Ipv6Fault | undefined {
  if (to - from < bareHeaderBytes) return "short";
  if (readU8(bytes, from) >>> 4 !== 6) return "version";
  const payloadBytes = ipv6PayloadBytes(bytes, from);
  if (payloadBytes > to - from - bareHeaderBytes) return "payload-length";
  if (payloadBytes > 0) return chainFault(bytes, from);
  return ipv6NextHeader(bytes, from) === protocolNone ? undefined : "payload-length";
}

function chainFault(bytes: Uint8Array, at: number): Ipv6Fault | undefined {
  const end = at + ipv6TotalBytes(bytes, at);
  let protocol = ipv6NextHeader(bytes, at);
  let next = at + bareHeaderBytes;
  let hasFragmentHeader = false;
  for (let count = 0; isExtension(protocol); count++) {
    if (count === extensionHeadersMax) return "extension-count";
    if (protocol === extension.hopByHop && count > 0) return "hop-by-hop";
    if (end - next < leastExtensionBytes) return "extension-length";
    const extensionBytes = extensionBytesAt(bytes, next, protocol);
    if (extensionBytes > end - next) return "extension-length";
    if (protocol === extension.fragment) {
      if (hasFragmentHeader) return "fragment-header";
      if (fragmentOffsetBytesAt(bytes, next) > 0) return undefined; // what follows is no header
      hasFragmentHeader = true;
    }
    protocol = readU8(bytes, next);
    next += extensionBytes;
  }
  return undefined;
}

/**
 * The header at which the walk ends: the first of type `wanted`, else the first that is no
 * extension, else what a later fragment carries. 256 × its offset + its type, so that the packet
 * path allocates nothing.
 */
function walk(bytes: Uint8Array, at: number, wanted: number): number {
  let protocol = ipv6NextHeader(bytes, at);
  let next = at + bareHeaderBytes;
  while (isExtension(protocol) && protocol !== wanted) {
    const isLaterFragment =
      protocol === extension.fragment && fragmentOffsetBytesAt(bytes, next) > 0;
    const extensionBytes = extensionBytesAt(bytes, next, protocol);
    protocol = readU8(bytes, next);
    next += extensionBytes;
    if (isLaterFragment) break;
  }
  return next * 256 + protocol;
}

const isExtension = (protocol: number): boolean =>
  protocol === extension.hopByHop ||
  protocol === extension.routing ||
  protocol === extension.fragment ||
  protocol === extension.authentication ||
  protocol === extension.destinationOptions;

/** Length of the extension header at `at`, in the unit of its type (RFC 8200 §4, RFC 4302 §2.2). */
function extensionBytesAt(bytes: Uint8Array, at: number, protocol: number): number {
  if (protocol === extension.fragment) return fragmentHeaderBytes;
  const units = readU8(bytes, at + 1);
  return protocol === extension.authentication ? 4 * (units + 2) : 8 * (units + 1);
}

const fragmentOffsetBytesAt = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + fragmentField.offsetAndMore) & 0xfff8;

export const ipv6TrafficClass = (bytes: Uint8Array, at: number): number =>
  (readU16(bytes, at + field.versionAndClass) >>> 4) & 255;

/** Length in bytes of all behind the bare header, extension headers included. */
export const ipv6PayloadBytes = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + field.payloadBytes);

/** Length of the whole packet in bytes, header included. */
export const ipv6TotalBytes = (bytes: Uint8Array, at: number): number =>
  bareHeaderBytes + ipv6PayloadBytes(bytes, at);

/** What follows the bare header: an extension header, or the upper layer. */
export const ipv6NextHeader = (bytes: Uint8Array, at: number): number =>
  readU8(bytes, at + field.nextHeader);

export const ipv6HopLimit = (bytes: Uint8Array, at: number): number =>
  readU8(bytes, at + field.hopLimit);

/** The upper layer's protocol; of a later fragment, what its fragment header names. */
export const ipv6Protocol = (bytes: Uint8Array, at: number): number =>
  walk(bytes, at, protocolNone) % 256;

/** Where the upper layer's header begins, or the payload of a later fragment, which has none. */
export const ipv6UpperAt = (bytes: Uint8Array, at: number): number =>
  Math.floor(walk(bytes, at, protocolNone) / 256);

/** Where the fragment header begins; -1 when there is none. */
function fragmentHeaderAt(bytes: Uint8Array, at: number): number {
  const place = walk(bytes, at, extension.fragment);
  return place % 256 === extension.fragment ? Math.floor(place / 256) : -1;
}

/** Whether the packet is a part of a larger one; with a fragment header alone it is whole still. */
export const ipv6IsFragment = (bytes: Uint8Array, at: number): boolean =>
  ipv6MoreFragments(bytes, at) || ipv6FragmentOffsetBytes(bytes, at) > 0;

/** Whether the packet is the part that has the upper layer's header. */
export const ipv6IsFirstFragment = (bytes: Uint8Array, at: number): boolean =>
  ipv6MoreFragments(bytes, at) && ipv6FragmentOffsetBytes(bytes, at) === 0;

export function ipv6MoreFragments(bytes: Uint8Array, at: number): boolean {
  const header = fragmentHeaderAt(bytes, at);
  return header >= 0 && (readU16(bytes, header + fragmentField.offsetAndMore) & 1) !== 0;
}

/** Where this fragment's payload begins in the whole one, in bytes; 0 without a fragment header. */
export function ipv6FragmentOffsetBytes(bytes: Uint8Array, at: number): number {
  const header = fragmentHeaderAt(bytes, at);
  return header < 0 ? 0 : fragmentOffsetBytesAt(bytes, header);
}

/** Names the whole packet that a fragment belongs to; 0 without a fragment header. */
export function ipv6Identification(bytes: Uint8Array, at: number): number {
  const header = fragmentHeaderAt(bytes, at);
  return header < 0 ? 0 : readU32(bytes, header + fragmentField.identification);
}

export const ipv6Source = (bytes: Uint8Array, at: number): Address =>
  readAddress(bytes, at + field.source, 6);

export const ipv6Destination = (bytes: Uint8Array, at: number): Address =>
  readAddress(bytes, at + field.destination, 6);

/** One of the eight 32-bit words of source and destination, which stand side by side. */
export const ipv6ChannelWord = (bytes: Uint8Array, at: number, word: number): number =>
  readU32(bytes, at + field.source + 4 * word);

/** One of the four 32-bit words of the source, the first being 0. */
export const ipv6SourceWord = (bytes: Uint8Array, at: number, word: number): number =>
  readU32(bytes, at + field.source + 4 * word);

/** One of the four 32-bit words of the destination, the first being 0. */
export const ipv6DestinationWord = (bytes: Uint8Array, at: number, word: number): number =>
  readU32(bytes, at + field.destination + 4 * word);

/**
 * Whether the hop-by-hop options hold a Router Alert for MLD. An option that does not fit the
 * header ends the walk: what follows it has no meaning.
 */
export function ipv6HasRouterAlert(bytes: Uint8Array, at: number): boolean {
  if (ipv6NextHeader(bytes, at) !== extension.hopByHop) return false;
  const header = at + bareHeaderBytes;
  const end = header + extensionBytesAt(bytes, header, extension.hopByHop);
  let option = header + 2;
  while (option < end) {
    if (readU8(bytes, option) === 0) {
      option += 1; // Pad1: one byte, no length
      continue;
    }
    if (option + 1 === end) return false;
    const optionBytes = 2 + readU8(bytes, option + 1);
    if (optionBytes > end - option) return false;
    if (optionBytes === routerAlertBytes && readU32(bytes, option) === routerAlert) return true;
    option += optionBytes;
  }
  return false;
}

/** The sum of the pseudo-header before an upper layer of so many bytes (RFC 8200 §8.1). */
export function ipv6PseudoSum(
  bytes: Uint8Array,
  at: number,
  upper: { readonly protocol: number; readonly bytes: number },
): number {
  const start = upper.protocol + upper.bytes;
  return onesSum(bytes, at + field.source, at + bareHeaderBytes, start);
}

/** One hop less. The caller dropped what had no hop left; no checksum covers the field. */
export function decrementHopLimit(bytes: Uint8Array, at: number): void {
  const hopLimit = ipv6HopLimit(bytes, at);
  assert(hopLimit > 1, "a packet without a hop left is dropped");
  bytes[at + field.hopLimit] = hopLimit - 1;
}

/**
 * Opens a control packet at the start of `into`: the header, Router Alert, and a zeroed ICMPv6
 * message of `messageBytes` bytes. Answers where the message begins; `sealIcmp6Packet` ends it.
 */
export function openIcmp6Packet(
  into: Uint8Array,
  fields: {
    readonly source: Address;
    readonly destination: Address;
    readonly messageBytes: number;
  },
): number {
  const payloadBytes = hopByHopBytes + fields.messageBytes;
  const totalBytes = bareHeaderBytes + payloadBytes;
  assert(totalBytes <= limits.packetBytesMax, "a packet longer than its length field can say");
  assert(totalBytes <= into.length, "an ICMPv6 packet beyond its buffer");
  into.fill(0, 0, totalBytes); // a reused buffer must not leak old bytes
  into[field.versionAndClass] = 0x60;
  writeU16(into, field.payloadBytes, payloadBytes);
  into[field.nextHeader] = extension.hopByHop;
  into[field.hopLimit] = 1;
  writeIpv6Address(into, field.source, fields.source);
  writeIpv6Address(into, field.destination, fields.destination);
  assert(ipv6SourceIsLinkLocal(into, 0), "a control packet comes from a link-local address");
  into[bareHeaderBytes] = protocolIcmp6;
  writeU32(into, bareHeaderBytes + 2, routerAlert);
  writeU16(into, bareHeaderBytes + 6, padN);
  return controlHeaderBytes;
}

/** Seals the packet with the message's checksum; the length of the whole. */
export function sealIcmp6Packet(into: Uint8Array): number {
  const end = ipv6TotalBytes(into, 0);
  const messageBytes = end - controlHeaderBytes;
  const pseudoSum = ipv6PseudoSum(into, 0, { protocol: protocolIcmp6, bytes: messageBytes });
  const checksumAt = controlHeaderBytes + icmp6ChecksumAt;
  writeChecksum(into, checksumAt, controlHeaderBytes, end, pseudoSum);
  return end;
}

export function writeIpv6Address(into: Uint8Array, at: number, written: Address): void {
  const sixteen = addressBytes(written);
  assert(sixteen.length === ipv6AddressBytes, () => `no IPv6 address: ${written}`);
  into.set(sixteen, at);
}

/** Writes the Ethernet address of a group: 33:33 and its low 32 bits (RFC 2464 §7). */
export function ipv6MulticastMac(lastWord: number, into: Uint8Array, at: number): void {
  writeU16(into, at, 0x3333);
  writeU32(into, at + 2, lastWord);
}

export type Ipv6Scope =
  | "reserved"
  | "interface-local"
  | "link-local"
  | "realm-local"
  | "admin-local"
  | "site-local"
  | "organisation-local"
  | "global"
  | "unassigned"
  | "not-multicast";

/** By the low half of a group's second byte (RFC 4291 §2.7, RFC 7346 §2). */
const scopes: readonly Ipv6Scope[] = [
  "reserved",
  "interface-local",
  "link-local",
  "realm-local",
  "admin-local",
  "site-local",
  "unassigned",
  "unassigned",
  "organisation-local",
  "unassigned",
  "unassigned",
  "unassigned",
  "unassigned",
  "unassigned",
  "global",
  "reserved",
];

/** How far a group's data may go, by the first of its four words. */
export const ipv6GroupScope = (firstWord: number): Ipv6Scope =>
  firstWord >>> 24 === 0xff ? (scopes[(firstWord >>> 16) & 15] ?? "reserved") : "not-multicast";

/** fe80::/10 (RFC 4291 §2.5.6). */
export const ipv6SourceIsLinkLocal = (bytes: Uint8Array, at: number): boolean =>
  isLinkLocal(ipv6SourceWord(bytes, at, 0));

const isLinkLocal = (firstWord: number): boolean => firstWord >>> 22 === 0xfe80 >>> 6;

/**
 * Sources whose data never leaves a LAN: ::, ::1, fe80::/10 and ff00::/8; and
 * ::ffff:0:0/96, the name of an IPv4 address inside a host (RFC 4291 §2.5.5.2).
 */
export const ipv6SourceIsMartian = (bytes: Uint8Array, at: number): boolean =>
  ipv6AddressIsMartian(bytes, at + field.source);

/** The same of the sixteen bytes at `at`, wherever they stand. */
export function ipv6AddressIsMartian(bytes: Uint8Array, at: number): boolean {
  const first = readU32(bytes, at);
  if (first >>> 24 === 0xff || isLinkLocal(first)) return true;
  if (first !== 0 || readU32(bytes, at + 4) !== 0) return false;
  const third = readU32(bytes, at + 8);
  return third === 0xffff || (third === 0 && readU32(bytes, at + 12) <= 1);
}
