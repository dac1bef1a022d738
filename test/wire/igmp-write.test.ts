import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address, ipv4Address } from "../../src/base/address.ts";
import { toHex } from "../../src/base/bytes.ts";
import type { IgmpPacket } from "../../src/wire/igmp.ts";
import { decodeFloatCode, parseIgmp } from "../../src/wire/igmp.ts";
import { writeLeave2, writeQuery, writeReport2, writeReport3 } from "../../src/wire/igmp-write.ts";
import { igmpMessages, igmpPackets } from "../vector/igmp.ts";

const source = address("192.0.2.7");
const group = address("239.1.1.1");
const joined = address("233.252.0.1");

/** What a writer left in a buffer that was full of 0xa5, the rest of it untouched. */
function written(write: (into: Uint8Array) => number): Uint8Array {
  const into = new Uint8Array(600).fill(0xa5);
  const bytes = write(into);
  expect(into.subarray(bytes).every((byte) => byte === 0xa5)).toBe(true);
  return into.subarray(0, bytes);
}

const text = (hex: string): string => hex.replaceAll(" ", "");
const messageOf = (packet: Uint8Array): string => toHex(packet.subarray(24));

function read(packet: Uint8Array): IgmpPacket {
  const parsed = parseIgmp(packet, 0, packet.length);
  if (typeof parsed === "string") throw new Error(parsed);
  expect(packet[1]).toBe(0xc0);
  expect(parsed.routerAlert).toBe(true);
  return parsed;
}

const query3 = { suppress: false, robustness: 2, queryIntervalMs: 125_000, sources: [] } as const;
const general = { source, group: undefined, maxResponseMs: 10_000 } as const;

describe("the vectors come out byte by byte", () => {
  test("queries", () => {
    const query2 = written((into) => writeQuery(into, { version: 2, ...general }));
    expect(messageOf(query2)).toBe(text(igmpMessages.query2.hex));
    const wanted = { version: 2, source, group, maxResponseMs: 1000 } as const;
    const query2Group = written((into) => writeQuery(into, wanted));
    expect(messageOf(query2Group)).toBe(text(igmpMessages.query2Group.hex));
    const queryGeneral = written((into) => writeQuery(into, { version: 3, ...general, ...query3 }));
    expect(messageOf(queryGeneral)).toBe(text(igmpMessages.query3.hex));
  });

  test("reports and leaves of version 2, as Linux writes them", () => {
    const report = written((into) => writeReport2(into, { source, group: joined }));
    expect(toHex(report)).toBe(text(igmpPackets.linuxReport2.hex));
    const leave = written((into) => writeLeave2(into, { source, group: joined }));
    expect(toHex(leave)).toBe(text(igmpPackets.linuxLeave.hex));
  });

  test("version 3 reports, as Linux writes them", () => {
    const toIn = { type: "to-in", group: joined, sources: [] } as const;
    const left = written((into) => writeReport3(into, { source, records: [toIn] }));
    expect(toHex(left)).toBe(text(igmpPackets.linuxToIn.hex));
    const records = [
      { type: "allow", group: address("232.1.1.1"), sources: [address("198.51.100.9")] },
      { type: "to-ex", group: joined, sources: [] },
    ] as const;
    const joins = written((into) => writeReport3(into, { source, records }));
    expect(toHex(joins)).toBe(text(igmpPackets.linuxJoins.hex));
  });
});

describe("what is written is read", () => {
  const unicast = fc.integer({ min: 0, max: 0xdfff_ffff }).map(ipv4Address);
  const multicast = fc.integer({ min: 0xe000_0000, max: 0xefff_ffff }).map(ipv4Address);
  const sources = fc.array(unicast, { maxLength: 20 });
  const type = fc.constantFrom("is-in", "is-ex", "to-in", "to-ex", "allow", "block");

  test("queries of version 3: group, and group and source", () => {
    const query = fc.record({
      source: unicast,
      group: multicast,
      maxResponseMs: fc.integer({ min: 0, max: 255 }).map((code) => decodeFloatCode(code) * 100),
      suppress: fc.boolean(),
      robustness: fc.integer({ min: 0, max: 7 }),
      queryIntervalMs: fc.integer({ min: 0, max: 255 }).map((code) => decodeFloatCode(code) * 1000),
      sources,
    });
    fc.assert(
      fc.property(query, (wanted) => {
        const packet = read(written((into) => writeQuery(into, { version: 3, ...wanted })));
        const { source: from, ...message } = wanted;
        expect(packet.source).toBe(from);
        expect(packet.destination).toBe(wanted.group);
        expect(packet.message).toEqual({ kind: "query", version: 3, ...message });
      }),
    );
  });

  test("version 3 reports", () => {
    const record = fc.record({ type, group: multicast, sources });
    const report = fc.record({ source: unicast, records: fc.array(record, { maxLength: 6 }) });
    fc.assert(
      fc.property(report, (wanted) => {
        const packet = read(written((into) => writeReport3(into, wanted)));
        expect(packet.destination).toBe(address("224.0.0.22"));
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
  test("a robustness above 7 is 0, times are rounded down (RFC 9776 §4.1.6)", () => {
    const wanted = { ...general, ...query3, robustness: 8, queryIntervalMs: 31_250 };
    const packet = read(written((into) => writeQuery(into, { version: 3, ...wanted })));
    expect(packet.message).toMatchObject({ robustness: 0, queryIntervalMs: 31_000 });
  });

  test("asserts what would be another message", () => {
    const into = new Uint8Array(100);
    const v2 = { version: 2, source, group } as const;
    expect(() => writeQuery(into, { ...v2, maxResponseMs: 99 })).toThrow("version 2 query");
    expect(() => writeQuery(into, { ...v2, maxResponseMs: 25_600 })).toThrow("version 2 query");
    const sources = [source];
    expect(() => writeQuery(into, { version: 3, ...general, ...query3, sources })).toThrow(
      "general query",
    );
    expect(() => writeReport2(new Uint8Array(31), { source, group })).toThrow("beyond its buffer");
  });
});
