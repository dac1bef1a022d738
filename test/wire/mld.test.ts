import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { fromHex } from "../../src/base/bytes.ts";
import { limits } from "../../src/limits.ts";
import type { MldPacket } from "../../src/wire/mld.ts";
import {
  decodeFloatCode16,
  encodeFloatCode16,
  igmpVersionOf,
  parseMld,
} from "../../src/wire/mld.ts";
import { mldMessages, mldPackets } from "../vector/mld.ts";
import { host, parse, type sound, wrap } from "./mld-packet.ts";

/** The message in hexadecimal text as parsed, its checksum field made right. */
function parsed(hex: string, ip: Partial<typeof sound> = {}): unknown {
  const packet = parse(wrap(fromHex(hex), ip));
  return typeof packet === "string" ? packet : packet.message;
}

const zeros = (bytes: number): string => "00".repeat(bytes);
/** ff08::1234 and its channel range's ff38::8000:1 in packets. */
const groupHex = `ff08${zeros(12)}1234`;
const sourceHex = (last: string): string => `20010db8${zeros(11)}${last}`;

const bridge = address("fe80::1");
const allNodes = address("ff02::1");
const allRouters = address("ff02::2");
const allReportRouters = address("ff02::16");
const group = address("ff08::1234");
const channel = address("ff38::8000:1");
const nine = address("2001:db8::9");

const none = { unknownRecords: 0, refusedRecords: 0 };
const query = {
  kind: "query",
  group: undefined,
  maxResponseMs: 1000,
  suppress: false,
  sources: [],
} as const;
const query1 = { ...query, version: 1, robustness: 0, queryIntervalMs: 0 } as const;
const query2 = { ...query, version: 2, robustness: 2, queryIntervalMs: 125_000 } as const;
const report = (...records: unknown[]): unknown => ({ kind: "report3", records, ...none });

describe("the packets of Linux, whole and with Ethernet padding", () => {
  const meanings = {
    query2: [bridge, allNodes, { ...query2, maxResponseMs: 10_000 }],
    query2Group: [bridge, group, { ...query2, group }],
    query2Suppress: [bridge, group, { ...query2, group, suppress: true }],
    query2Sources: [bridge, channel, { ...query2, group: channel, sources: [nine] }],
    toEx: [host, allReportRouters, report({ type: "to-ex", group, sources: [] })],
    toIn: [host, allReportRouters, report({ type: "to-in", group, sources: [] })],
    allow: [host, allReportRouters, report({ type: "allow", group: channel, sources: [nine] })],
    block: [host, allReportRouters, report({ type: "block", group: channel, sources: [nine] })],
    current: [
      host,
      allReportRouters,
      report(
        { type: "is-in", group: channel, sources: [nine] },
        { type: "is-ex", group, sources: [] },
        { type: "is-ex", group: address("ff02::1:ff00:2"), sources: [] },
      ),
    ],
    query1: [bridge, allNodes, { ...query1, maxResponseMs: 10_000 }],
    query1Group: [bridge, allNodes, { ...query1, group }],
    report1: [host, group, { kind: "report", version: 1, group }],
    done: [host, allRouters, { kind: "leave", group }],
  } as const satisfies Record<keyof typeof mldPackets, unknown>;

  for (const [key, { name, hex }] of Object.entries(mldPackets)) {
    test(name, () => {
      const [source, destination, message] = meanings[key as keyof typeof meanings];
      const expected = { source, destination, routerAlert: true, message } as MldPacket;
      const bytes = fromHex(hex);
      const padded = new Uint8Array(200).fill(0xa5);
      padded.set(bytes, 14);
      expect(parse(bytes)).toEqual(expected);
      expect(parseMld(padded, 14, 200)).toEqual(expected);
    });
  }
});

describe("the computed messages, with their own checksums", () => {
  test("v2 general query", () => {
    const packet = parse(wrap(fromHex(mldMessages.query2.hex), { source: bridge }, false));
    expect(packet).toMatchObject({ message: { ...query2, maxResponseMs: 10_000 } });
  });
  test("v2 TO_EX {}", () => {
    const ip = { destination: allReportRouters };
    const packet = parse(wrap(fromHex(mldMessages.toEx.hex), ip, false));
    expect(packet).toMatchObject({ message: report({ type: "to-ex", group, sources: [] }) });
  });
});

const report1 = `8300 0000 0000 0000 ${groupHex}`;
const general2 = `8200 0000 2710 0000 ${zeros(16)} 027d 0000`;

describe("faults of the packet", () => {
  test("each fault of IPv6 by its name", () => {
    const bytes = wrap(fromHex(report1));
    const changed = (at: number, value: number): unknown =>
      parse(Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte)));
    expect(parseMld(bytes, 0, 39)).toBe("ip-short");
    expect(parseMld(bytes, 0, 71)).toBe("ip-payload-length");
    expect(changed(0, 0x40)).toBe("ip-version");
    expect(changed(40, 0)).toBe("ip-hop-by-hop");
    expect(changed(41, 9)).toBe("ip-extension-length");
    const chain = Array.from({ length: 9 }, (_, i) => [i < 8 ? 60 : 58, 0, 1, 4, 0, 0, 0, 0]);
    expect(parsed(report1, { nextHeader: 60, extensions: chain.flat() })).toBe(
      "ip-extension-count",
    );
    const fragments = [44, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0];
    expect(parsed(report1, { nextHeader: 44, extensions: fragments })).toBe("ip-fragment-header");
  });

  test("protocol, and ICMPv6 of another family", () => {
    expect(parsed(report1, { nextHeader: 17, extensions: [] })).toBe("protocol");
    expect(parsed(report1, { extensions: [17, 0, 5, 2, 0, 0, 1, 0] })).toBe("protocol");
    for (let type = 0; type < 256; type++) {
      const message = parsed(`${type.toString(16).padStart(2, "0")}00 0000`, { hopLimit: 255 });
      const known = [130, 131, 132, 143, 151, 152, 153].includes(type);
      expect(message).toBe(known ? "hop-limit" : "type");
    }
  });

  test("fragments, first and later; a fragment header alone makes none", () => {
    const fragment = (high: number, low: number): unknown => {
      const header = [58, 0, high, low, 0, 0, 0, 7];
      return parsed(report1, { extensions: [44, 0, 5, 2, 0, 0, 1, 0, ...header] });
    };
    expect(fragment(0, 1)).toBe("fragment");
    expect(fragment(0, 8)).toBe("fragment");
    expect(fragment(0xff, 0xf8)).toBe("fragment");
    expect(fragment(0, 0)).toEqual({ kind: "report", version: 1, group });
  });

  test("hop-limit: everything but 1", () => {
    for (const hopLimit of [0, 2, 64, 255]) expect(parsed(report1, { hopLimit })).toBe("hop-limit");
  });

  test("source: only link-local, never :: (RFC 9777 §5.1.14, §5.2.14)", () => {
    for (const source of ["::", "::1", "2001:db8::7", "fec0::1", "ff02::1"]) {
      expect(parsed(report1, { source: address(source) })).toBe("source");
      expect(parsed(general2, { source: address(source) })).toBe("source");
      expect(parsed(mldMessages.toEx.hex, { source: address(source) })).toBe("source");
    }
    expect(parsed(report1, { source: address("febf::1") })).toMatchObject({ kind: "report" });
  });

  test("checksum, over message and addresses", () => {
    const wrong = fromHex(report1);
    expect(parse(wrap(wrong, {}, false))).toBe("checksum");
    const moved = wrap(wrong);
    moved[15] = 1; // fe80::1:0:0:2
    expect(parse(moved)).toBe("checksum");
  });

  test("Router Alert is told, wherever it stands or not", () => {
    const packet = (extensions: readonly number[], nextHeader = 0): unknown =>
      parse(wrap(fromHex(report1), { extensions, nextHeader }));
    expect(packet([58, 0, 5, 2, 0, 0, 0, 0])).toMatchObject({ routerAlert: true });
    expect(packet([58, 0, 1, 4, 0, 0, 0, 0])).toMatchObject({ routerAlert: false });
    expect(packet([], 58)).toMatchObject({ routerAlert: false });
  });

  test("short: below 4 bytes for any type, below those that a type has", () => {
    for (let length = 0; length < 4; length++) {
      expect(parse(wrap(new Uint8Array(length)))).toBe("short");
    }
    for (const type of ["82", "83", "84"]) {
      for (let more = 0; more < 20; more++) {
        expect(parsed(`${type}00 0000 ${zeros(more)}`)).toBe("short");
      }
    }
    for (let more = 0; more < 4; more++) expect(parsed(`8f00 0000 ${zeros(more)}`)).toBe("short");
  });

  test("router discovery is sound and not read here", () => {
    for (const type of [151, 152, 153]) {
      expect(parsed(`${type.toString(16)}00 0000`)).toEqual({ kind: "other", type });
    }
  });
});

describe("reports and dones of version 1", () => {
  test("a group that MLD does not speak of is a fault (RFC 9777 §6)", () => {
    const refused = [zeros(16), `ff02${zeros(13)}01`, sourceHex("01"), `fe80${zeros(13)}01`];
    const scopes = ["ff00", "ff01", "ff10", "ff31"].map((head) => `${head}${zeros(13)}01`);
    for (const type of ["83", "84", "82"]) {
      for (const hex of [...refused, ...scopes]) {
        const general = type === "82" && hex === zeros(16);
        if (!general) expect(parsed(`${type}00 0000 0000 0000 ${hex}`)).toBe("group");
      }
    }
    for (const hex of [`ff02${zeros(13)}02`, `ff02${zeros(9)}0100000001`, `ff12${zeros(13)}01`]) {
      expect(parsed(`8300 0000 0000 0000 ${hex}`)).toMatchObject({ kind: "report" });
    }
  });

  test("bytes behind the 24th are nothing (RFC 2710 §3.7)", () => {
    expect(parsed(`${report1} dead beef 99`)).toEqual({ kind: "report", version: 1, group });
  });
});

describe("queries", () => {
  test("25 to 27 bytes are ignored (RFC 9777 §8.1)", () => {
    for (let more = 1; more < 4; more++) {
      expect(parsed(`8200 0000 2710 0000 ${zeros(16 + more)}`)).toBe("query-length");
    }
  });

  test("the code of version 1 is linear over all of its range", () => {
    for (let code = 0; code < 65_536; code += 255) {
      const message = parsed(`8200 0000 ${code.toString(16).padStart(4, "0")} 0000 ${zeros(16)}`);
      expect(message).toEqual({ ...query1, maxResponseMs: code });
    }
  });

  test("the codes of version 2 are floats; 0 means at once", () => {
    const codes = (code: string, interval: string): unknown =>
      parsed(`8200 0000 ${code} 0000 ${zeros(16)} 00${interval} 0000`);
    expect(codes("0000", "00")).toMatchObject({ maxResponseMs: 0, queryIntervalMs: 0 });
    expect(codes("8000", "ff")).toMatchObject({
      maxResponseMs: 32_768,
      queryIntervalMs: 31_744_000,
    });
    expect(codes("ffff", "7f")).toMatchObject({
      maxResponseMs: 8_387_584,
      queryIntervalMs: 127_000,
    });
  });

  test("flags: S and QRV, the four others are nothing", () => {
    const flags = (hex: string): unknown => parsed(`8200 0000 03e8 0000 ${groupHex} ${hex}7d 0000`);
    expect(flags("fd")).toEqual({ ...query2, group, suppress: true, robustness: 5 });
    expect(flags("f0")).toEqual({ ...query2, group, robustness: 0 });
  });

  test("group and sources, trailing bytes tolerated (RFC 9777 §5.1.12)", () => {
    const head = `8200 0000 03e8 0000 ${groupHex} 027d 0002`;
    const wanted = `${head} ${sourceHex("01")} ${sourceHex("02")}`;
    const sources = [address("2001:db8::1"), address("2001:db8::2")];
    expect(parsed(wanted)).toEqual({ ...query2, group, sources });
    expect(parsed(`${wanted} deadbe`)).toEqual({ ...query2, group, sources });
  });

  test("a general query goes to ff02::1, a group's query anywhere", () => {
    const general1 = `8200 0000 2710 0000 ${zeros(16)}`;
    for (const hex of [general1, general2]) {
      expect(parsed(hex, { destination: allRouters })).toBe("destination");
    }
    const specific = `8200 0000 03e8 0000 ${groupHex}`;
    expect(parsed(specific, { destination: host })).toEqual({ ...query1, group });
  });

  test("each fault by its name", () => {
    const specific = `8200 0000 03e8 0000 ${groupHex} 027d`;
    expect(parsed(`8200 0000 03e8 0000 ${sourceHex("01")} 027d 0000`)).toBe("group");
    expect(parsed(`${specific} 0001`)).toBe("source-length");
    expect(parsed(`${specific} 0001 ${zeros(15)}`)).toBe("source-length");
    expect(parsed(`${specific} ffff ${sourceHex("01")}`)).toBe("source-count");
    expect(parsed(`8200 0000 03e8 0000 ${zeros(16)} 027d 0001 ${sourceHex("01")}`)).toBe(
      "query-sources",
    );
    expect(parsed(`${specific} 0001 ${groupHex}`)).toBe("query-sources");
    expect(parsed(`${specific} 0001 ${zeros(10)} ffff c0000201`)).toBe("query-sources");
  });
});

describe("version 2 reports", () => {
  const head = (records: number): string =>
    `8f00 0000 0000 ${records.toString(16).padStart(4, "0")}`;
  const toEx = `0400 0000 ${groupHex}`;
  const toExRecord = { type: "to-ex", group, sources: [] };

  test("no record at all is a report", () => {
    expect(parsed(head(0))).toEqual(report());
  });

  test("all six types with their sources", () => {
    const types = ["is-in", "is-ex", "to-in", "to-ex", "allow", "block"];
    const hex = types.map((_, i) => `0${i + 1}00 0002 ${groupHex} ${sourceHex("01")}`);
    const records = types.map((type, i) => {
      return { type, group, sources: [address("2001:db8::1"), address(`2001:db8::a${i}`)] };
    });
    const all = hex.map((record, i) => `${record} ${sourceHex(`a${i}`)}`).join("");
    expect(parsed(head(6) + all)).toEqual(report(...records));
  });

  test("unknown types are skipped and counted, the rest counts (RFC 9777 §5.2.13)", () => {
    for (const type of ["00", "07", "ff"]) {
      const unknown = `${type}01 0001 ${sourceHex("01")} ${sourceHex("02")} deadbeef`;
      const message = parsed(head(2) + unknown + toEx);
      expect(message).toEqual({
        kind: "report3",
        records: [toExRecord],
        ...none,
        unknownRecords: 1,
      });
    }
  });

  test("auxiliary data is skipped, trailing bytes are nothing (RFC 9777 §5.2.12)", () => {
    const auxiliary = `0402 0001 ${groupHex} ${sourceHex("01")} ${"a5".repeat(8)}`;
    const first = { ...toExRecord, sources: [address("2001:db8::1")] };
    expect(parsed(`${head(2) + auxiliary + toEx} dead`)).toEqual(report(first, toExRecord));
  });

  test("a record that MLD does not speak of, or with no possible source, is refused alone", () => {
    const refused = [
      `0400 0000 ${sourceHex("01")}`,
      `0400 0000 ff02${zeros(13)}01`,
      `0400 0000 ff01${zeros(13)}02`,
      `0400 0000 ff00${zeros(13)}02`,
      `0500 0001 ${groupHex} ff05${zeros(13)}05`,
      `0500 0001 ${groupHex} ${zeros(10)} ffff c0000201`,
    ];
    for (const record of refused) {
      const message = parsed(head(2) + record + toEx);
      expect(message).toEqual({
        kind: "report3",
        records: [toExRecord],
        ...none,
        refusedRecords: 1,
      });
    }
  });

  test("record-length: a count that the bytes do not hold", () => {
    expect(parsed(head(1))).toBe("record-length");
    expect(parsed(head(2) + toEx)).toBe("record-length");
    expect(parsed(`${head(2) + toEx} ${toEx.slice(0, -2)}`)).toBe("record-length");
    for (const counts of ["0400 0001", "04ff 0000", "0400 ffff", "6300 0001"]) {
      expect(parsed(`${head(1)} ${counts} ${groupHex}`)).toBe("record-length");
    }
  });

  test("record-count and source-count: the bound itself passes, one more does not", () => {
    const max = limits.recordsPerReportMax;
    expect(parsed(head(max) + toEx.repeat(max))).toMatchObject({ kind: "report3" });
    expect(parsed(head(max + 1) + toEx.repeat(max + 1))).toBe("record-count");
    expect(parsed(head(65_535) + toEx)).toBe("record-count");
    const listed = (count: number): unknown => {
      const counted = count.toString(16).padStart(4, "0");
      return parsed(`${head(1)} 0500 ${counted} ${groupHex} ${sourceHex("01").repeat(count)}`);
    };
    expect(listed(max)).toMatchObject({ kind: "report3" });
    expect(listed(max + 1)).toBe("source-count");
  });
});

describe("16-bit codes (RFC 9777 §5.1.3)", () => {
  test("all 65536 come back, rising, from the values of the RFC", () => {
    let last = -1;
    for (let code = 0; code < 65_536; code++) {
      const value = decodeFloatCode16(code);
      if (encodeFloatCode16(value) !== code || value <= last) throw new Error(`code ${code}`);
      last = value;
    }
    expect([0x7fff, 0x8000, 0x8001, 0x9000, 0xffff].map(decodeFloatCode16)).toEqual([
      32_767, 32_768, 32_776, 65_536, 8_387_584,
    ]);
  });

  test("any value becomes the largest that is not above it", () => {
    for (let value = 0; value <= 8_400_000; value += 97) {
      const code = encodeFloatCode16(value);
      const next = code < 0xffff ? decodeFloatCode16(code + 1) : Number.POSITIVE_INFINITY;
      if (decodeFloatCode16(code) > value || next <= value) throw new Error(`value ${value}`);
    }
    expect(encodeFloatCode16(Number.POSITIVE_INFINITY)).toBe(0xffff);
    expect(encodeFloatCode16(31.25)).toBe(31);
    expect(() => encodeFloatCode16(-1)).toThrow("negative");
  });
});

test("MLD is one version behind IGMP (RFC 9777 §8)", () => {
  expect([igmpVersionOf(1), igmpVersionOf(2)]).toEqual([2, 3]);
});
