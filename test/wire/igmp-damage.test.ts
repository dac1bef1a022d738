import { describe, expect, test } from "bun:test";
import { fromHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseIgmp } from "../../src/wire/igmp.ts";
import { igmpMessages, igmpPackets } from "../vector/igmp.ts";
import { parse, wrap } from "./igmp-packet.ts";

const wholePackets = [
  ...Object.values(igmpMessages).map(({ hex }) => wrap(fromHex(hex), {}, false)),
  ...Object.values(igmpPackets).map(({ hex }) => fromHex(hex)),
];

describe("damage", () => {
  test("every truncation of every vector is refused", () => {
    for (const packet of wholePackets) {
      for (let to = 0; to < packet.length; to++) {
        expect(parseIgmp(packet, 0, to)).toMatch(to < 20 ? "ip-short" : /^ip-.*-length$/);
      }
    }
  });

  test("every truncation of the message under right lengths and checksums is named", () => {
    for (const { hex } of Object.values(igmpMessages)) {
      const message = fromHex(hex);
      for (let length = 0; length < message.length; length++) {
        const packet = parse(wrap(message.slice(0, length)));
        if (typeof packet !== "string") {
          // An MRD message has only 4 bytes that count, a query 8 or 12.
          expect([["other"], ["query"]]).toContainEqual([packet.message.kind]);
        }
      }
    }
  });

  test("every single-bit flip is refused", () => {
    for (const packet of wholePackets) {
      for (let bit = 0; bit < packet.length * 8; bit++) {
        const bytes = packet.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(typeof parse(bytes)).toBe("string");
      }
    }
  });

  test("every single-bit flip of the message under a right checksum never throws", () => {
    for (const { hex } of Object.values(igmpMessages)) {
      const message = fromHex(hex);
      for (let bit = 0; bit < message.length * 8; bit++) {
        const bytes = message.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const packet = parse(wrap(bytes));
        expect(typeof packet === "string" || typeof packet.message.kind === "string").toBe(true);
      }
    }
  });

  test("mutations never throw, change no input, and stay within the bytes", () => {
    const prng = new Prng(0x16b);
    const messages = Object.values(igmpMessages).map(({ hex }) => fromHex(hex));
    for (let i = 0; i < 100_000; i++) {
      const message = mutated(prng, prng.pick(messages));
      const bytes = wrap(message, {}, prng.below(8) > 0);
      if (prng.below(4) === 0) bytes[prng.below(bytes.length)] = prng.below(256);
      const before = bytes.slice();
      const packet = parse(bytes);
      expect(bytes).toEqual(before);
      if (typeof packet === "string" || packet.message.kind !== "report3") continue;
      const sources = packet.message.records.flatMap((record) => record.sources);
      const needed = 8 + 8 * packet.message.records.length + 4 * sources.length;
      expect(needed).toBeLessThanOrEqual(message.length);
    }
  });
});

/** A message with some bytes changed, cut or grown, most often where types and counts are. */
function mutated(prng: Prng, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, message.length + prng.below(25) - 8));
  bytes.set(message.subarray(0, bytes.length));
  for (let i = message.length; i < bytes.length; i++) bytes[i] = prng.below(256);
  for (let n = prng.below(4); n > 0; n--) {
    if (bytes.length > 0)
      bytes[prng.below(bytes.length)] = prng.pick([0, 1, 2, 6, 7, 128, 224, 255]);
  }
  return bytes;
}
