import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromHex, readU16, writeU16 } from "../../src/base/bytes.ts";
import { checksum, onesSum, updatedChecksum, writeChecksum } from "../../src/base/checksum.ts";

describe("RFC 1071", () => {
  const example = fromHex("00 01 f2 03 f4 f5 f6 f7");

  test("the example of §3", () => {
    expect(onesSum(example, 0, 8)).toBe(0xddf2);
    expect(checksum(example, 0, 8)).toBe(0x220d);
  });

  test("sums of parts add up, an odd last byte is a high half", () => {
    expect(onesSum(example, 4, 8, onesSum(example, 0, 4))).toBe(0xddf2);
    expect(onesSum(example, 1, 8)).toBe(onesSum(fromHex("01 f2 03 f4 f5 f6 f7 00"), 0, 8));
    expect(onesSum(example, 3, 3)).toBe(0);
  });

  test("the longest packet of all ones folds", () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    expect(onesSum(bytes, 0, bytes.length)).toBe(0xff00);
    expect(onesSum(bytes, 0, bytes.length, 0xffff_ffff)).toBe(0xff00);
  });

  test("bytes that contain their checksum sum to 0", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), (bytes) => {
        writeChecksum(bytes, 2, 0, bytes.length, 17);
        expect(checksum(bytes, 0, bytes.length, 17)).toBe(0);
      }),
    );
  });
});

describe("RFC 1624", () => {
  test("the example of §4", () => {
    expect(updatedChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  test("an update equals a new sum", () => {
    const u16 = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(u16, { minLength: 10, maxLength: 10 }), u16, (words, after) => {
        const bytes = new Uint8Array(20);
        for (const [i, word] of words.entries()) writeU16(bytes, 2 * i, word);
        writeU16(bytes, 0, 0x4500); // a header is never all zeros, where 0 and ffff would differ
        writeChecksum(bytes, 10, 0, 20);
        const updated = updatedChecksum(readU16(bytes, 10), readU16(bytes, 8), after);
        writeU16(bytes, 8, after);
        writeChecksum(bytes, 10, 0, 20);
        expect(updated).toBe(readU16(bytes, 10));
      }),
    );
  });
});
