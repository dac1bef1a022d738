import { expect, test } from "bun:test";
import { crc32 } from "../../src/base/crc32.ts";
import { Prng } from "../../src/base/prng.ts";

test("the check value of CRC-32/ISO-HDLC", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});

test("equals the runtime's at every length and offset of a step", () => {
  const prng = new Prng(1);
  const bytes = Uint8Array.from({ length: 300 }, () => prng.below(256));
  for (let from = 0; from < 8; from++) {
    for (let to = from; to <= bytes.length; to++) {
      expect(crc32(bytes, from, to)).toBe(Bun.hash.crc32(bytes.subarray(from, to)));
    }
  }
});

test("goes on where it stopped", () => {
  const bytes = new TextEncoder().encode("multicast between sites");
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32(bytes, cut, bytes.length, crc32(bytes, 0, cut))).toBe(crc32(bytes));
  }
});
