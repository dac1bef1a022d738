import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { OlderHosts, sourcesUnder } from "../../src/lan/older-hosts.ts";

test("RFC 9776 §8.13 the lowest version whose timer runs", () => {
  const hosts = new OlderHosts();
  expect(hosts.version(0)).toBe(3);
  hosts.onReport(3, 900);
  expect(hosts.version(0)).toBe(3);
  hosts.onReport(1, 100);
  hosts.onReport(2, 200);
  expect([99, 100, 199, 200].map((nowMs) => hosts.version(nowMs))).toEqual([1, 2, 2, 3]);
  hosts.moveTimers((untilMs) => untilMs + 50);
  expect([149, 249, 250].map((nowMs) => hosts.version(nowMs))).toEqual([1, 2, 3]);
});

const group = address("233.252.0.1");
const sources = [address("198.51.100.1")];

test.each([
  ["is-in", [sources, sources, sources]],
  ["allow", [sources, sources, sources]],
  ["to-ex", [[], [], sources]],
  ["to-in", [undefined, sources, sources]],
  ["block", [undefined, undefined, sources]],
] as const)("RFC 9776 §7.3.2 %s under versions 1, 2 and 3", (type, expected) => {
  const found = ([1, 2, 3] as const).map((version) =>
    sourcesUnder(version, { type, group, sources }),
  );
  expect(found).toEqual(expected.map((one) => one && [...one]));
});
