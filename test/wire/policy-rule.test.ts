import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { parseRule } from "../../src/wire/policy-rule.ts";

test("groups, with sources or without", () => {
  const groups = { address: address("233.252.0.0"), bits: 24 };
  expect(parseRule("deny", "233.252.0.0/24")).toEqual({ verdict: "deny", groups });
  expect(parseRule("allow", " 233.252.0.0/24  from 10.1.0.7 ")).toEqual({
    verdict: "allow",
    groups,
    sources: { address: address("10.1.0.7"), bits: 32 },
  });
  expect(parseRule("allow", "224.0.0.0/4 from 0.0.0.0/0")).toMatchObject({ verdict: "allow" });
  expect(parseRule("deny", "224.0.0.251")).toMatchObject({ verdict: "deny" });
});

test.each([
  ["", "must be groups"],
  ["233.252.0.0/33", "must be groups"],
  ["233.252.0.1/24", "must be groups"],
  ["233.252.0.0/24 10.1.0.0/24", "must be groups"],
  ["233.252.0.0/24 to 10.1.0.0/24", "must be groups"],
  ["233.252.0.0/24 from", "must be groups"],
  ["233.252.0.0/24 from 10.1.0.1/24", "must be groups"],
  ["233.252.0.0/24 from 10.1.0.0/24 now", "must be groups"],
  ["ff1e::/16", "must be about IPv4"],
  ["233.252.0.0/24 from 2001:db8::/32", "must be about IPv4"],
  ["10.1.0.0/24", "must begin with multicast groups"],
  ["224.0.0.0/3", "must begin with multicast groups"],
  ["0.0.0.0/0", "must begin with multicast groups"],
  ["233.252.0.0/24 from 239.1.0.0/24", "must name hosts"],
  ["224.0.0.0/24", "cannot be allowed"],
  ["224.0.0.251 from 10.1.0.0/24", "cannot be allowed"],
])("allow %p is refused", (text, fault) => {
  expect(String(parseRule("allow", text))).toStartWith(fault);
});
