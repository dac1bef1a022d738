/**
 * Big-endian fields by index arithmetic on one `Uint8Array`: no `DataView`, no allocation, fit for
 * the packet path. The caller has checked that `at` lies inside the bytes.
 */

const orZero = (value: number | undefined): number => value ?? 0;

export const readU8 = (bytes: Uint8Array, at: number): number => orZero(bytes[at]);

export const readU16 = (bytes: Uint8Array, at: number): number =>
  (orZero(bytes[at]) << 8) | orZero(bytes[at + 1]);

export const readU32 = (bytes: Uint8Array, at: number): number =>
  ((orZero(bytes[at]) << 24) |
    (orZero(bytes[at + 1]) << 16) |
    (orZero(bytes[at + 2]) << 8) |
    orZero(bytes[at + 3])) >>>
  0;

/** Reads a 64-bit field whose value is below 2^53; the writer is bound to that. */
export const readU53 = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 4);

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a number below 2^53 as a 64-bit field. */
export function writeU53(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeU32(bytes, at + 4, value % 0x1_0000_0000);
}

/** True when both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lower-case hexadecimal text of the bytes. */
export const toHex = (bytes: Uint8Array): string => bytes.toHex();

/** Bytes of hexadecimal text; blanks between bytes are allowed. Throws on anything else. */
export const fromHex = (text: string): Uint8Array => Uint8Array.fromHex(text.replace(/\s+/g, ""));
