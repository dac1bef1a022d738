import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address } from "../../src/base/address.ts";
import { address } from "../../src/base/address.ts";
import { fromHex, toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import type { MrdMessage } from "../../src/wire/mrd.ts";
import { parseMrd, writeMrd } from "../../src/wire/mrd.ts";
import { igmpMessages, igmpPackets } from "../vector/igmp.ts";
import { mldPackets } from "../vector/mld.ts";
import { mrdPackets } from "../vector/mrd.ts";
import { wrap as wrap4 } from "./igmp-packet.ts";
import { wrap as wrap6 } from "./mld-packet.ts";

const source4 = address("192.0.2.7");
const source6 = address("fe80::1");
const messages = {
  advertisement: {
    kind: "advertisement",
    intervalMs: 20_000,
    queryIntervalMs: 125_000,
    robustness: 2,
  },
  solicitation: { kind: "solicitation" },
  termination: { kind: "termination" },
} as const satisfies Record<string, MrdMessage>;
const kinds = ["advertisement", "solicitation", "termination"] as const;

const destinations4 = {
  advertisement: address("224.0.0.106"),
  solicitation: address("224.0.0.2"),
  termination: address("224.0.0.106"),
};
const destinations6 = {
  advertisement: address("ff02::6a"),
  solicitation: address("ff02::2"),
  termination: address("ff02::6a"),
};

/** The packet around a computed message, with its own checksum. */
const packet4 = (kind: (typeof kinds)[number]): Uint8Array =>
  wrap4(fromHex(igmpMessages[kind].hex), { destination: destinations4[kind] }, false);

const parse = (bytes: Uint8Array): unknown => parseMrd(bytes, 0, bytes.length);

describe.each(kinds)("%s", (kind) => {
  const message = messages[kind];

  test("over IPv4 is read and written", () => {
    const destination = destinations4[kind];
    const expected = { source: source4, destination, routerAlert: true, message };
    expect(parse(packet4(kind))).toEqual(expected);
    expect(written(source4, message)).toBe(toHex(packet4(kind)));
  });

  test("over IPv6 is read and written", () => {
    const destination = destinations6[kind];
    const expected = { source: source6, destination, routerAlert: true, message };
    expect(parse(fromHex(mrdPackets[kind]))).toEqual(expected);
    expect(written(source6, message)).toBe(mrdPackets[kind].replaceAll(" ", ""));
  });

  test("is read behind other bytes, with Ethernet padding", () => {
    for (const bytes of [packet4(kind), fromHex(mrdPackets[kind])]) {
      const padded = new Uint8Array(120).fill(0xa5);
      padded.set(bytes, 14);
      expect(parseMrd(padded, 14, 120)).toMatchObject({ message });
    }
  });
});

/** What the writer left in a buffer that was full of 0xa5, the rest of it untouched. */
function written(source: Address, message: MrdMessage): string {
  const into = new Uint8Array(80).fill(0xa5);
  const bytes = writeMrd(into, { source, message });
  expect(into.subarray(bytes).every((byte) => byte === 0xa5)).toBe(true);
  return toHex(into.subarray(0, bytes));
}

describe("faults", () => {
  test("those of the packet have the names that IGMP and MLD give them", () => {
    expect(parse(new Uint8Array(0))).toBe("ip-short");
    expect(parse(new Uint8Array(40))).toBe("ip-version");
    const advertisement4 = fromHex(igmpMessages.advertisement.hex);
    expect(parse(wrap4(advertisement4, { ttl: 2 }))).toBe("ttl");
    const bytes6 = fromHex(mrdPackets.advertisement);
    const advertisement6 = bytes6.subarray(48);
    expect(parse(wrap6(advertisement6, { hopLimit: 2 }))).toBe("hop-limit");
    for (const source of ["::", "2001:db8::1"]) {
      expect(parse(wrap6(advertisement6, { source: address(source) }))).toBe("source");
    }
    bytes6[49] = 21;
    expect(parse(bytes6)).toBe("checksum");
  });

  test("type: every sound message of IGMP and MLD that is not of this protocol", () => {
    for (const { hex } of Object.values({ ...igmpPackets, ...mldPackets })) {
      expect(parse(fromHex(hex))).toBe("type");
    }
    expect(parse(wrap4(fromHex("33 00 00 00")))).toBe("type");
    expect(parse(wrap6(fromHex("9a 00 00 00")))).toBe("type");
  });

  test("destination: the group of the message, and no other", () => {
    for (const kind of kinds) {
      const message4 = fromHex(igmpMessages[kind].hex);
      expect(parse(wrap4(message4, { destination: address("224.0.0.1") }))).toBe("destination");
      const message6 = fromHex(mrdPackets[kind]).subarray(48);
      expect(parse(wrap6(message6, { destination: address("ff02::1") }))).toBe("destination");
    }
  });

  test("short: an advertisement below 8 bytes", () => {
    for (let length = 4; length < 8; length++) {
      const message4 = fromHex(igmpMessages.advertisement.hex).slice(0, length);
      const to4 = { destination: destinations4.advertisement };
      expect(parse(wrap4(message4, to4))).toBe("short");
      const message6 = fromHex(mrdPackets.advertisement).slice(48, 48 + length);
      const to6 = { destination: destinations6.advertisement };
      expect(parse(wrap6(message6, to6))).toBe("short");
    }
  });

  test("every truncation and every single-bit flip is read without exception", () => {
    for (const bytes of everyPacket) {
      for (let to = 0; to < bytes.length; to++) {
        expect(typeof parseMrd(bytes, 0, to)).toBe("string");
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        parse(flipped);
      }
    }
  });

  test("mutations never throw and change no input", () => {
    const prng = new Prng(0x3d0);
    for (let i = 0; i < 100_000; i++) {
      const bytes = prng.pick(everyPacket).slice(0, 20 + prng.below(45));
      for (let n = prng.below(4); n > 0; n--) {
        bytes[prng.below(bytes.length)] = prng.pick([0, 1, 2, 0x30, 0x46, 0x60, 151, 255]);
      }
      const before = bytes.slice();
      parse(bytes);
      expect(bytes).toEqual(before);
    }
  });
});

const everyPacket = [...kinds.map(packet4), ...Object.values(mrdPackets).map(fromHex)];

describe("advertisements", () => {
  test("any sound fields come back", () => {
    const u16 = fc.integer({ min: 0, max: 0xffff });
    const some = fc.record({
      source: fc.constantFrom(source4, source6),
      intervalMs: fc.integer({ min: 4, max: 180 }).map((seconds) => seconds * 1000),
      queryIntervalMs: u16.map((seconds) => seconds * 1000),
      robustness: u16,
    });
    fc.assert(
      fc.property(some, ({ source, ...fields }) => {
        const message = { kind: "advertisement", ...fields } as const;
        expect(parse(fromHex(written(source, message)))).toMatchObject({ source, message });
      }),
    );
  });

  test("asserts what RFC 4286 does not allow, and what does not fit", () => {
    const write = (change: Partial<typeof messages.advertisement>, bytes = 100) => {
      const message = { ...messages.advertisement, ...change } as MrdMessage;
      return () => writeMrd(new Uint8Array(bytes), { source: source4, message });
    };
    for (const intervalMs of [3999, 181_000]) {
      expect(write({ intervalMs } as object)).toThrow("4 to 180 s");
    }
    expect(write({ queryIntervalMs: 65_536_000 } as object)).toThrow("16 bits");
    expect(write({ robustness: 65_536 } as object)).toThrow("16 bits");
    expect(write({}, 31)).toThrow("beyond its buffer");
  });
});
