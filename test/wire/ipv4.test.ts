import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address, ipv4Of } from "../../src/base/address.ts";
import { fromHex, toHex, writeU16 } from "../../src/base/bytes.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { Prng } from "../../src/base/prng.ts";
import {
  ipv4Destination,
  ipv4DontFragment,
  ipv4Fault,
  ipv4FragmentOffsetBytes,
  ipv4GroupScope,
  ipv4HasRouterAlert,
  ipv4HeaderBytes,
  ipv4Identification,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Source,
  ipv4SourceIsMartian,
  ipv4TotalBytes,
  ipv4Ttl,
  lowerTtl,
  multicastMac,
  writeIpv4Header,
} from "../../src/wire/ipv4.ts";
import { udpHeaderHex } from "../vector/ipv4.ts";

const number = (text: string): number => ipv4Of(address(text));

/** The header of the vector and the 95 bytes it announces. */
function packet(): Uint8Array {
  const bytes = new Uint8Array(115);
  bytes.set(fromHex(udpHeaderHex));
  return bytes;
}

/** A sound header whose options are `options`, padded to whole words. */
function withOptions(options: readonly number[]): Uint8Array {
  const headerBytes = 20 + Math.ceil(options.length / 4) * 4;
  const bytes = new Uint8Array(headerBytes);
  bytes.set(fromHex(udpHeaderHex));
  bytes.set(options, 20);
  bytes[0] = 0x40 | (headerBytes / 4);
  writeU16(bytes, 2, headerBytes);
  writeChecksum(bytes, 10, 0, headerBytes);
  return bytes;
}

describe("ipv4Fault", () => {
  test("nothing is wrong with a sound packet, at any offset, with padding behind it", () => {
    const bytes = new Uint8Array(200).fill(0xa5);
    bytes.set(packet(), 14);
    expect(ipv4Fault(bytes, 14, 14 + 115)).toBeUndefined();
    expect(ipv4Fault(bytes, 14, 200)).toBeUndefined();
  });

  test("short: fewer than 20 bytes, whatever they are", () => {
    for (let to = 0; to < 20; to++) expect(ipv4Fault(packet(), 0, to)).toBe("short");
  });

  test("version: everything but 4", () => {
    for (let version = 0; version < 16; version++) {
      const bytes = packet();
      bytes[0] = (version << 4) | 5;
      if (version !== 4) expect(ipv4Fault(bytes, 0, 115)).toBe("version");
    }
  });

  test("header-length: below 5 words, or beyond the bytes", () => {
    for (let words = 0; words < 5; words++) {
      const bytes = packet();
      bytes[0] = 0x40 | words;
      expect(ipv4Fault(bytes, 0, 115)).toBe("header-length");
    }
    const bytes = packet();
    bytes[0] = 0x4f;
    expect(ipv4Fault(bytes, 0, 59)).toBe("header-length");
  });

  test("total-length: below the header, or beyond the bytes", () => {
    for (const total of [0, 19, 116, 65_535]) {
      const bytes = packet();
      writeU16(bytes, 2, total);
      writeChecksum(bytes, 10, 0, 20);
      expect(ipv4Fault(bytes, 0, 115)).toBe("total-length");
    }
    expect(ipv4Fault(packet(), 0, 114)).toBe("total-length");
  });

  test("checksum: every single-bit flip of the header is found", () => {
    for (let bit = 0; bit < 160; bit++) {
      const bytes = packet();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(ipv4Fault(bytes, 0, 115)).toBeDefined();
    }
    const bytes = packet();
    bytes[8] = 63;
    expect(ipv4Fault(bytes, 0, 115)).toBe("checksum");
  });

  test("random bytes never throw, and never end in a header beyond them", () => {
    const prng = new Prng(0x1b4);
    for (let i = 0; i < 100_000; i++) {
      const bytes = packet();
      for (let n = prng.below(3) + 1; n > 0; n--) bytes[prng.below(24)] = prng.below(256);
      if (prng.below(2) === 0) writeChecksum(bytes, 10, 0, 20);
      const to = prng.below(116);
      if (ipv4Fault(bytes, 0, to) !== undefined) continue;
      expect(ipv4TotalBytes(bytes, 0)).toBeLessThanOrEqual(to);
      expect(ipv4HeaderBytes(bytes, 0)).toBeLessThanOrEqual(ipv4TotalBytes(bytes, 0));
      ipv4HasRouterAlert(bytes, 0);
    }
  });
});

test("the accessors read the fields of the vector", () => {
  const bytes = new Uint8Array(120).fill(0xa5);
  bytes.set(packet(), 3);
  expect(ipv4HeaderBytes(bytes, 3)).toBe(20);
  expect(ipv4TotalBytes(bytes, 3)).toBe(115);
  expect(ipv4Identification(bytes, 3)).toBe(0);
  expect(ipv4DontFragment(bytes, 3)).toBe(true);
  expect(ipv4MoreFragments(bytes, 3)).toBe(false);
  expect(ipv4FragmentOffsetBytes(bytes, 3)).toBe(0);
  expect(ipv4Ttl(bytes, 3)).toBe(64);
  expect(ipv4Protocol(bytes, 3)).toBe(17);
  expect(ipv4Source(bytes, 3)).toBe(number("192.168.0.1"));
  expect(ipv4Destination(bytes, 3)).toBe(number("192.168.0.199"));
  expect(ipv4HasRouterAlert(bytes, 3)).toBe(false);
});

test("fragments: flags, identification and the offset in bytes", () => {
  const bytes = packet();
  writeU16(bytes, 4, 0xbeef);
  writeU16(bytes, 6, 0x2000 | 185);
  expect(ipv4Identification(bytes, 0)).toBe(0xbeef);
  expect(ipv4DontFragment(bytes, 0)).toBe(false);
  expect(ipv4MoreFragments(bytes, 0)).toBe(true);
  expect(ipv4FragmentOffsetBytes(bytes, 0)).toBe(1480);
  writeU16(bytes, 6, 0x1fff);
  expect(ipv4MoreFragments(bytes, 0)).toBe(false);
  expect(ipv4FragmentOffsetBytes(bytes, 0)).toBe(65_528);
});

describe("ipv4HasRouterAlert walks the options", () => {
  const alert = [0x94, 4, 0, 0];
  test.each<[string, number[], boolean]>([
    ["alone", alert, true],
    ["behind no-operations", [1, 1, 1, ...alert], true],
    ["behind a loose source route", [0x83, 7, 4, 192, 0, 2, 1, ...alert], true],
    ["behind the end of the list", [0, ...alert], false],
    ["with a value that is reserved (RFC 2113 §2.1)", [0x94, 4, 0, 1], false],
    ["of a wrong length", [0x94, 3, 0, 0], false],
    ["cut by the header's end", [1, 1, 0x94, 4], false],
    ["type without length", [1, 1, 1, 0x94], false],
    ["behind an option of length 0", [0x83, 0, ...alert], false],
    ["behind an option of length 1", [0x83, 1, ...alert], false],
    ["behind an option longer than the header", [0x83, 200, ...alert], false],
    ["absent", [1, 1, 1, 1], false],
  ])("%s", (_, options, found) => {
    const bytes = withOptions(options);
    expect(ipv4Fault(bytes, 0, bytes.length)).toBeUndefined();
    expect(ipv4HasRouterAlert(bytes, 0)).toBe(found);
  });
});

describe("writeIpv4Header", () => {
  const fields = {
    typeOfService: 0xc0,
    ttl: 1,
    protocol: 2,
    source: number("192.0.2.7"),
    destination: number("224.0.0.22"),
    payloadBytes: 16,
  };

  test("writes what Linux writes before an IGMP report", () => {
    const into = new Uint8Array(32).fill(0xa5);
    expect(writeIpv4Header(into, 4, { ...fields, routerAlert: true })).toBe(24);
    const header = "46 c0 00 28 00 00 40 00 01 02 41 f2 c0 00 02 07 e0 00 00 16 94 04 00 00";
    expect(toHex(into.subarray(4, 28))).toBe(header.replaceAll(" ", ""));
    expect([...into.subarray(0, 4), ...into.subarray(28)]).toEqual(Array(8).fill(0xa5));
  });

  test("any fields come back out of it", () => {
    const u8 = fc.integer({ min: 0, max: 255 });
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const some = fc.record({
      typeOfService: u8,
      ttl: u8,
      protocol: u8,
      source: u32,
      destination: u32,
      payloadBytes: fc.integer({ min: 0, max: 100 }),
      routerAlert: fc.boolean(),
    });
    fc.assert(
      fc.property(some, (wanted) => {
        const into = new Uint8Array(130).fill(0xa5);
        expect(writeIpv4Header(into, 2, wanted)).toBe(wanted.routerAlert ? 24 : 20);
        expect(ipv4Fault(into, 2, 130)).toBeUndefined();
        expect(into[3]).toBe(wanted.typeOfService);
        expect(ipv4Ttl(into, 2)).toBe(wanted.ttl);
        expect(ipv4Protocol(into, 2)).toBe(wanted.protocol);
        expect(ipv4Source(into, 2)).toBe(wanted.source);
        expect(ipv4Destination(into, 2)).toBe(wanted.destination);
        expect(ipv4HasRouterAlert(into, 2)).toBe(wanted.routerAlert);
        expect(ipv4TotalBytes(into, 2) - ipv4HeaderBytes(into, 2)).toBe(wanted.payloadBytes);
      }),
    );
  });

  test("asserts that header and length fit", () => {
    const small = new Uint8Array(23);
    const alerted = { ...fields, routerAlert: true };
    expect(() => writeIpv4Header(small, 0, alerted)).toThrow("beyond its buffer");
    const long = { ...fields, payloadBytes: 65_516, routerAlert: false };
    expect(() => writeIpv4Header(new Uint8Array(20), 0, long)).toThrow("length field");
  });
});

test("multicastMac keeps the low 23 bits of the group (RFC 1112 §6.4)", () => {
  const mac = (group: string): string => {
    const into = new Uint8Array(8).fill(0xa5);
    multicastMac(number(group), into, 1);
    expect([into[0], into[7]]).toEqual([0xa5, 0xa5]);
    return toHex(into.subarray(1, 7));
  };
  expect(mac("224.0.0.22")).toBe("01005e000016");
  expect(mac("233.252.0.1")).toBe("01005e7c0001");
  expect(mac("239.255.255.255")).toBe("01005e7fffff");
  expect(mac("239.129.1.1")).toBe(mac("224.1.1.1"));
});

test.each([
  ["223.255.255.255", "not-multicast"],
  ["224.0.0.0", "link-local"],
  ["224.0.0.251", "link-local"],
  ["224.0.0.255", "link-local"],
  ["224.0.1.0", "internetwork-control"],
  ["224.0.1.129", "internetwork-control"],
  ["224.0.1.255", "internetwork-control"],
  ["224.0.2.0", "global"],
  ["232.1.1.1", "global"],
  ["233.252.0.1", "global"],
  ["239.191.255.255", "global"],
  ["239.192.0.0", "organisation-local"],
  ["239.195.255.255", "organisation-local"],
  ["239.196.0.0", "global"],
  ["239.254.255.255", "global"],
  ["239.255.0.0", "site-local"],
  ["239.255.255.250", "site-local"],
  ["240.0.0.0", "not-multicast"],
  ["0.0.0.0", "not-multicast"],
] as const)("scope of %s: %s", (group, scope) => {
  expect(ipv4GroupScope(number(group))).toBe(scope);
});

test.each([
  ["0.0.0.0", true],
  ["0.0.0.1", false],
  ["126.255.255.255", false],
  ["127.0.0.0", true],
  ["127.255.255.255", true],
  ["128.0.0.0", false],
  ["169.253.255.255", false],
  ["169.254.0.0", true],
  ["169.254.255.255", true],
  ["169.255.0.0", false],
  ["192.0.2.7", false],
  ["223.255.255.255", false],
  ["224.0.0.0", true],
  ["239.255.255.255", true],
  ["240.0.0.0", true],
  ["255.255.255.255", true],
])("source %s is martian: %p (RFC 1812 §5.3.7)", (source, martian) => {
  expect(ipv4SourceIsMartian(number(source))).toBe(martian);
});

test("lowerTtl keeps the checksum right, for every TTL and many headers", () => {
  const prng = new Prng(0x771);
  for (let i = 0; i < 255 * 64; i++) {
    const bytes = packet();
    bytes[8] = (i % 254) + 2;
    writeU16(bytes, 4, prng.below(0x1_0000));
    writeChecksum(bytes, 10, 0, 20);
    lowerTtl(bytes, 0);
    expect(ipv4Ttl(bytes, 0)).toBe((i % 254) + 1);
    if (ipv4Fault(bytes, 0, 115) !== undefined) throw new Error(toHex(bytes.subarray(0, 20)));
  }
});
