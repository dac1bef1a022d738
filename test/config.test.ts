import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { roleFaults } from "../cmd/role-needs.ts";
import { Config, type RoleName, roleNames } from "../src/config.ts";
import { limits } from "../src/limits.ts";

const faultsOf = (value: unknown): string[] =>
  (v.safeParse(Config, value, { abortPipeEarly: true }).issues ?? []).map(
    (issue) => `${v.getDotPath(issue)}: ${issue.message}`,
  );

const missing = (role: RoleName, value: unknown): string[] =>
  roleFaults(role, v.parse(Config, value)).map(({ path }) => path.join("."));

describe("what a configuration may say", () => {
  test("nothing at all: every key has a default or is optional", () => {
    const config = v.parse(Config, {});
    expect(config.fabric).toBe("fastcast");
    expect(config.router).toEqual({ listen: "0.0.0.0:7800", contacts: [] });
    expect(config.gateway.mroute_table).toBe("auto");
    expect(config.control).toEqual({});
  });

  test.each([
    [{ site: "Berlin" }, "site: must be lower-case"],
    [{ site: "-berlin" }, "site: must be lower-case"],
    [{ site: "b".repeat(limits.siteNameBytesMax + 1) }, "site: must have at most"],
    [{ site: 10 }, "site: must be text; put a number in quotes"],
    [{ zone: "eu/berlin" }, "zone: must be a zone path"],
    [{ lans: "eth0" }, "lans: must be a list"],
    [{ lans: ["eth0", "a/b"] }, "lans.1: must be the name of a network interface"],
    [{ lans: ["eth0", "eth0"] }, "lans: names an interface twice"],
    [{ lans: Array.from({ length: 31 }, (_, i) => `eth${i}`) }, "lans: must list at most 30"],
    [{ router: 5 }, "router: must be a section"],
    [{ router: { listen: "localhost:7800" } }, "router.listen: must be address:port"],
    [{ router: { listen: "192.0.2.1" } }, "router.listen: must be address:port"],
    [{ router: { contacts: ["192.0.2.1:0"] } }, "router.contacts.0: must be address:port"],
    [{ gateway: { interface: "tap" } }, "gateway.interface: must be "],
    [{ gateway: { tun_address: "10.1.0" } }, "gateway.tun_address: must be an IPv4 address"],
    [{ gateway: { tun_address: "192.0.0.3" } }, "gateway.tun_address: must be an IPv4 address"],
    [{ gateway: { tun_address: "192.0.0.4" } }, "gateway.tun_address: must be an IPv4 address"],
    [{ gateway: { mroute_table: 0 } }, 'gateway.mroute_table: must be "auto" or the number'],
    [{ gateway: { mroute_table: "main" } }, 'gateway.mroute_table: must be "auto" or the number'],
    [{ gateway: { prefixes: ["10.1.0.1/24"] } }, "gateway.prefixes.0: must be a prefix with no"],
    [{ eavesdropper: { querier: true } }, "eavesdropper.querier: must be auto, on or off"],
    [{ manager: { contacts: ["192.0.2.1:7880"] } }, "manager.contacts.0: must be http://"],
    [{ manager: { almrp: "ring" } }, "manager.almrp: must be one of"],
    [{ manager: { state: "" } }, "manager.state: must not be empty"],
    [{ control: { token: "short" } }, "control.token: must have at least 16 characters"],
    [{ control: { listen: "192.0.2.1:7880" } }, "control.token: is needed"],
    [{ control: { listen: "[::]:7880" } }, "control.token: is needed"],
    [{ sitee: "berlin" }, "sitee: unknown key"],
    [{ router: { port: 1 } }, "router.port: unknown key"],
  ])("%j is refused", (value, fault) => {
    const faults = faultsOf(value);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toStartWith(fault);
  });

  test.each([
    [{ name: "tv", groups: [] }, "groups: must list at least one group"],
    [{ name: "tv", groups: ["192.0.2.0/24"] }, "groups.0: must be a multicast group"],
    [{ name: "tv" }, "groups: is missing"],
    [{ groups: ["233.252.0.0/24"] }, "name: is missing"],
  ])("application %j is refused", (application, fault) => {
    const faults = faultsOf({ manager: { applications: [application] } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toStartWith(`manager.applications.0.${fault}`);
  });

  test.each([
    [{ out: "deny" }, "out: must be a list"],
    [{ out: [{}] }, "out.0: must be one rule, allow or deny"],
    [{ in: [{ allow: "239.1.0.0/16", deny: "239.2.0.0/16" }] }, "in.0: must be one rule"],
    [{ in: [{ deny: 5 }] }, "in.0.deny: must be groups, such as"],
    [{ in: [{ deny: "10.1.0.0/24" }] }, "in.0.deny: must begin with multicast groups"],
    [{ in: [{ deny: "239.1.0.0/8" }] }, "in.0.deny: must be groups, such as"],
    [{ out: [{ allow: "224.0.0.0/24" }] }, "out.0.allow: cannot be allowed"],
    [{ out: [{ refuse: "239.1.0.0/16" }] }, "out.0.refuse: unknown key"],
    [{ default: "maybe" }, 'default: must be "allow" or "deny"'],
    [
      { in: Array.from({ length: limits.policyRulesMax + 1 }, () => ({ deny: "239.1.0.0/16" })) },
      `in: must list at most ${limits.policyRulesMax} rules`,
    ],
  ])("policy %j is refused", (policy, fault) => {
    const faults = faultsOf({ gateway: { policy } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toStartWith(`gateway.policy.${fault}`);
  });

  test.each([
    [{ packets_per_second: 0 }, "packets_per_second: must be a whole number from 1"],
    [{ bits_per_second: 1.5 }, "bits_per_second: must be a whole number from 1"],
    [{ group_bits_per_second: "1M" }, "group_bits_per_second: must be a whole number"],
    [{ groups: limits.groupsPerSiteMax + 1 }, "groups: must be a whole number from 1 to 8192"],
    [{ sources: 0 }, "sources: must be a whole number from 1 to 8192"],
  ])("limits %j are refused", (wrong, fault) => {
    const faults = faultsOf({ gateway: { limits: wrong } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toStartWith(`gateway.limits.${fault}`);
  });

  test("a policy stays as it was written; the bounds are the product's own", () => {
    const out = [{ deny: "239.192.7.0/24 from 10.1.0.0/24" }];
    const { gateway } = v.parse(Config, { gateway: { policy: { out, default: "deny" } } });
    expect(gateway.policy).toEqual({ in: [], out, default: "deny" });
    expect(gateway.limits).toEqual({
      groups: limits.groupsPerSiteMax,
      sources: limits.channelsPerSiteMax,
    });
  });

  test("two applications of one name are refused", () => {
    const tv = { name: "tv", groups: ["233.252.0.0/24"] };
    expect(faultsOf({ manager: { applications: [tv, tv] } })).toHaveLength(1);
  });

  test("loopback needs no token, the rest of the world does", () => {
    const token = "0123456789abcdef";
    expect(faultsOf({ control: { listen: "127.0.0.1:7880" } })).toEqual([]);
    expect(faultsOf({ control: { listen: "[::1]:7880" } })).toEqual([]);
    expect(faultsOf({ control: { listen: "0.0.0.0:7880", token } })).toEqual([]);
  });
});

describe("what a role needs", () => {
  const router = { listen: "192.0.2.1:7800" };
  const whole = { site: "berlin", lans: ["eth1"], router };

  test.each([
    ["site", ["site", "lans", "router.advertise"]],
    ["router", ["site", "router.advertise"]],
    ["gateway", ["site", "lans"]],
    ["eavesdropper", ["site", "lans"]],
    ["manager", ["manager.contacts"]],
  ] as const)("a %s with an empty configuration misses %p", (role, paths) => {
    expect(missing(role, {})).toEqual([...paths]);
  });

  test("a short configuration is enough for every role", () => {
    const manager = { contacts: ["http://192.0.2.1:7880"] };
    for (const role of roleNames) expect(missing(role, { ...whole, manager })).toEqual([]);
  });

  test("an address for every interface is none to dial", () => {
    const everywhere = { listen: "[::]:7800", advertise: "0.0.0.0:7800" };
    expect(missing("router", { ...whole, router: everywhere })).toEqual(["router.advertise"]);
    const control = { listen: "0.0.0.0:7880", token: "0123456789abcdef" };
    expect(missing("site", { ...whole, control })).toEqual(["control.advertise"]);
    const told = { ...control, advertise: "192.0.2.1:7880" };
    expect(missing("site", { ...whole, control: told })).toEqual([]);
  });
});
