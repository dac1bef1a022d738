import { expect, test } from "bun:test";
import {
  judgeIpv6,
  judgeMemberships,
  judgeMulticastRouting,
  judgeReceiveBuffer,
} from "../../src/doctor/kernel.ts";
import { faultsOf, kernel } from "./facts.ts";

test.each([
  [judgeMemberships, { igmpMembershipsMax: 20 }, "note FEW_MEMBERSHIPS host"],
  [judgeReceiveBuffer, { receiveBufferBytesMax: 212_992 }, "note SMALL_RECEIVE_BUFFER host"],
  [judgeIpv6, { ipv6Disabled: true }, "note IPV6_DISABLED host"],
  [judgeMulticastRouting, { routesMulticast: false }, "critical NO_MULTICAST_ROUTING host"],
])("%p of %p", (judge, change, expected) => {
  expect(faultsOf(judge({ ...kernel, ...change }))).toEqual([expected]);
  expect(judge(kernel).map(({ severity }) => severity)).toEqual(["well"]);
  const [key = ""] = Object.keys(change);
  expect(judge({ ...kernel, [key]: undefined })).toEqual([]);
});
