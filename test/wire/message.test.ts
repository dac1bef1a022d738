import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address, ipv4Address } from "../../src/base/address.ts";
import { fromHex } from "../../src/base/bytes.ts";
import { limits } from "../../src/limits.ts";
import { encodeCbor } from "../../src/wire/cbor.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  rowBytes,
  type SiteRow,
} from "../../src/wire/message.ts";
import type { Want } from "../../src/wire/want.ts";
import { cborFaults } from "../vector/cbor.ts";

const seed = 0x3e55;

const unicast = fc.nat({ max: 0xdfff_ffff }).map((number) => ipv4Address(number));
const group = fc.nat({ max: 0x0fff_ffff }).map((number) => ipv4Address(0xe000_0000 + number));
const counter = fc.maxSafeNat();
const name = fc.stringMatching(/^[a-z0-9-]{1,64}$/);
const endpoint = fc
  .tuple(unicast, fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`);
const endpointOrNone = fc.oneof(fc.constant(""), endpoint, fc.constant("[2001:db8::1]:7800"));
const want: fc.Arbitrary<Want> = fc.record({
  group,
  mode: fc.constantFrom("include", "exclude"),
  sources: fc.array(unicast, { maxLength: 5 }),
});
const channel = fc.record({ source: unicast, group });
const rate = fc.double({ min: 0, max: 1e12, noNaN: true }).map((some) => some + 0);
const lists = { maxLength: 6 };
const row: fc.Arbitrary<SiteRow> = fc.record({
  site: name,
  zone: fc.stringMatching(/^[a-z0-9/-]{0,40}$/),
  incarnation: counter,
  sequence: counter,
  router: endpointOrNone,
  routerControl: endpointOrNone,
  gatewayControl: endpointOrNone,
  prefixes: fc.array(fc.constantFrom("192.0.2.0/24", "198.51.100.1", "2001:db8::/32"), lists),
  settling: fc.boolean(),
  wants: fc.array(want, lists),
  sends: fc.array(channel, lists),
});

const messages: { [Kind in Message["kind"]]: fc.Arbitrary<Message> } = {
  neighbours: fc.record({
    kind: fc.constant("neighbours"),
    full: fc.boolean(),
    sites: fc.array(fc.record({ site: name, endpoint }), lists),
  }),
  router: fc.record({ kind: fc.constant("router"), endpoint, control: endpointOrNone }),
  digest: fc.record({
    kind: fc.constant("digest"),
    reply: fc.boolean(),
    rows: fc.array(fc.record({ site: name, incarnation: counter, sequence: counter }), lists),
  }),
  rows: fc.record({ kind: fc.constant("rows"), rows: fc.array(row, lists) }),
  lan: fc.record({
    kind: fc.constant("lan"),
    full: fc.boolean(),
    wants: fc.array(want, lists),
    lapsed: fc.array(group, lists),
    senders: fc.array(
      fc.record({ source: unicast, group, packetsPerSecond: rate, bitsPerSecond: rate }),
      lists,
    ),
    silent: fc.array(channel, lists),
  }),
};

describe("every message of a kind comes back", () => {
  test.each(Object.entries(messages))("%s", (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
      { seed, numRuns: 200 },
    );
  });
});

const flatRow = {
  site: "berlin",
  zone: "/eu/berlin",
  incarnation: 1,
  sequence: 2,
  router: "192.0.2.1:7800",
  routerControl: "",
  gatewayControl: "",
  prefixes: ["10.1.0.0/24"],
  settling: false,
  wants: [["233.252.0.1", "x"]],
  sends: [["192.0.2.7", "233.252.0.1"]],
};
const sender = {
  source: "192.0.2.7",
  group: "233.252.0.1",
  packetsPerSecond: 1,
  bitsPerSecond: 8,
};
const sound = {
  neighbours: { kind: "neighbours", full: true, sites: [{ site: "a", endpoint: "192.0.2.1:1" }] },
  router: { kind: "router", endpoint: "192.0.2.1:7800", control: "" },
  digest: { kind: "digest", reply: true, rows: [["a", 1, 2]] },
  rows: { kind: "rows", rows: [flatRow] },
  lan: { kind: "lan", full: true, wants: [], lapsed: [], senders: [sender], silent: [] },
};
type Bad = readonly [of: keyof typeof sound, what: string, change: object];

const longName = "n".repeat(limits.siteNameBytesMax + 1);
const inRow = (change: object): object => ({ rows: [{ ...flatRow, ...change }] });
const inSender = (change: object): object => ({ senders: [{ ...sender, ...change }] });
const inSites = (change: object): object => ({
  sites: [{ ...sound.neighbours.sites[0], ...change }],
});
const times = <Item>(count: number, item: Item): Item[] => Array<Item>(count).fill(item);
const isSource = "192.0.2.9";

const bad: Bad[] = [
  ["neighbours", "an unknown kind", { kind: "neighbors" }],
  ["neighbours", "no kind", { kind: undefined }],
  ["neighbours", "a field too many", { more: 1 }],
  ["neighbours", "a field too few", { sites: undefined }],
  ["neighbours", "an empty name", inSites({ site: "" })],
  ["neighbours", "a long name", inSites({ site: longName })],
  ["neighbours", "an empty endpoint", inSites({ endpoint: "" })],
  ["neighbours", "a host name", inSites({ endpoint: "example.org:1" })],
  ["neighbours", "port 0", inSites({ endpoint: "192.0.2.1:0" })],
  ["neighbours", "port 65536", inSites({ endpoint: "192.0.2.1:65536" })],
  ["neighbours", "a site with a field too many", inSites({ more: 1 })],
  ["router", "an empty endpoint", { endpoint: "" }],
  ["router", "a control endpoint without port", { control: "192.0.2.1" }],
  ["digest", "a reply that is no boolean", { reply: 1 }],
  ["digest", "a version of two", { rows: [["a", 1]] }],
  ["digest", "a version of four", { rows: [["a", 1, 2, 3]] }],
  ["digest", "a negative counter", { rows: [["a", -1, 1]] }],
  ["digest", "a fraction", { rows: [["a", 1, 1.5]] }],
  ["digest", "a counter above 2^53", { rows: [["a", 2 ** 60, 1]] }],
  ["rows", "no list", { rows: {} }],
  ["rows", "an empty site", inRow({ site: "" })],
  ["rows", "a long zone", inRow({ zone: "z".repeat(257) })],
  ["rows", "a negative incarnation", inRow({ incarnation: -1 })],
  ["rows", "a sequence that is text", inRow({ sequence: "1" })],
  ["rows", "a router that is no endpoint", inRow({ router: "x" })],
  ["rows", "a prefix with host bits", inRow({ prefixes: ["10.1.0.1/24"] })],
  ["rows", "too many prefixes", inRow({ prefixes: times(257, "10.1.0.0/24") })],
  ["rows", "settling that is no boolean", inRow({ settling: null })],
  ["rows", "a want of a unicast address", inRow({ wants: [["192.0.2.1", "x"]] })],
  ["rows", "a want of an address not canonical", inRow({ wants: [["FF0E::1", "x"]] })],
  ["rows", "a want without a mode", inRow({ wants: [["233.252.0.1"]] })],
  ["rows", "a want of another mode", inRow({ wants: [["233.252.0.1", "exclude"]] })],
  ["rows", "a group as source", inRow({ wants: [["233.252.0.1", "i", "233.252.0.2"]] })],
  ["rows", "too many sources", inRow({ wants: [["233.252.0.1", "i", ...times(65, isSource)]] })],
  ["rows", "a channel the wrong way round", inRow({ sends: [["233.252.0.1", "192.0.2.7"]] })],
  ["rows", "a channel of three", inRow({ sends: [["192.0.2.7", "233.252.0.1", "192.0.2.7"]] })],
  ["rows", "a row with a field too many", inRow({ more: 1 })],
  ["rows", "a row with a field too few", inRow({ settling: undefined })],
  ["lan", "full that is no boolean", { full: 0 }],
  ["lan", "a lapsed unicast address", { lapsed: ["192.0.2.1"] }],
  ["lan", "a sender that is a group", inSender({ source: "233.252.0.1" })],
  ["lan", "a negative rate", inSender({ packetsPerSecond: -1 })],
  ["lan", "a rate that is text", inSender({ bitsPerSecond: "8" })],
  ["lan", "a silent channel of one", { silent: [["192.0.2.7"]] }],
  ["lan", "too many lapsed groups", { lapsed: times(limits.groupsPerLanMax + 1, "224.0.1.1") }],
];

describe("what the schemas refuse", () => {
  test.each(Object.entries(sound))("the sample of %s itself is sound", (_, message) => {
    expect(typeof decodeMessage(encodeCbor(message))).toBe("object");
  });

  test.each(bad)("%s: %s", (of, _, change) => {
    expect(decodeMessage(encodeCbor({ ...sound[of], ...change }))).toBe("message-schema");
  });

  test.each([null, 1, "text", [], {}, [sound.router]].map((value) => ({ value })))(
    "%j is no message",
    ({ value }) => expect(decodeMessage(encodeCbor(value))).toBe("message-schema"),
  );
});

test("faults of CBOR pass through by their names", () => {
  for (const [hex, fault] of cborFaults) {
    expect(decodeMessage(fromHex(hex)) as unknown).toBe(fault);
  }
  expect(decodeMessage(new Uint8Array(limits.messageBytesMax + 1))).toBe("oversize");
});

const rowOf = (wants: SiteRow["wants"], sends: SiteRow["sends"] = []): SiteRow => ({
  ...flatRow,
  wants,
  sends,
});
const wantsOf = (count: number): Want[] =>
  Array.from({ length: count }, (_, i) => ({
    group: ipv4Address(0xe9fc_0000 + i),
    mode: "exclude",
    sources: [],
  }));

describe("the size of a row", () => {
  test("with 1,000 groups, each with two sources, fits a message", () => {
    const sources = ["198.51.100.100", "198.51.100.200"].map(address);
    const wants = wantsOf(1_000).map((one) => ({ ...one, sources }));
    const message: Message = { kind: "rows", rows: [rowOf(wants)] };
    expect(rowBytes(rowOf(wants))).toBeLessThan(limits.rowBytesMax);
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test("is the length of what is sent", () => {
    const empty = encodeMessage({ kind: "rows", rows: [] }).length;
    fc.assert(
      fc.property(row, fc.constantFrom(0, 17, 250, 300), (some, more) => {
        const one = { ...some, wants: [...some.wants, ...wantsOf(more)] };
        expect(rowBytes(one)).toBe(encodeMessage({ kind: "rows", rows: [one] }).length - empty);
      }),
      { seed, numRuns: 200 },
    );
  });

  test("a row too large for a message has a size too, so that it can be cut", () => {
    expect(rowBytes(rowOf(wantsOf(8_192)))).toBeGreaterThan(limits.rowBytesMax);
    const sends = times(8_192, { source: address("192.0.2.1"), group: address("224.0.1.1") });
    expect(rowBytes(rowOf(wantsOf(8_192), sends))).toBe(Number.POSITIVE_INFINITY);
  });

  test("whatever is within the bound can be sent", () => {
    const short = { group: address("ff0e::1"), mode: "exclude", sources: [] } as const;
    for (let count = 5_000; count < 6_000; count += 10) {
      const wide = rowOf(times(count, short));
      if (rowBytes(wide) > limits.rowBytesMax) continue;
      expect(() => encodeMessage({ kind: "rows", rows: [wide] })).not.toThrow();
    }
  });
});
