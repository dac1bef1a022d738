import { expect, test } from "bun:test";
import { address, ipv4Of } from "../../src/base/address.ts";
import { mayCross, mayCrossAddress } from "../../src/site/scope.ts";

test.each([
  ["224.0.0.1", false, "all hosts: link-local, RFC 5771 §4"],
  ["224.0.0.251", false, "mDNS"],
  ["224.0.1.1", false, "internetwork control, RFC 5771 §5"],
  ["224.0.2.1", true, "ad-hoc block"],
  ["232.1.1.1", true, "source-specific"],
  ["233.252.0.1", true, "GLOP"],
  ["239.192.0.1", true, "organisation-local, RFC 2365 §6.2"],
  ["239.255.0.1", false, "site-local, RFC 2365 §6.1"],
  ["239.255.255.255", false, "the last of it"],
  ["239.254.255.255", true, "the one before"],
  ["10.1.0.1", false, "no group"],
] as const)("%s may cross: %p (%s)", (text, may) => {
  const group = address(text);
  expect(mayCross(ipv4Of(group))).toBe(may);
  expect(mayCrossAddress(group)).toBe(may);
});

test("IPv6 stays at home", () => {
  expect(mayCrossAddress(address("ff1e::1"))).toBe(false);
});
