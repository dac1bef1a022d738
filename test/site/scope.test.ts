import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { mayCross } from "../../src/site/scope.ts";

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
  ["ff00::1", false, "reserved, RFC 4291 §2.7"],
  ["ff01::1", false, "interface-local"],
  ["ff02::1", false, "link-local"],
  ["ff12::1234", false, "link-local, transient"],
  ["ff03::1", false, "realm-local, RFC 7346 §2"],
  ["ff14::1", false, "admin-local"],
  ["ff05::1", false, "site-local"],
  ["ff15::77", false, "site-local, transient"],
  ["ff08::1", true, "organisation-local"],
  ["ff18::1234", true, "organisation-local, transient"],
  ["ff0e::4321", true, "global"],
  ["ff38::1", true, "source-specific, organisation-local"],
  ["ff3e::1", true, "source-specific, global"],
  ["ff35::1", false, "source-specific, site-local"],
  ["ff09::1", false, "unassigned"],
  ["ff0f::1", false, "reserved"],
  ["2001:db8::1", false, "no group"],
] as const)("%s may cross: %p (%s)", (text, may) => {
  expect(mayCross(address(text))).toBe(may);
});
