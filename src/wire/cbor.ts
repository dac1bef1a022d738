/**
 * Bounded CBOR (RFC 8949) for control and gossip messages. Bytes from a peer pass two gates: an
 * iterative scan that allows one strict subset of the format and allocates nothing that grows with
 * the message, then cbor-x, whose own limits have moved between releases and are not relied upon.
 * The third gate, the shape of each message, is not here.
 *
 * The subset: one item of definite lengths, every length and integer in its shortest form, text
 * that is UTF-8 without NUL, maps with text keys of 1 to 64 bytes and none twice, no tag, and of
 * the simple values only false, true and null. Numbers that are no integers of 32 bits and a sign
 * travel as float64, never NaN or infinite; so every value has exactly one encoding (§4.2).
 */
// Not "cbor-x": that entry loads the native cbor-extract, which ends Bun 1.4.5 in a segmentation
// fault on sound messages. This one is the same code without it, and without `new Function`.
import { Decoder, Encoder, setSizeLimits } from "cbor-x/index-no-eval";
import { assert } from "../base/assert.ts";
import { readU16, readU32, readU53, readU8 } from "../base/bytes.ts";
import { limits } from "../limits.ts";

export type CborFault =
  /** More than `limits.messageBytesMax`. */
  | "oversize"
  /** The bytes end inside an item, or a count promises more than they hold. */
  | "truncated"
  /** Bytes behind the one item. */
  | "trailing"
  /** More items, keys included, than `limits.messageItemsMax`. */
  | "items"
  /** Arrays and maps nested deeper than `limits.messageDepthMax`. */
  | "depth"
  /** An indefinite length, or its end. */
  | "indefinite"
  /** Additional information 28 to 30, which has no meaning. */
  | "reserved"
  /** A length, integer or float that has a shorter form. */
  | "not-shortest"
  /** An integer of more than 32 bits. */
  | "integer"
  /** NaN, an infinity, or a float of 16 or 32 bits. */
  | "float"
  /** A simple value other than false, true and null. */
  | "simple"
  | "tag"
  /** Text that is not UTF-8, holds a NUL or begins with U+FEFF, which cbor-x would drop. */
  | "text"
  /** A map key that is no text of 1 to 64 bytes, or `__proto__`. */
  | "key"
  /** A map that names a key twice. */
  | "doubled-key"
  /** The scan let pass what cbor-x refused: a defect of the scan, and worth a look. */
  | "decoder";

const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const;
const simple = { false: 20, null: 22, float16: 25, float32: 26, float64: 27, break: 31 } as const;
const keyBytesMax = 64;
/** The least value that needs an argument of 1, 2, 4 or 8 bytes. */
const shortestFrom = [24, 0x100, 0x1_0000, 0x1_0000_0000] as const;

// Both are global: the limits to cbor-x, the codecs to this file, which alone imports it.
setSizeLimits({
  maxArraySize: limits.messageItemsMax,
  maxMapSize: limits.messageItemsMax,
  maxObjectSize: limits.messageItemsMax,
});
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/**
 * The bytes of a tree of null, booleans, finite numbers, text, `Uint8Array`, arrays and plain
 * objects; object fields that are undefined are left out. Everything else, and a message that
 * `decodeCbor` would refuse, is our own fault and asserted. The result is the caller's to keep.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes = new Uint8Array(encoder.encode(plain(value, 0)));
  const scanned = new Scan(bytes).run();
  assert(typeof scanned === "number", () => `encoded a message that peers refuse: ${scanned}`);
  return bytes;
}

/**
 * The value of a whole message, or the name of its fault. Nothing in the value refers to `bytes`.
 * Numbers are finite; whether one is an integer in range is for the message's schema to say.
 */
export function decodeCbor(bytes: Uint8Array): { value: unknown } | CborFault {
  const entries = new Scan(bytes).run();
  if (typeof entries === "string") return entries;
  let value: unknown;
  try {
    // A view of its own, since cbor-x leaves a property on what it reads.
    value = decoder.decode(bytes.subarray());
  } catch {
    return "decoder";
  }
  return keyCount(value) === entries ? { value } : "doubled-key";
}

/** The same tree in the types that cbor-x writes without a tag; anything else is asserted. */
function plain(value: unknown, depth: number): unknown {
  assert(depth <= limits.messageDepthMax, "a message nested too deeply to encode");
  if (typeof value === "string") {
    assert(value.isWellFormed(), "text with a lone surrogate in a message");
    return value;
  }
  if (typeof value === "number") {
    assert(Number.isFinite(value), () => `no message may hold the number ${value}`);
    return value;
  }
  if (value === null || typeof value === "boolean" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  assert(isPlainObject(value), () => `no message may hold a ${typeof value} of this kind`);
  const kept = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(kept.map(([key, item]) => [key, plain(item, depth + 1)]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Own keys in the whole decoded tree, whose depth the scan has bounded. */
function keyCount(value: unknown): number {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 0;
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
  const own = Array.isArray(value) ? 0 : items.length;
  return items.reduce<number>((sum, item) => sum + keyCount(item), own);
}

const float = new DataView(new ArrayBuffer(8));

/** One walk over the items of a message, in order, with a stack of its own instead of recursion. */
class Scan {
  readonly #bytes: Uint8Array;
  /** Of each open container the items still to come, and whether it is a map. */
  readonly #pending = new Uint32Array(limits.messageDepthMax + 1);
  readonly #isMap = new Uint8Array(limits.messageDepthMax + 1);
  #at = 0;
  #items = 0;
  #entries = 0;
  #depth = 0;
  /** The argument of the last head (RFC 8949 §3): a value, a length or a count. */
  #argument = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The number of map entries in the message, or its first fault. */
  run(): number | CborFault {
    if (this.#bytes.length > limits.messageBytesMax) return "oversize";
    this.#pending[0] = 1;
    while (this.#enterNext()) {
      const fault = this.#itemFault();
      if (fault !== undefined) return fault;
    }
    return this.#at === this.#bytes.length ? this.#entries : "trailing";
  }

  /** Closes the containers that are complete; false when nothing is left to read. */
  #enterNext(): boolean {
    while (this.#pending[this.#depth] === 0) {
      if (this.#depth === 0) return false;
      this.#depth--;
    }
    return true;
  }

  #itemFault(): CborFault | undefined {
    const left = this.#pending[this.#depth] ?? 0;
    const asKey = this.#isMap[this.#depth] === 1 && left % 2 === 0;
    this.#pending[this.#depth] = left - 1;
    if (++this.#items > limits.messageItemsMax) return "items";
    if (this.#at === this.#bytes.length) return "truncated";
    const head = readU8(this.#bytes, this.#at++);
    const type = head >>> 5;
    if (asKey && type !== major.text) return "key";
    if (type === major.tag) return "tag";
    if (type > major.tag) return this.#simpleFault(head & 31);
    return this.#argumentFault(head & 31) ?? this.#bodyFault(type, asKey);
  }

  #bodyFault(type: number, asKey: boolean): CborFault | undefined {
    switch (type) {
      case major.unsigned:
      case major.negative:
        return this.#argument > 0xffff_ffff ? "integer" : undefined;
      case major.bytes:
        return this.#skip();
      case major.text:
        return this.#textFault(asKey);
      case major.array:
        return this.#open(this.#argument, false);
      default: // major.map; the two others never come here
        this.#entries += this.#argument;
        return this.#open(2 * this.#argument, true);
    }
  }

  #argumentFault(detail: number): CborFault | undefined {
    this.#argument = detail;
    if (detail < 24) return undefined;
    if (detail === simple.break) return "indefinite";
    if (detail > 27) return "reserved";
    const width = 1 << (detail - 24);
    const at = this.#at;
    if (this.#left() < width) return "truncated";
    this.#at += width;
    if (width === 1) this.#argument = readU8(this.#bytes, at);
    else if (width === 2) this.#argument = readU16(this.#bytes, at);
    else if (width === 4) this.#argument = readU32(this.#bytes, at);
    else this.#argument = readU53(this.#bytes, at); // above 2^53 inexact, and refused anyway
    return this.#argument < (shortestFrom[detail - 24] ?? 0) ? "not-shortest" : undefined;
  }

  #simpleFault(detail: number): CborFault | undefined {
    if (detail >= simple.false && detail <= simple.null) return undefined;
    if (detail === simple.float64) return this.#floatFault();
    if (detail === simple.float16 || detail === simple.float32) return "float";
    if (detail === simple.break) return "indefinite";
    return detail > 27 ? "reserved" : "simple";
  }

  #floatFault(): CborFault | undefined {
    if (this.#left() < 8) return "truncated";
    float.setUint32(0, readU32(this.#bytes, this.#at));
    float.setUint32(4, readU32(this.#bytes, this.#at + 4));
    this.#at += 8;
    const value = float.getFloat64(0);
    if (!Number.isFinite(value)) return "float";
    const hasShorter = Number.isInteger(value) && value >= -0x1_0000_0000 && value <= 0xffff_ffff;
    return hasShorter ? "not-shortest" : undefined; // -0 among them
  }

  #textFault(asKey: boolean): CborFault | undefined {
    const from = this.#at;
    const fault = this.#skip();
    if (fault !== undefined) return fault;
    const bytes = this.#at - from;
    if (asKey && (bytes < 1 || bytes > keyBytesMax)) return "key";
    if (!isText(this.#bytes, from, this.#at) || isMarked(this.#bytes, from, this.#at))
      return "text";
    return asKey && isProto(this.#bytes, from, this.#at) ? "key" : undefined;
  }

  #skip(): CborFault | undefined {
    if (this.#argument > this.#left()) return "truncated";
    this.#at += this.#argument;
    return undefined;
  }

  /** Every item takes a byte or more, so a count beyond the bytes left is a lie. */
  #open(items: number, map: boolean): CborFault | undefined {
    if (items > this.#left()) return "truncated";
    if (this.#depth === limits.messageDepthMax) return "depth";
    this.#depth++;
    this.#pending[this.#depth] = items;
    this.#isMap[this.#depth] = map ? 1 : 0;
    return undefined;
  }

  #left(): number {
    return this.#bytes.length - this.#at;
  }
}

/** Whether `bytes[from, to)` is UTF-8 (RFC 3629 §4: no surrogates, nothing overlong), no NUL. */
function isText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to;) {
    const lead = readU8(bytes, at);
    if (lead === 0) return false;
    const width = lead < 0x80 ? 1 : characterBytes(lead);
    if (width === 0 || width > to - at) return false;
    if (width > 1 && !isSecondByte(lead, readU8(bytes, at + 1))) return false;
    for (let i = 2; i < width; i++) if (readU8(bytes, at + i) >>> 6 !== 2) return false;
    at += width;
  }
  return true;
}

/** A byte order mark in front. */
const isMarked = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from >= 3 && readU16(bytes, from) === 0xefbb && readU8(bytes, from + 2) === 0xbf;

function characterBytes(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

function isSecondByte(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead === 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead === 0xf4) return second >= 0x80 && second <= 0x8f;
  return second >= 0x80 && second <= 0xbf;
}

const protoKey = new TextEncoder().encode("__proto__");

/** cbor-x renames this key, so no peer may use it. */
function isProto(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== protoKey.length) return false;
  return protoKey.every((byte, i) => byte === bytes[from + i]);
}
