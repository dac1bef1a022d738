import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import { membershipCodecs } from "../../src/role/membership-codec.ts";
import { writeMldDone, writeMldReport1, writeMldReport2 } from "../../src/wire/mld-write.ts";

const into = new Uint8Array(1_500).fill(0xa5);
const query: LanQuery = {
  group: undefined,
  sources: [],
  suppress: false,
  maxResponseMs: 1_000,
  robustness: 2,
  queryIntervalMs: 125_000,
  version: 3,
};

test.each([
  [4, "192.0.2.1", "233.252.0.1"],
  [6, "fe80::1", "ff0e::4321"],
] as const)("queries of IPv%d come back as they went", (family, from, to) => {
  const codec = membershipCodecs[family];
  const source = address(from);
  for (const group of [undefined, address(to)]) {
    const length = codec.writeQuery(into, { ...query, group }, source);
    expect(codec.parse(into, length)).toMatchObject({
      source,
      routerAlert: true,
      message: { ...query, group, kind: "query" },
    });
    const older = codec.writeQuery(into, { ...query, group, version: 2 }, source);
    expect(older).toBeLessThan(length);
    expect(codec.parse(into, older)).toMatchObject({ message: { kind: "query", version: 2 } });
  }
});

test("MLD counts as the version of IGMP that does as much (RFC 9777 §8)", () => {
  const mld = membershipCodecs[6];
  const [source, group] = [address("fe80::2"), address("ff0e::4321")];
  const report1 = mld.parse(into, writeMldReport1(into, { source, group }));
  expect(report1).toMatchObject({ source, message: { kind: "report", version: 2, group } });
  const done = mld.parse(into, writeMldDone(into, { source, group }));
  expect(done).toMatchObject({ message: { kind: "leave", group } });
  const records = [{ type: "to-ex", group, sources: [] }] as const;
  const report2 = mld.parse(into, writeMldReport2(into, { source, records }));
  expect(report2).toMatchObject({ message: { kind: "report3", records } });
});

test("a fault is named", () => {
  expect(membershipCodecs[4].parse(into, 3)).toBe("ip-short");
  expect(membershipCodecs[6].parse(into, 3)).toBe("ip-short");
});
