import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address, ipv4Address, maskedAddress, prefixContains } from "../../src/base/address.ts";
import { isMartian, Ownership } from "../../src/site/ownership.ts";

const prefixes = [
  { address: address("10.1.0.0"), bits: 16 },
  { address: address("192.0.2.8"), bits: 30 },
  { address: address("2001:db8::"), bits: 32 },
];

describe("sources of a site", () => {
  const ownership = new Ownership(prefixes);
  test.each([
    ["10.1.0.0", true],
    ["10.1.255.255", true],
    ["10.2.0.0", false],
    ["192.0.2.7", false],
    ["192.0.2.8", true],
    ["192.0.2.11", true],
    ["192.0.2.12", false],
    ["2001:db8::1", true],
    ["2001:db9::1", false],
  ] as const)("%s: %p", (text, owned) => {
    expect(ownership.owns(address(text))).toBe(owned);
  });

  test("what is in one of the prefixes", () => {
    const prefix = fc
      .record({ number: fc.nat(0xffff_ffff), bits: fc.integer({ min: 0, max: 32 }) })
      .map(({ number, bits }) => ({ address: maskedAddress(ipv4Address(number), bits), bits }));
    fc.assert(
      fc.property(fc.array(prefix), fc.integer({ min: 1, max: 126 }), fc.nat(), (all, net, low) => {
        const source = ((net << 24) | (low & 0xff_ffff)) >>> 0;
        const owns = new Ownership(all).owns(ipv4Address(source));
        expect(owns).toBe(all.some((one) => prefixContains(one, ipv4Address(source))));
      }),
    );
  });
});

test("a site that owns everything owns no martian (RFC 1812 §5.3.7)", () => {
  const all = new Ownership([
    { address: address("0.0.0.0"), bits: 0 },
    { address: address("::"), bits: 0 },
  ]);
  expect(all.owns(address("198.51.100.1"))).toBe(true);
  expect(all.owns(address("2001:db8::1"))).toBe(true);
  const ipv4 = ["0.0.0.0", "127.0.0.1", "169.254.1.1", "239.1.1.1", "255.255.255.255"];
  for (const text of [...ipv4, "::", "::1", "fe80::1", "febf::1", "ff0e::1"]) {
    expect(all.owns(address(text))).toBe(false);
    expect(isMartian(address(text))).toBe(true);
  }
});
