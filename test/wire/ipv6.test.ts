import { describe, expect, test } from "bun:test";
import { address, addressBytes, parseAddress } from "../../src/base/address.ts";
import { fromHex, readU16, readU32, toHex, writeU16 } from "../../src/base/bytes.ts";
import { checksum } from "../../src/base/checksum.ts";
import { Prng } from "../../src/base/prng.ts";
import {
  controlHeaderBytes,
  decrementHopLimit,
  ipv6Destination,
  ipv6DestinationWord,
  ipv6Fault,
  ipv6FragmentOffsetBytes,
  ipv6GroupScope,
  ipv6HasRouterAlert,
  ipv6HopLimit,
  ipv6Identification,
  ipv6IsFirstFragment,
  ipv6IsFragment,
  ipv6MoreFragments,
  ipv6MulticastMac,
  ipv6NextHeader,
  ipv6PayloadBytes,
  ipv6Protocol,
  ipv6PseudoSum,
  ipv6Source,
  ipv6SourceIsLinkLocal,
  ipv6SourceIsMartian,
  ipv6SourceWord,
  ipv6TotalBytes,
  ipv6TrafficClass,
  ipv6UpperAt,
  openIcmp6Packet,
  sealIcmp6Packet,
  writeIpv6Address,
} from "../../src/wire/ipv6.ts";
import { firstFragmentHex, laterFragmentHex, udp6Hex } from "../vector/ipv6.ts";
import { mldPackets } from "../vector/mld.ts";

const packet = (): Uint8Array => fromHex(udp6Hex);

/** Header bytes of a vector and the zeros that they announce. */
function padded(hex: string): Uint8Array {
  const head = fromHex(hex);
  const bytes = new Uint8Array(40 + readU16(head, 4));
  bytes.set(head);
  return bytes;
}

/** The UDP packet of the vector behind the given extension headers, the first of type `first`. */
function extended(first: number, extensions: readonly number[]): Uint8Array {
  const plain = packet();
  const bytes = new Uint8Array(plain.length + extensions.length);
  bytes.set(plain.subarray(0, 40));
  bytes.set(extensions, 40);
  bytes.set(plain.subarray(40), 40 + extensions.length);
  bytes[6] = first;
  writeU16(bytes, 4, bytes.length - 40);
  return bytes;
}

const faultOf = (bytes: Uint8Array): string | undefined => ipv6Fault(bytes, 0, bytes.length);

/** An extension header of 8 bytes that names the next. */
const eight = (next: number): number[] => [next, 0, 1, 4, 0, 0, 0, 0];
const udp = 17;

describe("ipv6Fault", () => {
  test("nothing is wrong with a sound packet, at any offset, with padding behind it", () => {
    const bytes = new Uint8Array(200).fill(0xa5);
    bytes.set(packet(), 14);
    expect(ipv6Fault(bytes, 14, 14 + 56)).toBeUndefined();
    expect(ipv6Fault(bytes, 14, 200)).toBeUndefined();
  });

  test("short: fewer than 40 bytes, whatever they are", () => {
    for (let to = 0; to < 40; to++) expect(ipv6Fault(packet(), 0, to)).toBe("short");
  });

  test("version: everything but 6", () => {
    for (let version = 0; version < 16; version++) {
      const bytes = packet();
      bytes[0] = version << 4;
      if (version !== 6) expect(faultOf(bytes)).toBe("version");
    }
  });

  test("payload-length: beyond the bytes, or 0 where something should follow", () => {
    for (const length of [0, 17, 65_535]) {
      const bytes = packet();
      writeU16(bytes, 4, length);
      expect(faultOf(bytes)).toBe("payload-length");
    }
    for (let to = 40; to < 56; to++) expect(ipv6Fault(packet(), 0, to)).toBe("payload-length");
    const jumbogram = extended(0, [udp, 0, 0xc2, 4, 0, 1, 0, 0]); // RFC 2675 §2
    writeU16(jumbogram, 4, 0);
    expect(faultOf(jumbogram)).toBe("payload-length");
  });

  test("a payload of 0 bytes is sound when nothing follows", () => {
    const bytes = packet();
    bytes[6] = 59;
    writeU16(bytes, 4, 0);
    expect(faultOf(bytes)).toBeUndefined();
    expect(ipv6Protocol(bytes, 0)).toBe(59);
    expect(ipv6UpperAt(bytes, 0)).toBe(ipv6TotalBytes(bytes, 0));
  });

  test("hop-by-hop: only as the first header", () => {
    expect(faultOf(extended(0, eight(udp)))).toBeUndefined();
    expect(faultOf(extended(60, [...eight(0), ...eight(udp)]))).toBe("hop-by-hop");
    expect(faultOf(extended(0, [...eight(0), ...eight(udp)]))).toBe("hop-by-hop");
  });

  test("extension-length: a header beyond the payload, at each place of the chain", () => {
    expect(faultOf(extended(0, [udp, 3, 1, 4, 0, 0, 0, 0]))).toBe("extension-length");
    expect(faultOf(extended(60, [udp, 255, 1, 4, 0, 0, 0, 0]))).toBe("extension-length");
    expect(faultOf(extended(51, [udp, 5, 0, 0, 0, 0, 0, 0]))).toBe("extension-length");
    expect(faultOf(extended(0, [...eight(60), udp, 3, 1, 4, 0, 0, 0, 0]))).toBe("extension-length");
    const last = extended(0, eight(43)); // the UDP header has length 0x88
    expect(faultOf(last)).toBe("extension-length");
    for (let cut = 1; cut < 8; cut++) {
      const bytes = extended(44, [udp, 0, 0, 1, 0, 0, 0, 1]);
      writeU16(bytes, 4, 8 - cut);
      expect(faultOf(bytes)).toBe("extension-length");
    }
  });

  test("extension-count: eight pass, a ninth does not", () => {
    const chain = (count: number): number[] =>
      Array.from({ length: count }, (_, i) => eight(i + 1 < count ? 60 : udp)).flat();
    expect(faultOf(extended(60, chain(8)))).toBeUndefined();
    expect(faultOf(extended(60, chain(9)))).toBe("extension-count");
  });

  test("fragment-header: never twice, unless the second is a fragment's payload", () => {
    const first = [44, 0, 0, 1, 0, 0, 0, 7];
    const later = [44, 0, 0, 8, 0, 0, 0, 7];
    const inner = [udp, 0, 0, 0, 0, 0, 0, 7];
    expect(faultOf(extended(44, [...first, ...inner]))).toBe("fragment-header");
    expect(faultOf(extended(44, [...later, ...inner]))).toBeUndefined();
  });

  test("every truncation and every single-bit flip is read without exception", () => {
    const packets = [
      packet(),
      extended(0, [...eight(43), ...eight(60), ...eight(44), ...eight(51), ...eight(udp)]),
      extended(0, [...eight(44), udp, 0, 0, 1, 0, 0, 0, 7]),
      ...Object.values(mldPackets).map(({ hex }) => fromHex(hex)),
    ];
    for (const bytes of packets) {
      for (let to = 0; to < bytes.length; to++) {
        expect(ipv6Fault(bytes, 0, to)).toBe(to < 40 ? "short" : "payload-length");
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        staysInside(flipped, flipped.length);
      }
    }
  });

  test("random chains never throw, and never lead beyond the bytes", () => {
    const prng = new Prng(0x1b6);
    for (let i = 0; i < 100_000; i++) {
      const bytes = extended(prng.pick([0, 43, 44, 51, 60]), [
        ...eight(prng.pick([0, 43, 44, 51, 60, udp])),
        ...eight(prng.pick([43, 44, 51, 60, udp, 59, 58])),
        ...eight(prng.pick([44, udp])),
      ]);
      for (let n = prng.below(4); n > 0; n--) {
        bytes[prng.below(72)] = prng.pick([0, 1, 2, 43, 44, 51, 60, 0x60, 255]);
      }
      staysInside(bytes, prng.below(bytes.length + 1));
    }
  });
});

function staysInside(bytes: Uint8Array, to: number): void {
  if (ipv6Fault(bytes, 0, to) !== undefined) return;
  const end = ipv6TotalBytes(bytes, 0);
  expect(end).toBeLessThanOrEqual(to);
  expect(ipv6UpperAt(bytes, 0)).toBeLessThanOrEqual(end);
  expect(ipv6Protocol(bytes, 0)).toBeLessThan(256);
  ipv6HasRouterAlert(bytes, 0);
  ipv6IsFragment(bytes, 0);
  ipv6Identification(bytes, 0);
}

test("the accessors read the fields of the vector", () => {
  const bytes = new Uint8Array(70).fill(0xa5);
  bytes.set(packet(), 3);
  expect(ipv6TrafficClass(bytes, 3)).toBe(0xb8);
  expect(ipv6PayloadBytes(bytes, 3)).toBe(16);
  expect(ipv6TotalBytes(bytes, 3)).toBe(56);
  expect(ipv6NextHeader(bytes, 3)).toBe(udp);
  expect(ipv6HopLimit(bytes, 3)).toBe(16);
  expect(ipv6Protocol(bytes, 3)).toBe(udp);
  expect(ipv6UpperAt(bytes, 3)).toBe(43);
  expect(ipv6IsFragment(bytes, 3)).toBe(false);
  expect(ipv6Identification(bytes, 3)).toBe(0);
  expect(ipv6Source(bytes, 3)).toBe(address("2001:db8::7"));
  expect(ipv6Destination(bytes, 3)).toBe(address("ff08::1234"));
  const words = (word: (bytes: Uint8Array, at: number, word: number) => number): number[] =>
    [0, 1, 2, 3].map((i) => word(bytes, 3, i));
  expect(words(ipv6SourceWord)).toEqual([0x2001_0db8, 0, 0, 7]);
  expect(words(ipv6DestinationWord)).toEqual([0xff08_0000, 0, 0, 0x1234]);
  expect(ipv6HasRouterAlert(bytes, 3)).toBe(false);
});

test("a chain is walked to the upper layer, each header in its own unit", () => {
  const authentication = [43, 4, ...Array<number>(22).fill(0)];
  const bytes = extended(0, [...eight(51), ...authentication, 60, 1, ...Array(14).fill(0)]);
  bytes.set(eight(udp), 72);
  writeU16(bytes, 4, bytes.length - 40);
  expect(faultOf(bytes)).toBeUndefined();
  expect(ipv6NextHeader(bytes, 0)).toBe(0);
  const upper = ipv6UpperAt(bytes, 0);
  expect([upper, ipv6Protocol(bytes, 0)]).toEqual([80, udp]);
});

test("the upper layer is found far behind 2^24 bytes of a ring", () => {
  const bytes = new Uint8Array(0x100_0100);
  bytes.set(extended(0, eight(udp)), 0x100_0007);
  expect(ipv6UpperAt(bytes, 0x100_0007)).toBe(0x100_0007 + 48);
  expect(ipv6Protocol(bytes, 0x100_0007)).toBe(udp);
});

test("fragments as Linux makes them", () => {
  const first = padded(firstFragmentHex);
  expect(faultOf(first)).toBeUndefined();
  expect([ipv6IsFragment(first, 0), ipv6IsFirstFragment(first, 0)]).toEqual([true, true]);
  expect(ipv6MoreFragments(first, 0)).toBe(true);
  expect(ipv6FragmentOffsetBytes(first, 0)).toBe(0);
  expect(ipv6Identification(first, 0)).toBe(0x1b0a_57d5);
  expect([ipv6Protocol(first, 0), ipv6UpperAt(first, 0)]).toEqual([udp, 48]);
  const later = padded(laterFragmentHex);
  expect(faultOf(later)).toBeUndefined();
  expect([ipv6IsFragment(later, 0), ipv6IsFirstFragment(later, 0)]).toEqual([true, false]);
  expect(ipv6MoreFragments(later, 0)).toBe(false);
  expect(ipv6FragmentOffsetBytes(later, 0)).toBe(1232);
  expect(ipv6Identification(later, 0)).toBe(0x1b0a_57d5);
  expect([ipv6Protocol(later, 0), ipv6UpperAt(later, 0)]).toEqual([udp, 48]);
});

test("a fragment header on a whole packet makes it no fragment (RFC 6946)", () => {
  const bytes = extended(0, [...eight(44), udp, 0, 0, 0, 0, 0, 0, 9]);
  expect(ipv6IsFragment(bytes, 0)).toBe(false);
  expect(ipv6IsFirstFragment(bytes, 0)).toBe(false);
  expect(ipv6Identification(bytes, 0)).toBe(9);
  expect(ipv6UpperAt(bytes, 0)).toBe(56);
});

describe("ipv6HasRouterAlert walks the hop-by-hop options", () => {
  const alert = [5, 2, 0, 0];
  test.each<[string, number[], boolean]>([
    ["before PadN", [...alert, 1, 0], true],
    ["before two Pad1, as Linux bridges write it", [...alert, 0, 0], true],
    ["behind padding", [0, 0, ...alert], true],
    ["behind another option", [0x3e, 4, 1, 2, 3, 4, ...alert, 0, 0, 0, 0], true],
    ["of another value (RFC 2711 §2.1)", [5, 2, 0, 1, 1, 0], false],
    ["of a wrong length", [5, 1, 0, 0, 0, 0], false],
    ["cut by the header's end", [1, 1, 0, 5, 2, 0], false],
    ["type without length", [1, 2, 0, 0, 0, 5], false],
    ["behind an option longer than the header", [1, 200, ...alert], false],
    ["absent", [1, 4, 0, 0, 0, 0], false],
  ])("%s", (_, options, found) => {
    const bytes = extended(0, [udp, (options.length + 2) / 8 - 1, ...options]);
    expect(faultOf(bytes)).toBeUndefined();
    expect(ipv6HasRouterAlert(bytes, 0)).toBe(found);
  });
  test("not in destination options", () => {
    expect(ipv6HasRouterAlert(extended(60, [udp, 0, ...alert, 1, 0]), 0)).toBe(false);
  });
});

test("the pseudo-header's sum is what Linux leaves to the card (RFC 8200 §8.1)", () => {
  const bytes = packet();
  expect(ipv6PseudoSum(bytes, 0, { protocol: udp, bytes: 16 })).toBe(readU16(bytes, 46));
});

test("decrementHopLimit changes one byte, and asserts that a hop is left", () => {
  const bytes = packet();
  decrementHopLimit(bytes, 0);
  const expected = packet();
  expected[7] = 15;
  expect(bytes).toEqual(expected);
  for (const hopLimit of [0, 1]) {
    bytes[7] = hopLimit;
    expect(() => decrementHopLimit(bytes, 0)).toThrow("without a hop left");
  }
});

describe("control packets", () => {
  const fields = { source: address("fe80::2"), destination: address("ff02::16"), messageBytes: 8 };

  test("the frame that Linux writes around a report", () => {
    const into = new Uint8Array(60).fill(0xa5);
    expect(openIcmp6Packet(into, fields)).toBe(controlHeaderBytes);
    const linux = fromHex(mldPackets.toEx.hex).subarray(0, 48);
    writeU16(linux, 4, 16);
    expect(toHex(into.subarray(0, 48))).toBe(toHex(linux));
    into[48] = 143;
    expect(sealIcmp6Packet(into)).toBe(56);
    const sum = ipv6PseudoSum(into, 0, { protocol: 58, bytes: 8 });
    expect(checksum(into, 48, 56, sum)).toBe(0);
    expect([...into.subarray(52)]).toEqual([0, 0, 0, 0, 0xa5, 0xa5, 0xa5, 0xa5]);
    expect(ipv6Fault(into, 0, 60)).toBeUndefined();
    expect(ipv6HasRouterAlert(into, 0)).toBe(true);
  });

  test("asserts what everybody would drop", () => {
    const open = (change: Partial<typeof fields>, bytes = 100) => {
      return () => openIcmp6Packet(new Uint8Array(bytes), { ...fields, ...change });
    };
    expect(open({ source: address("2001:db8::1") })).toThrow("link-local");
    expect(open({ source: address("::") })).toThrow("link-local");
    expect(open({ source: address("192.0.2.1") })).toThrow("no IPv6 address");
    expect(open({}, 55)).toThrow("beyond its buffer");
    expect(open({ messageBytes: 65_500 }, 70_000)).toThrow("length field");
  });
});

test("ipv6MulticastMac keeps the low 32 bits of the group (RFC 2464 §7)", () => {
  const into = new Uint8Array(8).fill(0xa5);
  ipv6MulticastMac(readU32(addressBytes(address("ff08::fedc:1234")), 12), into, 1);
  expect(toHex(into)).toBe("a53333fedc1234a5");
});

test.each([
  ["ff00::1", "reserved"],
  ["ff01::1", "interface-local"],
  ["ff02::1", "link-local"],
  ["ff03::1", "realm-local"],
  ["ff04::1", "admin-local"],
  ["ff05::1", "site-local"],
  ["ff06::1", "unassigned"],
  ["ff07::1", "unassigned"],
  ["ff08::1", "organisation-local"],
  ["ff09::1", "unassigned"],
  ["ff0a::1", "unassigned"],
  ["ff0b::1", "unassigned"],
  ["ff0c::1", "unassigned"],
  ["ff0d::1", "unassigned"],
  ["ff0e::1", "global"],
  ["ff0f::1", "reserved"],
  ["ff32::1", "link-local"],
  ["ff3e::8000:1", "global"],
  ["ff78:140:2001:db8::1", "organisation-local"],
  ["fe80::1", "not-multicast"],
  ["2001:db8::1", "not-multicast"],
  ["::", "not-multicast"],
] as const)("scope of %s: %s", (group, scope) => {
  expect(ipv6GroupScope(readU32(addressBytes(address(group)), 0))).toBe(scope);
});

test.each([
  ["::", true],
  ["::1", true],
  ["::2", false],
  ["::1:0:0", false],
  ["::1:0:0:1", false],
  ["1::", false],
  ["2001:db8::7", false],
  ["fd00::1", false],
  ["fe7f:ffff::1", false],
  ["fe80::", true],
  ["febf::1", true],
  ["fec0::1", false],
  ["feff::1", false],
  ["ff00::", true],
  ["ff0e::1", true],
])("source %s is martian: %p", (source, martian) => {
  const bytes = packet();
  writeIpv6Address(bytes, 8, address(source));
  expect(ipv6SourceIsMartian(bytes, 0)).toBe(martian);
  expect(ipv6SourceIsLinkLocal(bytes, 0)).toBe(/^fe[89ab]/.test(source));
});

test("an IPv4 address in disguise is martian: it has no canonical text (RFC 4291 §2.5.5.2)", () => {
  const bytes = packet();
  bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1], 8);
  expect(ipv6SourceIsMartian(bytes, 0)).toBe(true);
  expect(parseAddress(ipv6Source(bytes, 0))).toBeUndefined();
});
