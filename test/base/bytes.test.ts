import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  equalBytes,
  fromHex,
  readU16,
  readU32,
  readU53,
  readU8,
  toHex,
  writeU16,
  writeU32,
  writeU53,
} from "../../src/base/bytes.ts";

const bytes = fromHex("a5 ff 00 80 01 7f fe 00 1f ff ff ff ff ff ff a5");

test("fields are big-endian and unsigned, at any offset", () => {
  expect(readU8(bytes, 1)).toBe(0xff);
  expect(readU16(bytes, 1)).toBe(0xff00);
  expect(readU32(bytes, 3)).toBe(0x80017ffe);
  expect(readU32(bytes, 1)).toBe(0xff008001);
  expect(readU53(bytes, 7)).toBe(Number.MAX_SAFE_INTEGER);
});

test("what is written is read, and nothing beside it is touched", () => {
  const u16 = fc.integer({ min: 0, max: 0xffff });
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const check = (
    width: number,
    value: number,
    write: (into: Uint8Array, at: number, value: number) => void,
    read: (from: Uint8Array, at: number) => number,
  ): void => {
    const into = new Uint8Array(width + 4).fill(0xa5);
    write(into, 2, value);
    expect(read(into, 2)).toBe(value);
    expect([...into.subarray(0, 2), ...into.subarray(width + 2)]).toEqual(Array(4).fill(0xa5));
  };
  fc.assert(fc.property(u16, (value) => check(2, value, writeU16, readU16)));
  fc.assert(fc.property(u32, (value) => check(4, value, writeU32, readU32)));
  fc.assert(fc.property(fc.maxSafeNat(), (value) => check(8, value, writeU53, readU53)));
});

test("equalBytes compares what the views show", () => {
  expect(equalBytes(bytes, bytes.slice())).toBe(true);
  expect(equalBytes(bytes.subarray(1), bytes.subarray(0, 15))).toBe(false);
  expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
  expect(equalBytes(new Uint8Array(), new Uint8Array())).toBe(true);
});

test("hexadecimal text, blanks allowed, nothing else", () => {
  expect(toHex(fromHex("00 Ff\n0a"))).toBe("00ff0a");
  expect(fromHex("")).toEqual(new Uint8Array());
  for (const text of ["0", "0g", "0x00", "000"]) expect(() => fromHex(text)).toThrow();
  fc.assert(fc.property(fc.uint8Array(), (some) => expect(fromHex(toHex(some))).toEqual(some)));
});
