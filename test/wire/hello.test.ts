import { describe, expect, test } from "bun:test";
import { fromHex, toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import { frameFlags, frameHeaderBytes } from "../../src/wire/frame.ts";
import {
  fabricHash,
  type Hello,
  helloBytes,
  helloFlags,
  helloKinds,
  helloNameBytesMax,
  parseHello,
  siteNumber,
  writeHello,
} from "../../src/wire/hello.ts";
import { frames, helloOfVector } from "../vector/frame.ts";

const hello: Hello = { kind: "router", fabric: "example", name: "berlin", incarnation: 7 };

/** The payload of a greeting, with some bytes changed. */
function payload(changes: Record<number, number> = {}, of: Hello = hello): Uint8Array {
  const into = new Uint8Array(400).fill(0xa5);
  const length = writeHello(into, 5, of);
  expect(into.subarray(0, 5).every((byte) => byte === 0xa5)).toBe(true);
  expect(into.subarray(5 + length).every((byte) => byte === 0xa5)).toBe(true);
  const bytes = into.slice(5 + frameHeaderBytes, 5 + length);
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  return bytes;
}

const parsed = (bytes: Uint8Array) => parseHello(bytes, 0, bytes.length);

test("the vector", () => {
  const bytes = fromHex(frames.hello.hex);
  const { fabric, ...said } = helloOfVector;
  const peer = { ...said, fabricHash: fabricHash(fabric) };
  expect(parseHello(bytes, frameHeaderBytes, bytes.length)).toEqual(peer);
  const into = new Uint8Array(bytes.length).fill(0xa5);
  expect(writeHello(into, 0, helloOfVector)).toBe(bytes.length);
  expect(toHex(into)).toBe(toHex(bytes));
});

test("a refusal is in the flags of the frame, the greeting is the same", () => {
  const into = new Uint8Array(400);
  const length = writeHello(into, 0, hello, helloFlags.refused);
  expect(frameFlags(into, 0)).toBe(1);
  expect(toHex(into.subarray(frameHeaderBytes, length))).toBe(toHex(payload()));
});

test("every kind, and the greatest incarnation, come back", () => {
  for (const kind of helloKinds) {
    const of = { ...hello, kind, incarnation: Number.MAX_SAFE_INTEGER };
    const { fabric, ...said } = of;
    expect(parsed(payload({}, of))).toEqual({ ...said, fabricHash: fabricHash(fabric) });
  }
});

test("the longest site with the longest LAN fits; one byte more is our own fault", () => {
  const name = `${"s".repeat(limits.siteNameBytesMax)}/${"l".repeat(15)}`;
  expect(name.length).toBe(helloNameBytesMax);
  const of = { ...hello, kind: "eavesdropper", name } as const;
  expect(parsed(payload({}, of))).toMatchObject({ name });
  expect(() => payload({}, { ...of, name: `${name}x` })).toThrow("cannot hold the name");
});

describe("each fault by its name", () => {
  const nul = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [24 + i, 0]));
  test.each([
    ["hello-magic", { 0: 0 }],
    ["hello-magic", { 3: 0 }],
    ["hello-version", { 4: 2, 5: 3 }],
    ["hello-version", { 4: 0, 5: 0 }],
    ["hello-kind", { 6: 0 }],
    ["hello-kind", { 6: 4 }],
    ["hello-kind", { 6: 255 }],
    ["hello-name", { 7: 0 }],
    ["hello-name", { 7: helloNameBytesMax + 1 }],
    ["hello-name", { 7: 255 }],
    ["hello-name", { 7: 7 }],
    ["hello-name", nul],
    ["hello-name", { 24: 0x20 }],
    ["hello-name", { 25: 0x0a }],
    ["hello-name", { 25: 0xe9 }],
    ["hello-name", { 24: 0x2f }],
    ["hello-name", { 24: 0x2d }],
  ] as const)("%s %j", (fault, changes) => {
    expect(parsed(payload(changes))).toBe(fault);
  });

  test("every other size", () => {
    for (let length = 0; length < helloBytes + 20; length++) {
      if (length === helloBytes) continue;
      const bytes = new Uint8Array(length);
      bytes.set(payload().subarray(0, length));
      expect(parsed(bytes)).toBe("hello-size");
    }
  });

  test("a range of versions that holds ours", () => {
    expect(parsed(payload({ 4: 0, 5: 9 }))).toMatchObject({ name: "berlin" });
  });

  test("random damage never throws", () => {
    const prng = new Prng(0x4e110);
    for (let i = 0; i < 20_000; i++) {
      const bytes = payload();
      for (let n = prng.below(4); n >= 0; n--) bytes[prng.below(bytes.length)] = prng.below(256);
      const of = parsed(bytes);
      if (typeof of !== "string") expect(of.name).toMatch(/^[\x20-\x7e]+$/);
    }
  });
});

test("site numbers are 32 bits, fixed, and never 0", () => {
  expect(siteNumber("berlin")).toBe(0x82bd_f9fa);
  expect(siteNumber("berlin")).not.toBe(fabricHash("berlin"));
  for (let i = 0; i < 10_000; i++) {
    const number = siteNumber(`site-${i}`);
    expect(number > 0 && number <= 0xffff_ffff && Number.isInteger(number)).toBe(true);
  }
});
