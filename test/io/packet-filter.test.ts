import { describe, expect, test } from "bun:test";
import { address, ipv4Of } from "../../src/base/address.ts";
import { writeU32 } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import {
  anyGroup,
  dataHeaders,
  type Filter,
  igmpOnly,
  theseGroups,
} from "../../src/io/packet-filter.ts";

const linkBytes = 14;
const kind = { host: 0, broadcast: 1, group: 2, other: 3, outgoing: 4 } as const;

/** The instructions that the filters use, as the kernel defines them; bounded by the program. */
function run(filter: Filter, frame: Uint8Array, frameKind = 2): number {
  let accumulator = 0;
  const view = new DataView(frame.buffer);
  for (let at = 0; at < filter.length; at++) {
    const [code, jumpTrue, jumpFalse, k] = filter[at] as Filter[number];
    const holds = new Map([
      [0x15, accumulator === k],
      [0x25, accumulator > k],
      [0x35, accumulator >= k],
    ]).get(code);
    if (code === 0x06) return k;
    if (code === 0x30) accumulator = k === 0xffff_f004 ? frameKind : view.getUint8(k);
    else if (code === 0x20) accumulator = view.getUint32(k);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (holds === undefined) throw new Error(`instruction ${code}`);
    else at += holds ? jumpTrue : jumpFalse;
  }
  throw new Error("the program has no end");
}

function frame(group: string | number, protocol = 17, link = linkBytes): Uint8Array {
  const bytes = new Uint8Array(link + 20);
  bytes[link + 9] = protocol;
  writeU32(bytes, link + 16, typeof group === "number" ? group : ipv4Of(address(group)));
  return bytes;
}

test("igmpOnly takes IGMP and nothing else", () => {
  for (let protocol = 0; protocol < 256; protocol++) {
    const taken = run(igmpOnly, frame("233.252.0.1", protocol, 0));
    expect(taken > 0).toBe(protocol === 2);
  }
});

describe.each([
  ["dataHeaders", 0, dataHeaders(20)],
  ["anyGroup", linkBytes, anyGroup(linkBytes)],
] as const)("%s takes data beyond the link's own groups", (_name, link, filter) => {
  test.each([
    ["233.252.0.1", true],
    ["224.0.1.0", true],
    ["239.255.255.255", true],
    ["224.0.0.0", false],
    ["224.0.0.251", false],
    ["223.255.255.255", false],
    ["240.0.0.0", false],
    ["192.0.2.1", false],
  ])("%s: %s", (group, taken) => {
    expect(run(filter, frame(group, 17, link)) > 0).toBe(taken);
    expect(run(filter, frame(group, 2, link))).toBe(0);
  });
});

test("dataHeaders takes as many bytes as it was told", () => {
  expect(run(dataHeaders(20), frame("233.252.0.1", 17, 0))).toBe(20);
});

test("frames to somebody else, and our own, are not the LAN's to us", () => {
  for (const filter of [anyGroup(linkBytes), theseGroups(linkBytes, [0xe9fc_0001])]) {
    for (const [name, number] of Object.entries(kind)) {
      const taken = run(filter, frame("233.252.0.1"), number) > 0;
      expect([name, taken]).toEqual([name, !["other", "outgoing"].includes(name)]);
    }
  }
});

describe("theseGroups", () => {
  test("takes exactly the groups it names, whatever their number", () => {
    const prng = new Prng(0xbf);
    for (const count of [0, 1, 2, 3, 4, 5, 7, 100, 255, 256]) {
      const groups = new Set<number>();
      while (groups.size < count) groups.add(0xe100_0000 + prng.below(2_000));
      const sorted = [...groups].sort((a, b) => a - b);
      const filter = theseGroups(linkBytes, sorted);
      expect(filter.length).toBeLessThanOrEqual(4_096);
      for (let group = 0xe0ff_ffff; group < 0xe100_0000 + 2_001; group++) {
        if (run(filter, frame(group)) > 0 !== groups.has(group)) throw new Error(`${group}`);
      }
    }
  });

  test("never takes IGMP, which is sent to wanted groups as well", () => {
    expect(run(theseGroups(linkBytes, [0xe9fc_0001]), frame("233.252.0.1", 2))).toBe(0);
  });
});
