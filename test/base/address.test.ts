import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  address,
  addressBytes,
  familyOf,
  ipv4Address,
  ipv4Mask,
  ipv4Of,
  ipv6Address,
  isMulticast,
  isSourceSpecific,
  maskedAddress,
  parseAddress,
  parseEndpoint,
  parsePrefix,
  prefixContains,
  prefixText,
  readAddress,
} from "../../src/base/address.ts";
import { fromHex } from "../../src/base/bytes.ts";

describe("parseAddress", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    // RFC 5952 §1 to §4
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:0", "2001:db8:0:0:1::"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ])("%s is %s", (text, canonical) => {
    expect(parseAddress(text) as string | undefined).toBe(canonical);
  });

  test.each([
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4 ",
    "1.2.3.-4",
    "0x1.2.3.4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "::1 ",
    "::ffff:192.0.2.1",
    "::ffff:c000:201",
    "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7",
  ])("%p is no address", (text) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(() => address(text)).toThrow("no IP address");
  });
});

test("bytes and text of an address are one", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Words of zero, so that runs of them are common.
    fc
      .array(fc.constantFrom(0, 1), { minLength: 8, maxLength: 8 })
      .map((words) => Uint8Array.from(words.flatMap((word) => [0, word]))),
  );
  fc.assert(
    fc.property(bytes, (some) => {
      const family = some.length === 4 ? 4 : 6;
      const read = readAddress(some, 0, family);
      expect(familyOf(read)).toBe(family);
      expect(addressBytes(read)).toEqual(some);
      expect(parseAddress(read)).toBe(read);
    }),
  );
});

test("four words are an IPv6 address", () => {
  const words = Uint32Array.of(7, 0x2001_0db8, 0, 0xffff, 0x8000_0011, 7);
  expect(ipv6Address(words, 1) as string).toBe("2001:db8::ffff:8000:11");
});

test("an IPv4 address and its number are one", () => {
  expect(ipv4Of(address("192.0.2.1"))).toBe(0xc0000201);
  expect(ipv4Address(0xffff_ffff) as string).toBe("255.255.255.255");
  expect([0, 1, 8, 31, 32].map(ipv4Mask)).toEqual([
    0, 0x8000_0000, 0xff00_0000, 0xffff_fffe, 0xffff_ffff,
  ]);
  expect(readAddress(fromHex("a5 c0 00 02 01"), 1, 4) as string).toBe("192.0.2.1");
});

describe("prefixes", () => {
  test.each([
    ["10.1.0.0/24", "10.1.0.0/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["2001:db8::1", "2001:db8::1/128"],
    ["2001:db8:8000::/33", "2001:db8:8000::/33"],
    ["::/0", "::/0"],
  ])("%s is %s", (text, canonical) => {
    const prefix = parsePrefix(text);
    expect(prefix && prefixText(prefix)).toBe(canonical);
  });

  test.each([
    "",
    "/",
    "/24",
    "10.0.0.0/",
    "10.0.0.1/24",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "10.0.0.0/8.0",
    "2001:db8::/129",
    "2001:db8:8000::/32",
  ])("%p is none", (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test("contain exactly the addresses with their bits", () => {
    const v4 = { address: address("10.1.128.0"), bits: 17 };
    for (const [text, inside] of [
      ["10.1.128.0", true],
      ["10.1.255.255", true],
      ["10.1.127.255", false],
      ["10.2.128.0", false],
      ["2001:db8::", false],
    ] as const) {
      expect(prefixContains(v4, address(text))).toBe(inside);
    }
    const v6 = { address: address("2001:db8::"), bits: 45 };
    expect(prefixContains(v6, address("2001:db8:7:ffff::1"))).toBe(true);
    expect(prefixContains(v6, address("2001:db8:8::"))).toBe(false);
    expect(prefixContains({ address: address("::"), bits: 0 }, address("ffff::"))).toBe(true);
    expect(prefixContains({ address: address("::"), bits: 0 }, address("1.2.3.4"))).toBe(false);
  });

  test("a masked address is in its prefix, and masked already", () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 128 }), (some, bits) => {
        const of = readAddress(some, 0, 6);
        const masked = maskedAddress(of, bits);
        expect(maskedAddress(masked, bits)).toBe(masked);
        expect(prefixContains({ address: masked, bits }, of)).toBe(true);
      }),
    );
  });
});

test("multicast and source-specific ranges (RFC 5771, RFC 4291 §2.7, RFC 4607 §1)", () => {
  const multicast = ["224.0.0.0", "239.255.255.255", "ff02::1", "ffff::"];
  const others = ["223.255.255.255", "240.0.0.0", "2001:db8::ff", "ff::1", "f::ff", "fe80::1"];
  for (const text of multicast) expect(isMulticast(address(text))).toBe(true);
  for (const text of others) expect(isMulticast(address(text))).toBe(false);
  const specific = ["232.0.0.0", "232.255.255.255", "ff3e::8000:1", "ff35:0:1::1"];
  const any = ["231.255.255.255", "233.0.0.0", "ff3e:1::1", "ff3e:0db8::1", "ff0e::1", "ff3::1"];
  for (const text of specific) expect(isSourceSpecific(address(text))).toBe(true);
  for (const text of any) expect(isSourceSpecific(address(text))).toBe(false);
});

test("endpoints are an address and a port from 1 on", () => {
  const host = (text: string): unknown => parseEndpoint(text);
  expect(host("192.0.2.1:443")).toEqual({ host: "192.0.2.1", port: 443 });
  expect(host("[2001:db8::1]:65535")).toEqual({ host: "2001:db8::1", port: 65_535 });
  for (const text of [
    "",
    "192.0.2.1",
    "192.0.2.1:",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:+1",
    ":443",
    "2001:db8::1:443",
    "[2001:db8::1]",
    "[192.0.2.1]:443",
    "example.net:443",
    "[fe80::1%e]:443",
  ]) {
    expect(host(text)).toBeUndefined();
  }
});
