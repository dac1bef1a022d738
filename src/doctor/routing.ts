import type { InterfaceFacts, KernelFacts, RoleFacts } from "./facts.ts";
import { type Finding, host, well } from "./finding.ts";

const meanings =
  "0 takes every source, 1 only those whose route back is on the same interface, " +
  "2 those that have any route";

/** The larger of `all` and the interface's own counts (`ip-sysctl`, rp_filter). */
export function judgeRpFilter(
  { name, rpFilter, hasDefaultRoute }: InterfaceFacts,
  hostHasDefaultRoute: boolean,
): Finding[] {
  const code = "RP_FILTER";
  if (rpFilter === undefined) return [];
  const { all, own } = rpFilter;
  const mode = Math.max(all, own);
  const figures = `rp_filter: all ${all}, ${name} ${own}, so ${mode}`;
  if (mode === 0) return [well(code, name, figures)];
  if (mode === 1 && hasDefaultRoute) {
    return [well(code, name, `${figures}; the default route is on ${name}`)];
  }
  if (mode === 2 && hostHasDefaultRoute) {
    return [well(code, name, `${figures}; a default route exists`)];
  }
  const evidence = `${figures}: programs on this host get no packets of other sites (${meanings})`;
  const setting = all > 0 ? ["all", name] : [name];
  const fix =
    mode === 1
      ? `sysctl -w ${setting.map((of) => `net.ipv4.conf.${of}.rp_filter=0`).join(" ")}, ` +
        `or a route to the other sites' sources by ${name}`
      : "add a route to the other sites' sources, a default route for instance";
  return [{ severity: "warning", code, subject: name, evidence, fix }];
}

export type RoutingFacts = {
  readonly kernel: Pick<KernelFacts, "multicastForwarding" | "vifs">;
  readonly lans: readonly string[];
  /** Tunnel interfaces that Gateways of ours have, or would make. */
  readonly tuns: readonly string[];
  readonly gateways: readonly NonNullable<RoleFacts["gateway"]>[];
};

/** One process owns a multicast routing table; two cannot route on the same LAN. */
export function judgeRoutingOwner({ kernel, lans, tuns, gateways }: RoutingFacts): Finding[] {
  const code = "MRT_IN_USE";
  const { multicastForwarding: owners, vifs } = kernel;
  if (vifs === undefined || owners === undefined) return [];
  const isOurs = vifs.some((vif) => tuns.includes(vif));
  const shared = lans.filter((lan) => vifs.includes(lan));
  // With no interface in the default table, a Gateway with a private one is the owner counted.
  const isFree = vifs.length === 0 && (owners === 0 || gateways.length > 0);
  if (isOurs) return [well(code, host, "a Gateway of this host owns the table")];
  if (isFree) return [well(code, host, "no other daemon routes multicast")];
  const routes = vifs.length === 0 ? "has no interface yet" : `routes on ${vifs.join(", ")}`;
  if (shared.length > 0) {
    const evidence = `another daemon owns the multicast routing table and ${routes}`;
    const fix =
      `stop it (pimd, smcroute, igmpproxy, FRR), or take ${shared.join(", ")} out of its ` +
      "configuration";
    return [{ severity: "critical", code, subject: shared.join(", "), evidence, fix }];
  }
  const table = gateways.find((gateway) => gateway.table !== "default")?.table;
  if (table !== undefined) {
    return [well(code, host, `another daemon ${routes}; the Gateway has table ${table}`)];
  }
  const evidence = `another daemon owns the multicast routing table (it ${routes}), but on no LAN`;
  const fix =
    "none with gateway.mroute_table: auto, where the kernel has several tables; " +
    "else stop that daemon";
  return [{ severity: "warning", code, subject: host, evidence, fix }];
}
