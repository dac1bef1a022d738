import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { fromHex, writeU16 } from "../../src/base/bytes.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { limits } from "../../src/limits.ts";
import type { IgmpPacket } from "../../src/wire/igmp.ts";
import { decodeFloatCode, encodeFloatCode, parseIgmp } from "../../src/wire/igmp.ts";
import { igmpMessages, igmpPackets } from "../vector/igmp.ts";
import { host, parse, sound, wrap } from "./igmp-packet.ts";

/** The message in hexadecimal text as parsed, its checksum field made right. */
function parsed(hex: string, ip: Partial<typeof sound> = {}): unknown {
  const packet = parse(wrap(fromHex(hex), ip));
  return typeof packet === "string" ? packet : packet.message;
}

const general = { kind: "query", group: undefined, suppress: false, sources: [] } as const;
const unsaid = { robustness: 0, queryIntervalMs: 0 } as const;
const group = address("239.1.1.1");
const meanings = {
  query1: { ...general, ...unsaid, version: 1, maxResponseMs: 10_000 },
  query2: { ...general, ...unsaid, version: 2, maxResponseMs: 10_000 },
  query2Group: { ...general, ...unsaid, version: 2, group, maxResponseMs: 1000 },
  report1: { kind: "report", version: 1, group },
  report2: { kind: "report", version: 2, group },
  leave: { kind: "leave", group },
  query3: {
    ...general,
    version: 3,
    maxResponseMs: 10_000,
    robustness: 2,
    queryIntervalMs: 125_000,
  },
  toEx: {
    kind: "report3",
    records: [{ type: "to-ex", group, sources: [] }],
    unknownRecords: 0,
    refusedRecords: 0,
  },
  allow: {
    kind: "report3",
    records: [{ type: "allow", group: address("232.1.1.1"), sources: [address("10.0.0.5")] }],
    unknownRecords: 0,
    refusedRecords: 0,
  },
  advertisement: { kind: "other", type: 0x30 },
  solicitation: { kind: "other", type: 0x31 },
  termination: { kind: "other", type: 0x32 },
  smoltcpLeave: { kind: "leave", group: address("224.0.6.150") },
  smoltcpReport: { kind: "report", version: 2, group: address("225.0.0.37") },
} satisfies Record<keyof typeof igmpMessages, unknown>;

describe("the vectors", () => {
  for (const [key, vector] of Object.entries(igmpMessages)) {
    const message = meanings[key as keyof typeof meanings] as IgmpPacket["message"];
    test(vector.name, () => {
      const packet = parse(wrap(fromHex(vector.hex), {}, false)); // with its own checksum
      const { source, destination, routerAlert } = sound;
      expect(packet).toEqual({ source, destination, routerAlert, message });
    });
  }

  const joined = address("233.252.0.1");
  const ssm = { group: address("232.1.1.1"), sources: [address("198.51.100.9")] };
  const skipped = { unknownRecords: 0, refusedRecords: 0 };
  test.each([
    ["linuxReport1", joined, { kind: "report", version: 1, group: joined }],
    ["linuxReport2", joined, { kind: "report", version: 2, group: joined }],
    ["linuxLeave", address("224.0.0.2"), { kind: "leave", group: joined }],
    [
      "linuxToIn",
      address("224.0.0.22"),
      { kind: "report3", records: [{ type: "to-in", group: joined, sources: [] }], ...skipped },
    ],
    [
      "linuxJoins",
      address("224.0.0.22"),
      {
        kind: "report3",
        records: [
          { type: "allow", ...ssm },
          { type: "to-ex", group: joined, sources: [] },
        ],
        ...skipped,
      },
    ],
  ] as const)("%s, whole and with Ethernet padding", (name, destination, message) => {
    const bytes = fromHex(igmpPackets[name].hex);
    const padded = new Uint8Array(90).fill(0xa5);
    padded.set(bytes, 14);
    const expected = { source: host, destination, routerAlert: true, message };
    expect(parse(bytes) as unknown).toEqual(expected);
    expect(parseIgmp(padded, 14, 90) as unknown).toEqual(expected);
  });
});

describe("faults of the packet", () => {
  const report = igmpMessages.report2.hex;

  test("protocol, TTL and source", () => {
    expect(parsed(report, { protocol: 17 })).toBe("protocol");
    for (const ttl of [0, 2, 64, 255]) expect(parsed(report, { ttl })).toBe("ttl");
    for (const source of ["224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"]) {
      expect(parsed(report, { source: address(source) })).toBe("source");
    }
  });

  test("a source of 0.0.0.0 is passed on (RFC 9776 §4.2.14)", () => {
    const zero = address("0.0.0.0");
    const packet = parse(wrap(fromHex(igmpMessages.toEx.hex), { source: zero }));
    expect(packet).toMatchObject({ source: zero, message: { kind: "report3" } });
  });

  test("fragments, first and later", () => {
    for (const fragment of [0x2000, 0x0001, 0x1fff]) {
      const bytes = wrap(fromHex(report));
      writeU16(bytes, 6, fragment);
      writeChecksum(bytes, 10, 0, 24);
      expect(parse(bytes)).toBe("fragment");
    }
  });

  test("each fault of IPv4 by its name", () => {
    const bytes = wrap(fromHex(report));
    expect(parseIgmp(bytes, 0, 19)).toBe("ip-short");
    expect(parseIgmp(bytes, 0, 31)).toBe("ip-total-length");
    expect(parse(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 0x66 : byte)))).toBe("ip-version");
    expect(parse(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 0x44 : byte)))).toBe(
      "ip-header-length",
    );
    expect(parse(Uint8Array.from(bytes, (byte, i) => (i === 1 ? 0 : byte)))).toBe("ip-checksum");
  });

  test("the message's checksum, and Router Alert told apart", () => {
    const wrong = fromHex(report);
    wrong[3] = 0;
    expect(parse(wrap(wrong, {}, false))).toBe("checksum");
    expect(parse(wrap(fromHex(report), { routerAlert: false }))).toMatchObject({
      routerAlert: false,
      message: { kind: "report" },
    });
  });

  test("short: below 4 bytes for any type, below 8 for those that have 8", () => {
    for (let length = 0; length < 4; length++) {
      expect(parse(wrap(new Uint8Array(length)))).toBe("short");
    }
    for (const type of ["11", "12", "16", "17", "22"]) {
      expect(parsed(`${type} 00 00 00`)).toBe("short");
      expect(parsed(`${type} 00 00 00 ef 01 01`)).toBe("short");
    }
  });

  test("every other type is sound and not read", () => {
    for (let type = 0; type < 256; type++) {
      const known = [0x11, 0x12, 0x16, 0x17, 0x22].includes(type);
      const message = parsed(`${type.toString(16).padStart(2, "0")} 00 00 00`);
      expect(message).toEqual(known ? "short" : { kind: "other", type });
    }
  });
});

describe("reports and leaves of versions 1 and 2", () => {
  test("a group that is not multicast is a fault", () => {
    for (const type of ["12", "16", "17"]) {
      for (const group of ["00 00 00 00", "c0 00 02 01", "df ff ff ff", "f0 00 00 00"]) {
        expect(parsed(`${type} 00 00 00 ${group}`)).toBe("group");
      }
    }
  });

  test("bytes behind the eighth are nothing (RFC 2236 §2.5)", () => {
    expect(parsed("16 00 00 00 ef 01 01 01 de ad be ef 99")).toEqual(meanings.report2);
  });
});

describe("queries", () => {
  test("9 to 11 bytes are ignored (RFC 9776 §7.1)", () => {
    for (const tail of ["00", "00 00", "00 00 00"]) {
      expect(parsed(`11 64 00 00 00 00 00 00 ${tail}`)).toBe("query-length");
    }
  });

  test("a version 1 query has no group, whatever its bytes say", () => {
    expect(parsed("11 00 00 00 ef 01 01 01")).toEqual(meanings.query1);
  });

  test("the code of version 2 is linear over all of its range", () => {
    for (let code = 1; code < 256; code++) {
      const message = parsed(`11 ${code.toString(16).padStart(2, "0")} 00 00 00 00 00 00`);
      expect(message).toMatchObject({ version: 2, maxResponseMs: code * 100 });
    }
  });

  test("the codes of version 3 are floats; 0 means at once", () => {
    const query = (code: string, interval: string): unknown =>
      parsed(`11 ${code} 00 00 00 00 00 00 00 ${interval} 00 00`);
    expect(query("00", "00")).toMatchObject({ version: 3, maxResponseMs: 0, queryIntervalMs: 0 });
    expect(query("80", "ff")).toMatchObject({ maxResponseMs: 12_800, queryIntervalMs: 31_744_000 });
    expect(query("ff", "7f")).toMatchObject({ maxResponseMs: 3_174_400, queryIntervalMs: 127_000 });
  });

  test("flags: S and QRV, the four others are nothing", () => {
    expect(parsed("11 0a 00 00 ef 01 01 01 fd 7d 00 00")).toMatchObject({
      group,
      suppress: true,
      robustness: 5,
    });
    expect(parsed("11 0a 00 00 ef 01 01 01 f0 7d 00 00")).toMatchObject({
      suppress: false,
      robustness: 0,
    });
  });

  test("group and sources, trailing bytes tolerated (RFC 9776 §4.1.10)", () => {
    const query = "11 0a 00 00 ef 01 01 01 02 7d 00 02 c0 00 02 01 c0 00 02 02";
    const sources = [address("192.0.2.1"), address("192.0.2.2")];
    expect(parsed(query)).toMatchObject({ version: 3, group, sources });
    expect(parsed(`${query} de ad be`)).toMatchObject({ version: 3, group, sources });
  });

  test("a general query goes to 224.0.0.1, a group's query anywhere (RFC 9776 §9.1)", () => {
    for (const hex of ["query1", "query2", "query3"] as const) {
      expect(parsed(igmpMessages[hex].hex, { destination: host })).toBe("destination");
    }
    const destination = address("224.0.0.22");
    expect(parsed(igmpMessages.query2Group.hex, { destination })).toEqual(meanings.query2Group);
  });

  test("each fault by its name", () => {
    expect(parsed("11 64 00 00 c0 00 02 01")).toBe("group");
    expect(parsed("11 64 00 00 c0 00 02 01 02 7d 00 00")).toBe("group");
    expect(parsed("11 64 00 00 ef 01 01 01 02 7d 00 01")).toBe("source-length");
    expect(parsed("11 64 00 00 ef 01 01 01 02 7d 00 01 c0 00 02")).toBe("source-length");
    expect(parsed("11 64 00 00 ef 01 01 01 02 7d ff ff c0 00 02 01")).toBe("source-count");
    expect(parsed("11 64 00 00 00 00 00 00 02 7d 00 01 c0 00 02 01")).toBe("query-sources");
    expect(parsed("11 64 00 00 ef 01 01 01 02 7d 00 01 e0 00 00 05")).toBe("query-sources");
  });
});

describe("version 3 reports", () => {
  const head = (records: number): string =>
    `22 00 00 00 00 00 ${records.toString(16).padStart(4, "0")}`;
  const toEx = "04 00 00 00 ef 01 01 01";
  const toExRecord = { type: "to-ex", group, sources: [] };

  test("no record at all is a report", () => {
    expect(parsed(head(0))).toEqual({ ...meanings.toEx, records: [] });
  });

  test("all six types with their sources", () => {
    const types = ["is-in", "is-ex", "to-in", "to-ex", "allow", "block"];
    const hex = types.map((_, i) => `0${i + 1} 00 00 02 ef 01 01 01 c0 00 02 0${i} c6 33 64 0${i}`);
    const records = types.map((type, i) => {
      return { type, group, sources: [address(`192.0.2.${i}`), address(`198.51.100.${i}`)] };
    });
    expect(parsed(head(6) + hex.join(""))).toEqual({ ...meanings.toEx, records });
  });

  test("unknown types are skipped and counted, the rest counts (RFC 9776 §4.2.13)", () => {
    for (const type of ["00", "07", "ff"]) {
      const unknown = `${type} 01 00 01 c0 00 02 01 c0 00 02 02 de ad be ef`;
      const message = parsed(head(2) + unknown + toEx);
      expect(message).toEqual({ ...meanings.toEx, records: [toExRecord], unknownRecords: 1 });
    }
  });

  test("auxiliary data is skipped, trailing bytes are nothing (RFC 9776 §4.2.11, §4.2.12)", () => {
    const auxiliary = `04 02 00 01 ef 01 01 01 c0 00 02 01 ${"a5".repeat(8)}`;
    const first = { ...toExRecord, sources: [address("192.0.2.1")] };
    const message = parsed(`${head(2) + auxiliary + toEx} de ad`);
    expect(message).toEqual({ ...meanings.toEx, records: [first, toExRecord] });
  });

  test("a record without a group, or with a group as source, is refused alone", () => {
    for (const record of ["04 00 00 00 c0 00 02 01", "05 00 00 01 ef 01 01 02 e0 00 00 05"]) {
      const message = parsed(head(2) + record + toEx);
      expect(message).toEqual({ ...meanings.toEx, records: [toExRecord], refusedRecords: 1 });
    }
  });

  test("doubled groups and sources stay as they are", () => {
    const doubled = "05 00 00 02 ef 01 01 01 c0 00 02 01 c0 00 02 01";
    const record = { type: "allow", group, sources: Array(2).fill(address("192.0.2.1")) };
    expect(parsed(head(2) + doubled + doubled)).toMatchObject({ records: [record, record] });
  });

  test("record-length: a count that the bytes do not hold (FRR d170f38c93)", () => {
    expect(parsed(head(1))).toBe("record-length");
    expect(parsed(head(2) + toEx)).toBe("record-length");
    expect(parsed(`${head(2) + toEx} 04 00 00 00 ef 01 01`)).toBe("record-length");
    expect(parsed(`${head(1)} 04 00 00 01 ef 01 01 01`)).toBe("record-length");
    expect(parsed(`${head(1)} 04 ff 00 00 ef 01 01 01`)).toBe("record-length");
    expect(parsed(`${head(1)} 04 00 ff ff ef 01 01 01`)).toBe("record-length");
    expect(parsed(`${head(1)} 63 00 00 01 ef 01 01 01`)).toBe("record-length");
  });

  test("record-count and source-count: the bound itself passes, one more does not", () => {
    const max = limits.recordsPerReportMax;
    expect(parsed(head(max) + toEx.repeat(max))).toMatchObject({ kind: "report3" });
    expect(parsed(head(max + 1) + toEx.repeat(max + 1))).toBe("record-count");
    expect(parsed(head(65_535) + toEx)).toBe("record-count");
    const listed = (count: number): unknown => {
      const counted = count.toString(16).padStart(4, "0");
      return parsed(`${head(1)} 05 00 ${counted} ef 01 01 01 ${"c0000201".repeat(count)}`);
    };
    expect(listed(max)).toMatchObject({ kind: "report3" });
    expect(listed(max + 1)).toBe("source-count");
  });
});

describe("float codes (RFC 9776 §4.1.1)", () => {
  test("all 256 come back, rising, from the values of the RFC", () => {
    for (let code = 0; code < 256; code++) {
      expect(encodeFloatCode(decodeFloatCode(code))).toBe(code);
      if (code > 0) expect(decodeFloatCode(code)).toBeGreaterThan(decodeFloatCode(code - 1));
    }
    expect([0x7f, 0x80, 0x8f, 0x90, 0xff].map(decodeFloatCode)).toEqual([
      127, 128, 248, 256, 31_744,
    ]);
  });

  test("any value becomes the largest that is not above it", () => {
    for (let value = 0; value <= 33_000; value++) {
      const code = encodeFloatCode(value);
      expect(decodeFloatCode(code)).toBeLessThanOrEqual(value);
      if (code < 255) expect(decodeFloatCode(code + 1)).toBeGreaterThan(value);
    }
    expect(encodeFloatCode(Number.POSITIVE_INFINITY)).toBe(255);
    expect(encodeFloatCode(31.25)).toBe(31);
    expect(() => encodeFloatCode(-1)).toThrow("negative");
  });
});
