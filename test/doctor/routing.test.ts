import { describe, expect, test } from "bun:test";
import { judgeRoutingOwner, judgeRpFilter } from "../../src/doctor/routing.ts";
import { faultsOf, gateway, lan } from "./facts.ts";

describe("rp_filter: the larger of all and the interface counts", () => {
  test.each([
    [{ all: 0, own: 0 }, false, false, false],
    [{ all: 1, own: 0 }, false, true, true],
    [{ all: 0, own: 1 }, false, true, true],
    [{ all: 0, own: 1 }, true, true, false],
    [{ all: 1, own: 2 }, false, true, false],
    [{ all: 2, own: 0 }, false, false, true],
    [undefined, false, false, false],
  ])("%p, default route here %p, anywhere %p", (rpFilter, here, anywhere, isFault) => {
    const found = judgeRpFilter({ ...lan, rpFilter, hasDefaultRoute: here }, anywhere);
    expect(faultsOf(found)).toEqual(isFault ? ["warning RP_FILTER eth1"] : []);
  });

  test("says what the numbers mean, and names what is to be set", () => {
    const [finding] = judgeRpFilter({ ...lan, rpFilter: { all: 1, own: 0 } }, true);
    expect(finding?.evidence).toContain("rp_filter: all 1, eth1 0, so 1");
    expect(finding?.evidence).toContain("0 takes every source, 1 only those");
    expect(finding?.fix).toContain("net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");
  });
});

describe("the owner of the multicast routing table", () => {
  const free = {
    kernel: { multicastForwarding: 0, vifs: [] },
    lans: ["eth1"],
    tuns: ["fc0"],
    gateways: [],
  };
  const foreign = { multicastForwarding: 1, vifs: ["docker0", "eth2"] };
  const apart = { ...gateway, table: "7010" };

  test.each([
    ["nobody", free, []],
    ["not seen", { ...free, kernel: { multicastForwarding: 0, vifs: undefined } }, []],
    [
      "a Gateway of ours",
      { ...free, kernel: { multicastForwarding: 1, vifs: ["eth1", "fc0"] } },
      [],
    ],
    [
      "another daemon on our LAN",
      { ...free, kernel: { multicastForwarding: 1, vifs: ["eth1", "eth2"] } },
      ["critical MRT_IN_USE eth1"],
    ],
    ["another daemon elsewhere", { ...free, kernel: foreign }, ["warning MRT_IN_USE host"]],
    [
      "another daemon without interfaces",
      { ...free, kernel: { multicastForwarding: 1, vifs: [] } },
      ["warning MRT_IN_USE host"],
    ],
    [
      "only our private table",
      { ...free, kernel: { multicastForwarding: 1, vifs: [] }, gateways: [apart] },
      [],
    ],
    ["another daemon beside our table", { ...free, kernel: foreign, gateways: [apart] }, []],
  ])("%s", (_, facts, expected) => {
    expect(faultsOf(judgeRoutingOwner(facts))).toEqual(expected);
  });
});
