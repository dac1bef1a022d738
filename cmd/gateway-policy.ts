/** A site's policy and limits between the configuration, the Gateway and its control endpoint. */
import { assert } from "../src/base/assert.ts";
import type { Config } from "../src/config.ts";
import type { Gateway } from "../src/role/gateway.ts";
import type { SiteLimits } from "../src/site/edge.ts";
import type { PolicyRules } from "../src/site/policy.ts";
import { type PolicyRule, parseRule } from "../src/wire/policy-rule.ts";

type GatewayConfig = Config["gateway"];
type RuleConfig = GatewayConfig["policy"]["in"][number];

/** The rules of the configuration, which has been checked. */
export const policyRules = (config: GatewayConfig["policy"]): PolicyRules => ({
  in: config.in.map(ruleOf),
  out: config.out.map(ruleOf),
  default: config.default,
});

function ruleOf({ allow, deny }: RuleConfig): PolicyRule {
  const rule = allow === undefined ? parseRule("deny", deny ?? "") : parseRule("allow", allow);
  assert(typeof rule !== "string", "the configuration has checked the rules");
  return rule;
}

export const siteLimits = (config: GatewayConfig["limits"]): SiteLimits => ({
  groups: config.groups,
  sources: config.sources,
  ...(config.packets_per_second && { packetsPerSecond: config.packets_per_second }),
  ...(config.bits_per_second && { bitsPerSecond: config.bits_per_second }),
  ...(config.group_bits_per_second && { groupBitsPerSecond: config.group_bits_per_second }),
});

/** The rules as they were written, and what they and the limits refuse now. */
export function policyView(gateway: Gateway, { policy, limits }: GatewayConfig): object {
  const { deniedGroups, cappedGroups, deniedChannels, cappedChannels } = gateway.row.refused;
  return {
    policy,
    limits,
    refused: {
      in: [
        ...deniedGroups.map((group) => ({ group, cause: "denied" })),
        ...cappedGroups.map((group) => ({ group, cause: "groupCap" })),
      ],
      out: [
        ...[...gateway.remote.denied].map((group) => ({ group, cause: "denied" })),
        ...[...deniedChannels.values()].map((channel) => ({ ...channel, cause: "denied" })),
        ...[...cappedChannels.values()].map((channel) => ({ ...channel, cause: "sourceCap" })),
      ],
    },
    flapping: [...gateway.membership.damping.flapping()],
  };
}
