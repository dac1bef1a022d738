import type { BridgeFacts, InterfaceFacts } from "./facts.ts";
import { type Finding, well } from "./finding.ts";

/**
 * A Linux bridge in the LAN (`ip-link`, type bridge): who asks, and what its snooping hides. Where
 * an Eavesdropper runs and does not miss a querier, there is one, be it itself.
 */
export function judgeBridge(
  { name, bridge }: InterfaceFacts,
  { isAsked }: { readonly isAsked: boolean },
): Finding[] {
  if (bridge === undefined) return [];
  const found = [...(isAsked ? [] : withoutQuerier(name, bridge)), ...noRouterPort(name, bridge)];
  if (found.length > 0) return found;
  return [well("BRIDGE", name, `${where(name, bridge)}: ${settings(bridge)}`)];
}

/** Members answer to queries only, and a snooping switch forgets those that fall silent. */
function withoutQuerier(name: string, bridge: BridgeFacts): Finding[] {
  if (bridge.snooping !== 1 || bridge.querier !== 0) return [];
  const evidence = `${where(name, bridge)} snoops but does not query: ${settings(bridge)}`;
  const fix =
    `ip link set ${bridge.name} type bridge mcast_querier 1, or have another querier on the LAN ` +
    "(eavesdropper.querier: auto is one)";
  return [{ severity: "warning", code: "SNOOPING_WITHOUT_QUERIER", subject: name, evidence, fix }];
}

/** `multicast_router` 0: never; 1: where queries are heard; 2: always. */
function noRouterPort(name: string, bridge: BridgeFacts): Finding[] {
  if (bridge.snooping !== 1 || bridge.router !== 0) return [];
  const hidden = "reports and groups that nobody asked for";
  const evidence = `${where(name, bridge)} hides ${hidden} from ${name}: ${settings(bridge)}`;
  const command = bridge.isPort ? `bridge link set dev ${name}` : `ip link set ${name} type bridge`;
  const fix = `${command} mcast_router 2`;
  return [{ severity: "warning", code: "NO_ROUTER_PORT", subject: name, evidence, fix }];
}

const where = (name: string, { name: bridge, isPort }: BridgeFacts): string =>
  isPort ? `bridge ${bridge}, of which ${name} is a port,` : `bridge ${name}`;

const settings = ({ snooping, querier, router }: BridgeFacts): string =>
  `multicast_snooping ${shown(snooping)}, multicast_querier ${shown(querier)}, ` +
  `multicast_router ${shown(router)}`;

const shown = (value: number | undefined): string => (value === undefined ? "?" : `${value}`);
