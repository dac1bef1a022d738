import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address } from "../../src/base/address.ts";
import { address, readAddress } from "../../src/base/address.ts";
import { fromHex, toHex, writeU16 } from "../../src/base/bytes.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { decodeFloatCode } from "../../src/wire/igmp.ts";
import { ipv6PseudoSum } from "../../src/wire/ipv6.ts";
import type { MldPacket } from "../../src/wire/mld.ts";
import { decodeFloatCode16, parseMld } from "../../src/wire/mld.ts";
import {
  writeMldDone,
  writeMldQuery,
  writeMldReport1,
  writeMldReport2,
} from "../../src/wire/mld-write.ts";
import { mldMessages, mldPackets } from "../vector/mld.ts";

const source = address("fe80::2");
const bridge = address("fe80::1");
const group = address("ff08::1234");
const channel = address("ff38::8000:1");
const nine = address("2001:db8::9");

/** What a writer left in a buffer that was full of 0xa5, the rest of it untouched. */
function written(write: (into: Uint8Array) => number): Uint8Array {
  const into = new Uint8Array(2600).fill(0xa5);
  const bytes = write(into);
  expect(into.subarray(bytes).every((byte) => byte === 0xa5)).toBe(true);
  return into.subarray(0, bytes);
}

const text = (hex: string): string => hex.replaceAll(" ", "");

/** A query of a Linux bridge with our padding, PadN instead of two Pad1 (RFC 8200 §4.2). */
function padN(hex: string): string {
  const bytes = fromHex(hex);
  expect(toHex(bytes.subarray(46, 48))).toBe("0000");
  writeU16(bytes, 46, 0x0100);
  return toHex(bytes);
}

function read(packet: Uint8Array): MldPacket {
  const parsed = parseMld(packet, 0, packet.length);
  if (typeof parsed === "string") throw new Error(parsed);
  expect(parsed.routerAlert).toBe(true);
  return parsed;
}

const query2 = {
  version: 2,
  source: bridge,
  suppress: false,
  robustness: 2,
  queryIntervalMs: 125_000,
  sources: [],
} as const;
const general = { group: undefined, maxResponseMs: 10_000 } as const;
const specific = { group, maxResponseMs: 1000 } as const;

describe("the packets of Linux come out byte by byte", () => {
  const records = {
    toEx: [{ type: "to-ex", group, sources: [] }],
    toIn: [{ type: "to-in", group, sources: [] }],
    allow: [{ type: "allow", group: channel, sources: [nine] }],
    block: [{ type: "block", group: channel, sources: [nine] }],
    current: [
      { type: "is-in", group: channel, sources: [nine] },
      { type: "is-ex", group, sources: [] },
      { type: "is-ex", group: address("ff02::1:ff00:2"), sources: [] },
    ],
  } as const;
  for (const name of ["toEx", "toIn", "allow", "block", "current"] as const) {
    test(mldPackets[name].name, () => {
      const report = { source, records: records[name] };
      const packet = written((into) => writeMldReport2(into, report));
      expect(toHex(packet)).toBe(text(mldPackets[name].hex));
    });
  }

  test("v1 report and done", () => {
    const report = written((into) => writeMldReport1(into, { source, group }));
    expect(toHex(report)).toBe(text(mldPackets.report1.hex));
    const done = written((into) => writeMldDone(into, { source, group }));
    expect(toHex(done)).toBe(text(mldPackets.done.hex));
  });

  test.each([
    ["query2", { ...query2, ...general }],
    ["query2Group", { ...query2, ...specific }],
    ["query2Suppress", { ...query2, ...specific, suppress: true }],
    ["query2Sources", { ...query2, ...specific, group: channel, sources: [nine] }],
    ["query1", { version: 1, source: bridge, ...general }],
  ] as const)("%s, but for the padding", (name, query) => {
    const packet = written((into) => writeMldQuery(into, query));
    expect(toHex(packet)).toBe(padN(mldPackets[name].hex));
  });

  test("v1 group query, sent to its group (RFC 2710 §3)", () => {
    const query = { version: 1, source: bridge, ...specific } as const;
    const packet = written((into) => writeMldQuery(into, query));
    const linux = fromHex(padN(mldPackets.query1Group.hex));
    linux.set(linux.subarray(56, 72), 24); // a bridge asks at ff02::1
    const sum = ipv6PseudoSum(linux, 0, { protocol: 58, bytes: 24 });
    writeChecksum(linux, 50, 48, 72, sum);
    expect(toHex(packet)).toBe(toHex(linux));
  });

  test("the computed messages", () => {
    const query = written((into) => writeMldQuery(into, { ...query2, ...general }));
    expect(toHex(query.subarray(48))).toBe(text(mldMessages.query2.hex));
    const report = { source, records: records.toEx };
    const toEx = written((into) => writeMldReport2(into, report));
    expect(toHex(toEx.subarray(48))).toBe(text(mldMessages.toEx.hex));
  });
});

describe("what is written is read", () => {
  const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const headed = (...head: number[]): fc.Arbitrary<Address> =>
    sixteen.map((bytes) => {
      bytes.set(head);
      return readAddress(bytes, 0, 6);
    });
  const linkLocal = headed(0xfe, 0x80);
  const multicast = headed(0xff, 0x3e);
  const sources = fc.array(headed(0x20), { maxLength: 20 });
  const type = fc.constantFrom("is-in", "is-ex", "to-in", "to-ex", "allow", "block");

  test("queries of version 2: group, and group and source", () => {
    const code16 = fc.integer({ min: 0, max: 0xffff });
    const query = fc.record({
      source: linkLocal,
      group: multicast,
      maxResponseMs: code16.map(decodeFloatCode16),
      suppress: fc.boolean(),
      robustness: fc.integer({ min: 0, max: 7 }),
      queryIntervalMs: fc.integer({ min: 0, max: 255 }).map((code) => decodeFloatCode(code) * 1000),
      sources,
    });
    fc.assert(
      fc.property(query, (wanted) => {
        const packet = read(written((into) => writeMldQuery(into, { version: 2, ...wanted })));
        const { source: from, ...message } = wanted;
        expect(packet.source).toBe(from);
        expect(packet.destination).toBe(wanted.group);
        expect(packet.message).toEqual({ kind: "query", version: 2, ...message });
      }),
    );
  });

  test("version 2 reports", () => {
    const record = fc.record({ type, group: multicast, sources });
    const report = fc.record({ source: linkLocal, records: fc.array(record, { maxLength: 6 }) });
    fc.assert(
      fc.property(report, (wanted) => {
        const packet = read(written((into) => writeMldReport2(into, wanted)));
        expect(packet.source).toBe(wanted.source);
        expect(packet.destination).toBe(address("ff02::16"));
        expect(packet.message).toEqual({
          kind: "report3",
          records: wanted.records,
          unknownRecords: 0,
          refusedRecords: 0,
        });
      }),
    );
  });
});

describe("fields that their bytes cannot say", () => {
  test("a robustness above 7 is 0, times are rounded down (RFC 9777 §5.1.8)", () => {
    const wanted = { ...query2, group, robustness: 8, queryIntervalMs: 31_250 };
    const query = { ...wanted, maxResponseMs: 32_775.5 };
    const packet = read(written((into) => writeMldQuery(into, query)));
    expect(packet.message).toMatchObject({
      robustness: 0,
      queryIntervalMs: 31_000,
      maxResponseMs: 32_768,
    });
  });

  test("asserts what would be another message, or none", () => {
    const into = new Uint8Array(100);
    const query1 = { version: 1, source, group } as const;
    for (const maxResponseMs of [-1, 65_536]) {
      expect(() => writeMldQuery(into, { ...query1, maxResponseMs })).toThrow("version 1 query");
    }
    const named = { ...query2, ...general, sources: [nine] };
    expect(() => writeMldQuery(into, named)).toThrow("general query");
    expect(() => writeMldReport1(into, { source: nine, group })).toThrow("link-local");
    const ipv4 = address("233.252.0.1");
    expect(() => writeMldReport1(into, { source, group: ipv4 })).toThrow("no IPv6 address");
    expect(() => writeMldDone(new Uint8Array(71), { source, group })).toThrow("beyond its buffer");
  });
});
