import type { RoleControl } from "../src/control/app.ts";
import { gatewayControl } from "../src/control/gateway.ts";
import { lanOf } from "../src/io/interfaces.ts";
import { Routed } from "../src/io/routed.ts";
import { Gateway } from "../src/role/gateway.ts";
import { policyRules, policyView, siteLimits } from "./gateway-policy.ts";
import { type Opening, prefixesOf, seed } from "./open-role.ts";

/** Opens the Gateway: the site interface, and its listener for Eavesdroppers elsewhere. */
export function openGateway(opening: Opening): RoleControl {
  const { config, site, loop, poller, incarnation, control, pipes } = opening;
  const { router, listen, tun, mroute_table, prefixes } = config.gateway;
  const routed = new Routed(config.lans.map(lanOf), tun, mroute_table);
  loop.onStop(() => routed.close());
  const options = {
    fabric: config.fabric,
    site,
    zone: config.zone ?? `/${site}`,
    incarnation,
    router: pipes ? "pipe:router" : router,
    control,
    prefixes: prefixesOf(prefixes),
    policy: policyRules(config.gateway.policy),
    limits: siteLimits(config.gateway.limits),
    seed: seed(),
  };
  const gateway = new Gateway(options, routed, loop.nowMs);
  loop.add("gateway", gateway);
  if (!pipes) loop.listen(gateway, listen);
  poller.watch(routed.tun.descriptor, () => capture(gateway, routed, loop));
  return gatewayControl({
    ...commandsOf(gateway, routed, loop),
    policy: () => policyView(gateway, config.gateway),
  });
}

/** Everything that waits in the TUN, batch by batch. */
function capture(gateway: Gateway, routed: Routed, loop: Opening["loop"]): void {
  for (;;) {
    const { bytes, length, packets } = routed.read();
    if (packets === 0) return;
    loop.fact((nowMs) => gateway.onCaptured(bytes, length, nowMs));
  }
}

function commandsOf(
  gateway: Gateway,
  routed: Routed,
  loop: Opening["loop"],
): Omit<Parameters<typeof gatewayControl>[0], "policy"> {
  const { site, incarnation } = gateway;
  return {
    health: () => (gateway.routerLinked ? "ok" : "not linked to the Router"),
    status: () => ({
      site,
      incarnation,
      epoch: gateway.epoch,
      flowsHash: gateway.assignmentsHash,
      settling: gateway.settling,
      router: gateway.routerLinked ? "linked" : "not linked",
      interface: { kind: routed.kind, tun: routed.tun.name, table: routed.table ?? "default" },
      lans: gateway.membership.lanNames(),
    }),
    counters: () => ({
      ...gateway.counters,
      ingress: { ...gateway.ingress.counters, heldBytes: gateway.ingress.heldBytes },
      ingressDrops: gateway.ingress.drops,
      egress: gateway.egress.counters,
      egressDrops: gateway.egress.drops,
      rows: gateway.rows.counters,
      row: gateway.row.counters,
      remote: { denied: gateway.remote.denied.size },
      membership: gateway.membership.counters,
      damping: gateway.membership.damping.counters,
      interface: routed.counters(),
    }),
    groups: () => ({
      local: [...gateway.membership.wants()],
      remote: [...gateway.remote],
    }),
    senders: () => [...gateway.membership.senders()],
    lans: () => gateway.membership.lanNames(),
    flows: () => {
      const counters = new Map(gateway.ingress.flowCounters().map((flow) => [flow.flow, flow]));
      return gateway.ingress.assignments.map((flow) => ({ ...flow, ...counters.get(flow.flow) }));
    },
    findings: () =>
      gateway.findings(loop.nowMs).map(({ sinceMs, lastMs, ...finding }) => ({
        ...finding,
        forMs: Math.round(loop.nowMs - sinceMs),
        seenMsAgo: Math.round(loop.nowMs - lastMs),
      })),
    rows: () => ({
      incarnation,
      changes: gateway.rows.changes,
      rows: [...gateway.rows].map(({ view, heardMs }) => ({
        ...view,
        ageMs: Math.round(loop.nowMs - heardMs),
      })),
    }),
    watchRows: (onChange) => gateway.watchRows(onChange),
    assign: ({ epoch, flows }) => {
      let outcome: ReturnType<Gateway["assign"]> = "assigned";
      loop.fact(() => {
        outcome = gateway.assign(epoch, flows);
      });
      return outcome;
    },
  };
}
