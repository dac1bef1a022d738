import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromHex, toHex, writeU32 } from "../../src/base/bytes.ts";
import { crc32 } from "../../src/base/crc32.ts";
import {
  isForeign,
  type Probe,
  type ProbeFault,
  probeBytesMax,
  probeBytesMin,
  probeCounter,
  probeFault,
  probeRun,
  probeSentMicros,
  probeStream,
  writeProbe,
} from "../../src/wire/probe.ts";

const probe: Probe = {
  run: 0x0102_0304,
  stream: 7,
  counter: 0x1_0000_0005,
  sentMicros: 1_795_363_970_009_474,
};

// Made from the drawing by a Python script with zlib.crc32, not by this writer.
const vector = fromHex(
  "46437062 01000000 01020304 00000007 0000000100000005 000660dfbfacc982 00000030 c086e16b " +
    "09a745e48220be5c",
);

const written = (size: number, of: Probe = probe): Uint8Array => {
  const bytes = new Uint8Array(size).fill(0xa5);
  writeProbe(bytes, of);
  return bytes;
};

/** The packet with a change made before its CRC was put right again. */
function resealed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = written(60);
  change(bytes);
  writeU32(bytes, 36, 0);
  writeU32(bytes, 36, crc32(bytes));
  return bytes;
}

test("the frozen vector", () => {
  expect(toHex(written(48))).toBe(toHex(vector));
});

test("reads back what was written, at any size", () => {
  const number = fc.nat(0xffff_ffff);
  const counter = fc.maxSafeNat();
  const size = fc.integer({ min: probeBytesMin, max: 2_000 });
  fc.assert(
    fc.property(number, number, counter, counter, size, (run, stream, count, sentMicros, bytes) => {
      const packet = written(bytes, { run, stream, counter: count, sentMicros });
      expect(probeFault(packet)).toBeUndefined();
      expect([probeRun(packet), probeStream(packet)]).toEqual([run, stream]);
      expect([probeCounter(packet), probeSentMicros(packet)]).toEqual([count, sentMicros]);
    }),
  );
  expect(probeFault(written(probeBytesMax))).toBeUndefined();
});

const faults: readonly [ProbeFault, Uint8Array][] = [
  ["short", written(60).subarray(0, probeBytesMin - 1)],
  ["magic", resealed((bytes) => bytes.fill(0, 0, 1))],
  ["version", resealed((bytes) => bytes.fill(2, 4, 5))],
  ["version", resealed((bytes) => bytes.fill(1, 7, 8))],
  ["length", written(60).subarray(0, 59)],
  ["number", resealed((bytes) => writeU32(bytes, 16, 0x20_0000))],
  ["number", resealed((bytes) => writeU32(bytes, 24, 0x20_0000))],
  ["crc", written(60).fill(0, 36, 40)],
  ["pattern", resealed((bytes) => bytes.fill((bytes[59] as number) ^ 1, 59, 60))],
];

test.each(faults)("fault %s", (fault, bytes) => {
  expect(probeFault(bytes)).toBe(fault);
});

test("only what never was a probe is foreign", () => {
  const foreign = faults.filter(([fault]) => isForeign(fault)).map(([fault]) => fault);
  expect([...new Set(foreign)]).toEqual(["short", "magic", "version"]);
});

test("every flipped bit shows", () => {
  const bytes = written(60);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(probeFault(flipped)).toBeDefined();
  }
});

test("neighbours in a stream differ in their pattern", () => {
  const next = written(200, { ...probe, counter: probe.counter + 1 });
  expect(toHex(written(200).subarray(40))).not.toBe(toHex(next.subarray(40)));
});
