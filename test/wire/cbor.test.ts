import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromHex, toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import { decodeCbor, encodeCbor } from "../../src/wire/cbor.ts";
import { cborFaults, cborPairs } from "../vector/cbor.ts";

describe("the vectors", () => {
  test.each(cborPairs.map(([hex, value]) => ({ hex, value })))("$hex", ({ hex, value }) => {
    expect(decodeCbor(fromHex(hex))).toEqual({ value });
    expect(toHex(encodeCbor(value))).toBe(hex);
  });

  test.each(cborFaults.map(([hex, fault]) => ({ hex, fault })))("$hex: $fault", (vector) => {
    expect(decodeCbor(fromHex(vector.hex)) as unknown).toBe(vector.fault);
  });

  test("every truncation of a sound message is refused", () => {
    for (const [hex] of cborPairs) {
      const bytes = fromHex(hex);
      for (let length = 0; length < bytes.length; length++) {
        expect(typeof decodeCbor(bytes.subarray(0, length))).toBe("string");
      }
    }
  });
});

const text = fc
  .string({ unit: "binary" })
  .filter((some) => !some.includes("\0") && !some.startsWith("\ufeff"));
const key = fc
  .oneof(fc.constantFrom("constructor", "toString", "length", "0", "toJSON"), text)
  .filter((some) => some !== "" && some !== "__proto__" && Buffer.byteLength(some) <= 64);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((some) => some + 0),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: limits.messageDepthMax - 1, depthSize: "small" },
    fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 300 })),
    fc.array(tie("tree"), { maxLength: 8 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 8 }),
  ),
}));

describe("encodeCbor and decodeCbor", () => {
  test("every tree of messages comes back", () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(decodeCbor(encodeCbor(value))).toEqual({ value: positiveZero(value) });
      }),
      { numRuns: 500 },
    );
  });

  test("every length of text and bytes at which a header grows", () => {
    for (const length of [0, 1, 11, 12, 23, 24, 31, 32, 63, 64, 85, 139, 255, 256, 4096, 60_000]) {
      for (const value of ["a".repeat(length), new Uint8Array(length).fill(0xa5)]) {
        expect(decodeCbor(encodeCbor(value))).toEqual({ value });
        const twice = [value, { value: value.slice(0, 5000) }];
        expect(decodeCbor(encodeCbor(twice))).toEqual({ value: twice });
      }
      const wide = "ü水\u{10151}".repeat(Math.floor(length / 12));
      expect(decodeCbor(encodeCbor(wide))).toEqual({ value: wide });
    }
  });

  test("fields that are undefined are left out, items are not", () => {
    const value = { a: undefined, b: 1, c: { d: undefined } };
    expect(toHex(encodeCbor(value))).toBe("a261620161" + "63a0");
    expect(() => encodeCbor([undefined])).toThrow("undefined");
    expect(() => encodeCbor(undefined)).toThrow("undefined");
  });

  test("numbers and maps of any size have one form", () => {
    expect(toHex(encodeCbor(-0))).toBe("00");
    expect(toHex(encodeCbor(2 ** 53))).toBe("fb4340000000000000");
    const map = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]));
    expect(decodeCbor(encodeCbor(map))).toEqual({ value: map });
  });

  test.each<[string, unknown]>([
    ["NaN", Number.NaN],
    ["Infinity", [Number.POSITIVE_INFINITY]],
    ["bigint", 1n],
    ["function", { a: (): void => undefined }],
    ["symbol", Symbol("a")],
    ["Date", new Date(0)],
    ["Map", new Map([["a", 1]])],
    ["Set", new Set([1])],
    ["other typed arrays", new Uint16Array(2)],
    ["a lone surrogate", "\ud800"],
    ["NUL in text", "a\0"],
    ["a byte order mark in front", `\ufeff${"a".repeat(100)}`],
    ["an empty key", { "": 1 }],
    ["a key of 65 bytes", { ["k".repeat(65)]: 1 }],
    ["__proto__", JSON.parse('{"__proto__":1}')],
    ["too many bytes", "a".repeat(limits.messageBytesMax)],
    ["too many items", Array(limits.messageItemsMax).fill(0)],
    ["too deep", nested(limits.messageDepthMax + 1)],
    ["a ring", ring()],
  ])("asserts what no message may hold: %s", (_, value) => {
    expect(() => encodeCbor(value)).toThrow();
    expect(decodeCbor(encodeCbor("still sound"))).toEqual({ value: "still sound" });
  });
});

describe("bounds", () => {
  test("oversize: the bound itself passes", () => {
    const bytes = encodeCbor("a".repeat(limits.messageBytesMax - 5));
    expect(bytes.length).toBeLessThanOrEqual(limits.messageBytesMax);
    expect(decodeCbor(new Uint8Array(limits.messageBytesMax + 1))).toBe("oversize");
    expect(decodeCbor(new Uint8Array(limits.messageBytesMax))).toBe("trailing");
  });

  test("items: the bound itself passes", () => {
    const most = Array(limits.messageItemsMax - 1).fill(0);
    expect(decodeCbor(encodeCbor(most))).toEqual({ value: most });
    const head = limits.messageItemsMax.toString(16).padStart(4, "0");
    expect(decodeCbor(fromHex(`99${head}${"00".repeat(limits.messageItemsMax)}`))).toBe("items");
  });

  test("depth: the bound itself passes, 60 000 levels cost nothing", () => {
    const deepest = nested(limits.messageDepthMax);
    expect(decodeCbor(encodeCbor(deepest))).toEqual({ value: deepest });
    expect(decodeCbor(fromHex(`${"81".repeat(limits.messageDepthMax + 1)}00`))).toBe("depth");
    expect(decodeCbor(new Uint8Array(60_000).fill(0x81))).toBe("depth");
  });

  test("a key has 1 to 64 bytes", () => {
    const value = { ["k".repeat(64)]: { k: 1 } };
    expect(decodeCbor(encodeCbor(value))).toEqual({ value });
    expect(decodeCbor(fromHex(`a17841${"61".repeat(65)}00`))).toBe("key");
  });
});

test("what is decoded does not refer to the bytes, and leaves nothing on them", () => {
  const bytes = encodeCbor([Uint8Array.of(1, 2, 3), "text"]);
  const decoded = decodeCbor(bytes);
  expect(Object.keys(bytes).length).toBe(bytes.length);
  bytes.fill(0);
  expect(decoded).toEqual({ value: [Uint8Array.of(1, 2, 3), "text"] });
});

test("mutations never throw, change no input, and what passes has one encoding", () => {
  const prng = new Prng(0xcb0);
  const row = {
    site: "berlin",
    zone: "/eu",
    wants: [["233.252.0.1", "x"]],
    rate: 0.5,
    seq: 2 ** 40,
  };
  const seeds = [...cborPairs, ...cborFaults].map(([hex]) => fromHex(hex));
  seeds.push(encodeCbor(row), encodeCbor({ rows: [row, row], key: new Uint8Array(40) }));
  for (let i = 0; i < 100_000; i++) {
    const seed = prng.pick(seeds);
    const bytes = new Uint8Array(Math.max(0, seed.length + prng.below(5) - 2));
    bytes.set(seed.subarray(0, bytes.length));
    for (let n = prng.below(4); n > 0 && bytes.length > 0; n--) {
      bytes[prng.below(bytes.length)] = prng.below(256);
    }
    const before = toHex(bytes);
    const decoded = decodeCbor(bytes);
    if (toHex(bytes) !== before) throw new Error(`changed ${before}`);
    if (decoded === "decoder") throw new Error(`the scan let pass ${before}`);
    if (typeof decoded === "string") continue;
    // The order of a map's keys is free, so only the length of the encoding is compared.
    if (encodeCbor(decoded.value).length !== bytes.length) throw new Error(`two forms: ${before}`);
  }
});

function nested(depth: number): unknown {
  return depth === 0 ? 0 : [nested(depth - 1)];
}

function ring(): unknown {
  const array: unknown[] = [];
  array.push(array);
  return array;
}

/** The same tree with 0 for -0, which has no encoding of its own. */
function positiveZero(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(positiveZero);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, positiveZero(item)]));
}
