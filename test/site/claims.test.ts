import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ipv4Address,
  ipv4Mask,
  ipv4Of,
  parsePrefix,
  prefixContains,
} from "../../src/base/address.ts";
import { Claims } from "../../src/site/claims.ts";
import { foreign, own, prefix } from "./site.ts";

const claims = (...rows: [string, string[]][]): Claims => {
  const made = new Claims();
  made.onRows(rows.map(([site, prefixes]) => ({ site, prefixes })));
  return made;
};

describe("claims", () => {
  test("tell whose a source is, by the longest match", () => {
    const made = claims(["b", ["10.2.0.0/16"]], ["c", ["10.2.0.0/24", "2001:db8::/32"]]);
    expect(made.claimant(ipv4Of(foreign))).toBe("c");
    expect(made.claimant(ipv4Of(foreign) + 256)).toBe("b");
    expect(made.claimant(ipv4Of(own))).toBeUndefined();
  });

  test("say whether anything is new", () => {
    const made = claims(["b", ["10.2.0.0/16"]]);
    expect(made.onRows([{ site: "b", prefixes: ["10.2.0.0/16"] }])).toBe(false);
    expect(made.onRows([{ site: "c", prefixes: ["10.2.0.0/16"] }])).toBe(true);
    expect(made.onRows([{ site: "c", prefixes: [] }])).toBe(true);
    expect(made.onRows([])).toBe(true);
    expect(made.onRows([])).toBe(false);
  });

  test("a prefix that is none claims nothing", () => {
    const made = claims(["b", ["10.2.0.1/16", "all of it"]]);
    expect(made.claimant(ipv4Of(foreign))).toBeUndefined();
  });
});

describe("overlaps", () => {
  test("with our own prefixes and between others, the wider first", () => {
    const made = claims(["b", ["10.1.2.0/24", "10.9.0.0/16"]], ["c", ["10.9.0.0/16"]]);
    expect(made.overlaps("a", [prefix], 10)).toEqual([
      { sites: ["a", "b"], prefixes: ["10.1.0.0/16", "10.1.2.0/24"] },
      { sites: ["b", "c"], prefixes: ["10.9.0.0/16", "10.9.0.0/16"] },
    ]);
    expect(made.overlaps("a", [prefix], 1)).toHaveLength(1);
  });

  test("a site may name a prefix within its own", () => {
    expect(claims(["b", ["10.2.0.0/16", "10.2.1.0/24"]]).overlaps("a", [prefix], 10)).toEqual([]);
  });
});

test("random claims overlap as pairs do one by one", () => {
  const anyPrefix = fc
    .record({ low: fc.integer({ min: 0, max: 255 }), bits: fc.integer({ min: 22, max: 32 }) })
    .map(({ low, bits }) => `${ipv4Address(((10 << 24) | low) & ipv4Mask(bits))}/${bits}`);
  const anyRow = fc.record({
    site: fc.constantFrom("b", "c", "d"),
    prefixes: fc.array(anyPrefix, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 5 }), (rows) => {
      const made = new Claims();
      made.onRows(rows);
      const all = rows.flatMap(({ site, prefixes }) =>
        prefixes.map((text) => ({ site, prefix: parsePrefix(text) as typeof prefix })),
      );
      let count = 0;
      all.forEach((a, i) => {
        for (const b of all.slice(i + 1)) {
          const meet =
            prefixContains(a.prefix, b.prefix.address) ||
            prefixContains(b.prefix, a.prefix.address);
          if (a.site !== b.site && meet) count++;
        }
      });
      expect(made.overlaps("a", [], 1_000)).toHaveLength(count);
    }),
  );
});
