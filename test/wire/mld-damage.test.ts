import { describe, expect, test } from "bun:test";
import { fromHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseMld } from "../../src/wire/mld.ts";
import { mldPackets } from "../vector/mld.ts";
import { mrdPackets } from "../vector/mrd.ts";
import { parse, wrap } from "./mld-packet.ts";

const wholePackets = [
  ...Object.values(mldPackets).map(({ hex }) => fromHex(hex)),
  ...Object.values(mrdPackets).map(fromHex),
];
const messages = wholePackets.map((packet) => packet.subarray(48));

describe("damage", () => {
  test("every truncation of every vector is refused", () => {
    for (const packet of wholePackets) {
      for (let to = 0; to < packet.length; to++) {
        expect(parseMld(packet, 0, to)).toBe(to < 40 ? "ip-short" : "ip-payload-length");
      }
    }
  });

  test("every truncation of the message under right lengths and checksums is named", () => {
    for (const message of messages) {
      for (let length = 0; length < message.length; length++) {
        const packet = parse(wrap(message.slice(0, length)));
        if (typeof packet !== "string") {
          // A router discovery message has only 4 bytes that count, a query 24 or 28.
          expect([["other"], ["query"]]).toContainEqual([packet.message.kind]);
        }
      }
    }
  });

  test("every single-bit flip is refused, but for those that no rule covers", () => {
    for (const packet of wholePackets) {
      for (let bit = 0; bit < packet.length * 8; bit++) {
        const bytes = packet.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (7 - (bit & 7)));
        const isUncovered = (bit >= 4 && bit < 32) || (bit >= 42 * 8 && bit < 48 * 8);
        // Traffic class, flow label and options are in no checksum.
        if (!isUncovered) expect(typeof parse(bytes)).toBe("string");
        else expect(typeof parse(bytes)).toBe("object");
      }
    }
  });

  test("every single-bit flip of the message under a right checksum never throws", () => {
    for (const message of messages) {
      for (let bit = 0; bit < message.length * 8; bit++) {
        const bytes = message.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const packet = parse(wrap(bytes));
        expect(typeof packet === "string" || typeof packet.message.kind === "string").toBe(true);
      }
    }
  });

  test("mutations never throw, change no input, and stay within the bytes", () => {
    const prng = new Prng(0x16d);
    for (let i = 0; i < 100_000; i++) {
      const message = mutated(prng, prng.pick(messages));
      const bytes = wrap(message, {}, prng.below(8) > 0);
      if (prng.below(4) === 0) bytes[prng.below(bytes.length)] = prng.below(256);
      const before = bytes.slice();
      const packet = parse(bytes);
      expect(bytes).toEqual(before);
      if (typeof packet === "string" || packet.message.kind !== "report3") continue;
      const sources = packet.message.records.flatMap((record) => record.sources);
      const needed = 8 + 20 * packet.message.records.length + 16 * sources.length;
      expect(needed).toBeLessThanOrEqual(bytes.length - 40);
    }
  });
});

/** A message with some bytes changed, cut or grown, most often where types and counts are. */
function mutated(prng: Prng, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, message.length + prng.below(49) - 16));
  bytes.set(message.subarray(0, bytes.length));
  for (let i = message.length; i < bytes.length; i++) bytes[i] = prng.below(256);
  for (let n = prng.below(4); n > 0; n--) {
    const near = Math.min(bytes.length, prng.pick([12, 32, 100]));
    if (near > 0) bytes[prng.below(near)] = prng.pick([0, 1, 2, 6, 7, 128, 130, 143, 255]);
  }
  return bytes;
}
