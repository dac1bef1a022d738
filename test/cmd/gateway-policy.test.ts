import { expect, test } from "bun:test";
import * as v from "valibot";
import { policyRules, policyView, siteLimits } from "../../cmd/gateway-policy.ts";
import { Config } from "../../src/config.ts";
import { Gateway } from "../../src/role/gateway.ts";
import type { SiteInterface } from "../../src/role/node.ts";
import { exclude, group, group2, lanMessage, own, prefix, rule, sender } from "../site/site.ts";

const { gateway: config } = v.parse(Config, {
  gateway: {
    policy: { in: [{ deny: group }], out: [{ allow: `${group2} from ${own}` }], default: "deny" },
    limits: { packets_per_second: 100, groups: 5 },
  },
});

test("a configuration becomes rules and limits", () => {
  expect(policyRules(config.policy)).toEqual({
    in: [rule(`deny ${group}`)],
    out: [rule(`allow ${group2} from ${own}`)],
    default: "deny",
  });
  expect(siteLimits(config.limits)).toEqual({ groups: 5, sources: 8_192, packetsPerSecond: 100 });
});

test("the view shows the rules as written and what they refuse now", () => {
  const site: SiteInterface = {
    kind: "fake",
    lans: [{ name: "eth1", prefixes: [prefix] }],
    allow: () => {},
    forbid: () => {},
    emit: () => {},
    flush: () => {},
    counters: () => ({}),
  };
  const names = { fabric: "f", site: "a", zone: "/a", router: "192.0.2.1:7800", control: "" };
  const edge = { policy: policyRules(config.policy), limits: siteLimits(config.limits) };
  const gateway = new Gateway(
    { ...names, ...edge, incarnation: 1, prefixes: [], seed: 1 },
    site,
    0,
  );
  const news = lanMessage({ wants: [exclude(group)], senders: [sender(own, group)] });
  gateway.membership.onLan({ lan: "eth1", incarnation: 1 }, news, 0);
  gateway.onDeadline(100);
  expect(policyView(gateway, config)).toEqual({
    policy: config.policy,
    limits: config.limits,
    refused: {
      in: [{ group, cause: "denied" }],
      out: [{ source: own, group, cause: "denied" }],
    },
    flapping: [],
  });
});
