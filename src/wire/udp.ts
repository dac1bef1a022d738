/**
 * UDP over IPv4 (RFC 768). A checksum that arrived complete is never touched: a broken packet must
 * stay visibly broken. Only one that the sender's kernel left to a network card is completed.
 */
import { readU16, writeU16 } from "../base/bytes.ts";
import { checksum, onesSum } from "../base/checksum.ts";
import { ipv4HeaderBytes, protocolUdp } from "./ipv4.ts";

const field = { sourcePort: 0, destinationPort: 2, bytes: 4, checksum: 6 } as const;
export const udpHeaderBytes = 8;
const ipv4AddressesAt = 12;
const ipv4AddressesEnd = 20;

export type UdpFault = "short" | "length";

/**
 * What is wrong with the UDP segment in `bytes[from, to)`, the payload of an IPv4 packet that is no
 * later fragment. A first fragment is shorter than its length field says, so it ends in "length".
 */
export function udpFault(bytes: Uint8Array, from: number, to: number): UdpFault | undefined {
  if (to - from < udpHeaderBytes) return "short";
  const segmentBytes = udpBytes(bytes, from);
  return segmentBytes < udpHeaderBytes || segmentBytes > to - from ? "length" : undefined;
}

/** Length of the segment in bytes, header included. */
export const udpBytes = (bytes: Uint8Array, at: number): number => readU16(bytes, at + field.bytes);

export const udpSourcePort = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + field.sourcePort);

export const udpDestinationPort = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + field.destinationPort);

/**
 * Completes the checksum of the segment in `bytes[at, end)` whose field holds the folded sum of the
 * pseudo-header (Linux, `TP_STATUS_CSUMNOTREADY`): the sum of all of it, the field as found,
 * complemented; a result of 0 is sent as 0xffff, since 0 means "none" (RFC 768). Other protocols,
 * to which both mean the same, have the field elsewhere.
 */
export function completePartialChecksum(
  bytes: Uint8Array,
  at: number,
  end: number,
  fieldAt: number = field.checksum,
): void {
  writeU16(bytes, at + fieldAt, checksum(bytes, at, end) || 0xffff);
}

/** Gives the whole segment at `at` another length and, if it has one, the checksum that fits. */
export function resizeUdp(bytes: Uint8Array, ipAt: number, segmentBytes: number): void {
  const at = ipAt + ipv4HeaderBytes(bytes, ipAt);
  writeU16(bytes, at + field.bytes, segmentBytes);
  if (readU16(bytes, at + field.checksum) === 0) return;
  writeU16(bytes, at + field.checksum, pseudoSum(bytes, ipAt, segmentBytes));
  completePartialChecksum(bytes, at, at + segmentBytes);
}

/**
 * Whether the checksum of a whole (unfragmented) UDP packet is right, after `ipv4Fault` and
 * `udpFault` found nothing. A field of 0 says that the sender computed none (RFC 768): right.
 */
export function udpChecksumIsRight(bytes: Uint8Array, ipAt: number): boolean {
  const at = ipAt + ipv4HeaderBytes(bytes, ipAt);
  if (readU16(bytes, at + field.checksum) === 0) return true;
  const segmentBytes = udpBytes(bytes, at);
  return checksum(bytes, at, at + segmentBytes, pseudoSum(bytes, ipAt, segmentBytes)) === 0;
}

const pseudoSum = (bytes: Uint8Array, ipAt: number, segmentBytes: number): number =>
  onesSum(bytes, ipAt + ipv4AddressesAt, ipAt + ipv4AddressesEnd, protocolUdp + segmentBytes);
