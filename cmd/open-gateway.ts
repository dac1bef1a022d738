import type { Config } from "../src/config.ts";
import type { RoleControl } from "../src/control/app.ts";
import { gatewayControl } from "../src/control/gateway.ts";
import { Bridged } from "../src/io/bridged.ts";
import { lanOf } from "../src/io/interfaces.ts";
import { Routed } from "../src/io/routed.ts";
import { Gateway } from "../src/role/gateway.ts";
import type { PacketSource, SitePort } from "../src/role/node.ts";
import { policyRules, policyView, siteLimits } from "./gateway-policy.ts";
import { type Opening, prefixesOf, seed } from "./open-role.ts";
import { openRoutedExternal } from "./open-routed-external.ts";

/** A site interface that stands, and what the control endpoints say of it. */
export type OpenedInterface = {
  readonly port: SitePort;
  status(): object;
  counters(): object;
  /** Learns from the Gateway what it needs beside its calls. */
  follow(gateway: Gateway): void;
};

/** The kinds of site interface; no other file asks which it is. */
const openers = {
  routed: openRouted,
  "routed-external": openRoutedExternal,
  bridged: openBridged,
} satisfies Record<Config["gateway"]["interface"], (opening: Opening) => OpenedInterface>;

/** Opens the Gateway: the site interface, and its listener for Eavesdroppers elsewhere. */
export function openGateway(opening: Opening): RoleControl {
  const { config, site, loop, poller, incarnation, control, pipes } = opening;
  const { router, listen, prefixes } = config.gateway;
  const opened: OpenedInterface = openers[config.gateway.interface](opening);
  const { port } = opened;
  loop.onStop(() => port.close());
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
  const gateway = new Gateway(options, port, loop.nowMs);
  opened.follow(gateway);
  loop.add("gateway", gateway);
  if (!pipes) loop.listen(gateway, listen);
  for (const source of port.sources) {
    poller.watch(source.descriptor, () => capture(gateway, source, loop));
  }
  return gatewayControl({
    ...commandsOf(gateway, opened, loop),
    policy: () => policyView(gateway, config.gateway),
  });
}

function openRouted({ config }: Opening): OpenedInterface {
  const port = new Routed(config.lans.map(lanOf), config.gateway.tun, config.gateway.mroute_table);
  return {
    port,
    status: () => ({
      kind: port.kind,
      tun: port.tun.name,
      table: port.table(4),
      table6: port.table(6),
    }),
    counters: () => port.counters(),
    follow: () => undefined,
  };
}

function openBridged({ config }: Opening): OpenedInterface {
  const port = new Bridged(config.lans.map(lanOf));
  return {
    port,
    status: () => ({ kind: port.kind }),
    counters: () => port.counters(),
    follow: () => undefined,
  };
}

/** Everything that waits at a source, batch by batch. */
function capture(gateway: Gateway, source: PacketSource, loop: Opening["loop"]): void {
  for (;;) {
    const { bytes, length, packets } = source.read();
    if (packets === 0) return;
    loop.fact((nowMs) => gateway.onCaptured(bytes, length, nowMs));
  }
}

function commandsOf(
  gateway: Gateway,
  opened: OpenedInterface,
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
      interface: opened.status(),
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
      interface: opened.counters(),
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
      loop.fact((nowMs) => {
        outcome = gateway.assign(epoch, flows, nowMs);
      });
      return outcome;
    },
  };
}
