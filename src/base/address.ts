/**
 * IP addresses and prefixes. On the control path an address is its canonical text (RFC 5952 for
 * IPv6), so that records, messages and JSON all show the same thing; on the packet path an IPv4
 * address is a 32-bit number read straight from the header.
 */
import { readU16, readU32 } from "./bytes.ts";

declare const addressBrand: unique symbol;

/** Canonical text of an IPv4 or IPv6 address: `10.1.0.11`, `2001:db8::1`. */
export type Address = string & { readonly [addressBrand]: true };

/** A prefix in canonical text with host bits zero: `10.1.0.0/24`. */
export type Prefix = { readonly address: Address; readonly bits: number };

export type Family = 4 | 6;

export const familyOf = (address: Address): Family => (address.includes(":") ? 6 : 4);

/** Canonical address of what people wrote, or undefined: no zone, no mapped form, no leading 0. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) {
    const number = ipv4Number(text);
    return number === undefined ? undefined : ipv4Address(number);
  }
  const words = ipv6Words(text);
  return words && !isMapped(words) ? ipv6Text(words) : undefined;
}

/** The address that is written in the code; an assert-like failure when it is none. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new TypeError(`no IP address: ${text}`);
  return parsed;
}

/** `10.1.0.0/24` or a bare address (then all bits); undefined for all else and host bits set. */
export function parsePrefix(text: string): Prefix | undefined {
  const [head = "", tail, extra] = text.split("/");
  const base = parseAddress(head);
  if (base === undefined || extra !== undefined) return undefined;
  const width = familyOf(base) === 4 ? 32 : 128;
  if (tail === undefined) return { address: base, bits: width };
  const bits = Number(tail);
  if (!/^(0|[1-9]\d{0,2})$/.test(tail) || bits > width) return undefined;
  const prefix = { address: base, bits };
  return maskedAddress(base, bits) === base ? prefix : undefined;
}

export const prefixText = (prefix: Prefix): string => `${prefix.address}/${prefix.bits}`;

/** The address with all bits behind the first `bits` cleared. */
export function maskedAddress(of: Address, bits: number): Address {
  if (familyOf(of) === 4) return ipv4Address(ipv4Of(of) & ipv4Mask(bits));
  const words = ipv6Words(of) as number[];
  return ipv6Text(words.map((word, i) => word & (0xffff << (16 - clamp(bits - 16 * i, 0, 16)))));
}

export const prefixContains = (prefix: Prefix, of: Address): boolean =>
  familyOf(prefix.address) === familyOf(of) && maskedAddress(of, prefix.bits) === prefix.address;

/** 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 §2.7). */
export const isMulticast = (of: Address): boolean =>
  familyOf(of) === 4 ? ipv4Of(of) >>> 28 === 0xe : /^ff[0-9a-f]{2}:/.test(of);

/** 232.0.0.0/8 or ff3x::/32 (RFC 4607 §1): only channels (S,G), never (*,G). */
export const isSourceSpecific = (group: Address): boolean =>
  familyOf(group) === 4 ? ipv4Of(group) >>> 24 === 232 : /^ff3[0-9a-f]:(0:|:)/.test(group);

export const ipv4Address = (number: number): Address =>
  `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}` as Address;

/** The 32-bit number of an IPv4 address that is known to be one. */
export const ipv4Of = (of: Address): number => ipv4Number(of) as number;

export const ipv4Mask = (bits: number): number =>
  bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;

/** The 32-bit number of dotted text, or undefined. */
export function ipv4Number(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let number = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    number = number * 256 + Number(part);
  }
  return number;
}

/** The address in four or sixteen bytes of a packet. */
export function readAddress(bytes: Uint8Array, at: number, family: Family): Address {
  if (family === 4) return ipv4Address(readU32(bytes, at));
  return ipv6Text(Array.from({ length: 8 }, (_, i) => readU16(bytes, at + 2 * i)));
}

/** The IPv6 address of four 32-bit words, the first being at `at`. */
export const ipv6Address = (words: Uint32Array, at: number): Address =>
  ipv6Text(
    Array.from({ length: 8 }, (_, i) => {
      const word = words[at + (i >>> 1)] as number;
      return i % 2 === 0 ? word >>> 16 : word & 0xffff;
    }),
  );

/** The four or sixteen bytes of an address, in network order. */
export function addressBytes(of: Address): Uint8Array {
  if (familyOf(of) === 4) {
    const number = ipv4Of(of);
    return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
  }
  return Uint8Array.from((ipv6Words(of) as number[]).flatMap((word) => [word >>> 8, word & 255]));
}

/** `host:port`, `[2001:db8::1]:port`; the host is an address, never a name. */
export function parseEndpoint(text: string): { host: Address; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match && parseAddress(match[1] ?? match[2] ?? "");
  const port = Number(match?.[3]);
  return host && port >= 1 && port <= 65535 ? { host, port } : undefined;
}

function ipv6Words(text: string): number[] | undefined {
  const halves = text.toLowerCase().split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const known = [...head, ...tail];
  if (!known.every((word) => /^[0-9a-f]{1,4}$/.test(word))) return undefined;
  const missing = 8 - known.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...Array<string>(missing).fill("0"), ...tail].map((word) => parseInt(word, 16));
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2), a second name for an IPv4 address. */
const isMapped = (words: readonly number[]): boolean =>
  words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero words as `::`. */
function ipv6Text(words: readonly number[]): Address {
  let best = { from: -1, length: 1 };
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && words[to] === 0) to++;
    if (to - from > best.length) best = { from, length: to - from };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.from < 0) return hex.join(":") as Address;
  const head = hex.slice(0, best.from).join(":");
  return `${head}::${hex.slice(best.from + best.length).join(":")}` as Address;
}

const clamp = (value: number, low: number, high: number): number =>
  Math.min(Math.max(value, low), high);
