import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { defaultRoutes, interfaceTowards, parseRoutes } from "../../src/doctor/routes.ts";

/** /proc/net/route of a host with a WAN, a LAN, a blackhole, and a costlier second default. */
const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth2\t00000000\tFE0200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t007100CB\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;

test("the longest prefix wins, then the lower metric", () => {
  const routes = parseRoutes(text);
  expect(routes).toHaveLength(4);
  expect(interfaceTowards(routes, address("198.51.100.7"))).toBe("eth1");
  expect(interfaceTowards(routes, address("203.0.113.1"))).toBe("eth0");
  expect(interfaceTowards(routes, address("2001:db8::1"))).toBeUndefined();
  expect(defaultRoutes(routes).map((route) => route.interface)).toEqual(["eth0", "eth2"]);
});

test("a host without routes", () => {
  expect(parseRoutes(text.split("\n")[0] ?? "")).toEqual([]);
  expect(interfaceTowards([], address("192.0.2.1"))).toBeUndefined();
});
