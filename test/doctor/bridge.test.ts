import { expect, test } from "bun:test";
import { judgeBridge } from "../../src/doctor/bridge.ts";
import { faultsOf, lan } from "./facts.ts";

const bridge = { name: "br0", isPort: true, snooping: 1, querier: 1, router: 1 };

const unasked = { isAsked: false };

test.each([
  [{}, []],
  [{ querier: 0 }, ["warning SNOOPING_WITHOUT_QUERIER eth1"]],
  [{ router: 0 }, ["warning NO_ROUTER_PORT eth1"]],
  [{ snooping: 0, querier: 0, router: 0 }, []],
  [{ querier: undefined, router: undefined }, []],
])("a port of a bridge with %p", (change, expected) => {
  const found = judgeBridge({ ...lan, bridge: { ...bridge, ...change } }, unasked);
  expect(faultsOf(found)).toEqual(expected);
});

test("the command fits what the interface is", () => {
  const settings = { ...bridge, querier: 0, router: 0 };
  const ofPort = judgeBridge({ ...lan, bridge: settings }, unasked);
  expect(ofPort.map(({ fix }) => fix)[1]).toBe("bridge link set dev eth1 mcast_router 2");
  const own = { ...settings, name: "eth1", isPort: false };
  const ofBridge = judgeBridge({ ...lan, bridge: own }, unasked);
  expect(ofBridge.map(({ fix }) => fix)[1]).toBe("ip link set eth1 type bridge mcast_router 2");
  expect(ofBridge[0]?.evidence).toBe(
    "bridge eth1 snoops but does not query: " +
      "multicast_snooping 1, multicast_querier 0, multicast_router 0",
  );
});

test("no bridge, no finding", () => {
  expect(judgeBridge(lan, unasked)).toEqual([]);
});

test("where a querier is heard, only the router port matters", () => {
  const settings = { ...bridge, querier: 0, router: 0 };
  const found = judgeBridge({ ...lan, bridge: settings }, { isAsked: true });
  expect(faultsOf(found)).toEqual(["warning NO_ROUTER_PORT eth1"]);
});
