import { describe, expect, test } from "bun:test";
import {
  judgeIgmpVersion,
  judgeInterface,
  judgeMtu,
  judgeMtus,
} from "../../src/doctor/interfaces.ts";
import { faultsOf, lan } from "./facts.ts";

test.each([
  [{}, []],
  [{ flags: undefined }, ["critical INTERFACE_MISSING eth1"]],
  [{ flags: 0x3 }, ["critical NO_MULTICAST_FLAG eth1"]],
  [{ flags: 0x1002, addresses: [] }, ["critical INTERFACE_DOWN eth1"]],
  [{ flags: 0x2 }, ["critical NO_MULTICAST_FLAG eth1", "critical INTERFACE_DOWN eth1"]],
  [{ hasCarrier: false }, ["warning NO_CARRIER eth1"]],
  [{ hasCarrier: undefined }, []],
  [{ addresses: [] }, ["critical NO_IPV4_ADDRESS eth1"]],
])("an interface with %p", (change, expected) => {
  expect(faultsOf(judgeInterface({ ...lan, ...change }))).toEqual(expected);
});

describe("MTU", () => {
  test.each([
    [{}, []],
    [{ mtuBytes: 9_000 }, []],
    [{ mtuBytes: undefined }, []],
    [{ mtuBytes: 1_400 }, ["warning MTU_SMALL eth1"]],
    [{ use: "wan", mtuBytes: 1_420 }, ["note MTU_SMALL eth1"]],
    [{ use: "wan", mtuBytes: 1_200 }, ["warning MTU_SMALL eth1"]],
  ] as const)("%p", (change, expected) => {
    expect(faultsOf(judgeMtu({ ...lan, ...change }))).toEqual([...expected]);
  });

  test("LANs that differ, by the smaller of them", () => {
    const jumbo = { ...lan, name: "eth2", mtuBytes: 9_000 };
    const [finding] = judgeMtus([lan, jumbo]);
    expect(finding?.code).toBe("MTU_DIFFERS");
    expect(finding?.evidence).toBe("the LANs differ: eth1 1500, eth2 9000");
    expect(finding?.fix).toContain("at most 1500 bytes");
    expect(judgeMtus([lan, { ...jumbo, use: "wan" }])).toEqual([]);
  });
});

test.each([
  [{ all: 0, own: 0 }, []],
  [{ all: 0, own: 3 }, []],
  [{ all: 3, own: 2 }, []],
  [{ all: 0, own: 2 }, ["warning IGMP_VERSION_FORCED eth1"]],
  [{ all: 1, own: 0 }, ["warning IGMP_VERSION_FORCED eth1"]],
  [undefined, []],
])("force_igmp_version %p", (forceIgmpVersion, expected) => {
  expect(faultsOf(judgeIgmpVersion({ ...lan, forceIgmpVersion }))).toEqual(expected);
});
