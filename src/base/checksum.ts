import { readU16, writeU16 } from "./bytes.ts";

/**
 * Ones' complement sum of 16-bit words (RFC 1071), folded; an odd last byte counts as its high
 * half. Start with the sum of a pseudo-header where there is one.
 */
export function onesSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  let at = from;
  for (; at + 1 < to; at += 2) sum += readU16(bytes, at);
  if (at < to) sum += (bytes[at] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** The Internet checksum of `bytes[from, to)`: 0 over bytes that contain a right checksum. */
export const checksum = (bytes: Uint8Array, from: number, to: number, start = 0): number =>
  ~onesSum(bytes, from, to, start) & 0xffff;

/** Puts the checksum of `bytes[from, to)` at `at`, a field inside that range. */
export function writeChecksum(
  bytes: Uint8Array,
  at: number,
  from: number,
  to: number,
  start = 0,
): void {
  writeU16(bytes, at, 0);
  writeU16(bytes, at, checksum(bytes, from, to, start));
}

/** The checksum after one covered 16-bit word changed (RFC 1624 eqn. 3): HC' = ~(~HC + ~m + m'). */
export function updatedChecksum(old: number, before: number, after: number): number {
  let sum = (~old & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
