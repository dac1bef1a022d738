/**
 * The payload of a test packet, which `fastcast send` writes and `fastcast recv` judges. It is the
 * UDP payload as it is: FastCast itself never looks at it. Big-endian:
 *
 * ```
 *       0               1               2               3
 *  0  |  magic "FCpb"                                                 |
 *  4  |  version = 1  |  zero                                         |
 *  8  |  run: one number per start of a sender                        |
 * 12  |  stream: the sender's own number                              |
 * 16  |  counter, 64 bits, below 2^53: 0, 1, 2, … within run, stream  |
 * 24  |  send time, 64 bits, microseconds since the epoch             |
 * 32  |  payload bytes, this header included                          |
 * 36  |  CRC-32 (IEEE) of the whole payload with this field as zero   |
 * 40  |  pattern to the end                                           |
 * ```
 *
 * Byte i of the pattern is the high byte of ((s + i) · 0x9e3779b1 mod 2^32), where s, 16 bits, is a
 * mix of run and counter: a receiver knows every byte, and neighbours in a stream differ.
 */
import { assert } from "../base/assert.ts";
import { readU32, readU53, writeU32, writeU53 } from "../base/bytes.ts";
import { crc32 } from "../base/crc32.ts";

const at = {
  magic: 0,
  version: 4,
  run: 8,
  stream: 12,
  counter: 16,
  sentMicros: 24,
  payloadBytes: 32,
  crc: 36,
} as const;

export const probeBytesMin = 40;
/** The largest UDP payload in an IPv4 packet. */
export const probeBytesMax = 65_507;

const magic = 0x4643_7062;
const version = 1;
const zeroField = new Uint8Array(4);
const pattern = patternBytes(0x1_0000 + probeBytesMax);

/** What names a test packet; `run` and `stream` are 32 bits, `counter` is below 2^53. */
export type Probe = {
  readonly run: number;
  readonly stream: number;
  readonly counter: number;
  readonly sentMicros: number;
};

/** `short`, `magic`, `version`: not ours. The rest: ours once, changed on the way. */
export type ProbeFault = "short" | "magic" | "version" | "length" | "number" | "crc" | "pattern";

/** Bytes from the network pass here before any accessor below touches them. */
export function probeFault(bytes: Uint8Array): ProbeFault | undefined {
  if (bytes.length < probeBytesMin) return "short";
  if (readU32(bytes, at.magic) !== magic) return "magic";
  if (readU32(bytes, at.version) !== version * 0x100_0000) return "version";
  if (readU32(bytes, at.payloadBytes) !== bytes.length) return "length";
  if (bytes.length > probeBytesMax) return "length";
  if (!isU53(bytes, at.counter) || !isU53(bytes, at.sentMicros)) return "number";
  if (readU32(bytes, at.crc) !== probeCrc(bytes)) return "crc";
  return hasPattern(bytes) ? undefined : "pattern";
}

/** True when the payload was never a test packet: other programs may use the group too. */
export const isForeign = (fault: ProbeFault): boolean =>
  fault === "short" || fault === "magic" || fault === "version";

export const probeRun = (bytes: Uint8Array): number => readU32(bytes, at.run);
export const probeStream = (bytes: Uint8Array): number => readU32(bytes, at.stream);
export const probeCounter = (bytes: Uint8Array): number => readU53(bytes, at.counter);
export const probeSentMicros = (bytes: Uint8Array): number => readU53(bytes, at.sentMicros);

/** Fills all of `into`, whose length is the payload's. */
export function writeProbe(into: Uint8Array, probe: Probe): void {
  assert(into.length >= probeBytesMin && into.length <= probeBytesMax, "no size for a probe");
  into.fill(0, 0, probeBytesMin); // a reused buffer must not leak old bytes
  writeU32(into, at.magic, magic);
  into[at.version] = version;
  writeU32(into, at.run, probe.run);
  writeU32(into, at.stream, probe.stream);
  writeU53(into, at.counter, probe.counter);
  writeU53(into, at.sentMicros, probe.sentMicros);
  writeU32(into, at.payloadBytes, into.length);
  const from = patternStart(probe.run, probe.counter);
  into.set(pattern.subarray(from, from + into.length - probeBytesMin), probeBytesMin);
  writeU32(into, at.crc, probeCrc(into));
}

function probeCrc(bytes: Uint8Array): number {
  const head = crc32(bytes, 0, at.crc);
  return crc32(bytes, probeBytesMin, bytes.length, crc32(zeroField, 0, 4, head));
}

function hasPattern(bytes: Uint8Array): boolean {
  const from = patternStart(probeRun(bytes), probeCounter(bytes)) - probeBytesMin;
  for (let i = probeBytesMin; i < bytes.length; i++) {
    if (bytes[i] !== pattern[from + i]) return false;
  }
  return true;
}

function patternStart(run: number, counter: number): number {
  const mixed = Math.imul(run ^ counter, 0x85eb_ca6b);
  return (mixed ^ (mixed >>> 16)) & 0xffff;
}

const isU53 = (bytes: Uint8Array, from: number): boolean => readU32(bytes, from) < 0x20_0000;

function patternBytes(count: number): Uint8Array {
  const made = new Uint8Array(count);
  for (let i = 0; i < count; i++) made[i] = Math.imul(i, 0x9e37_79b1) >>> 24;
  return made;
}
