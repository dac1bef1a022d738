import type { Address, Prefix } from "../src/base/address.ts";
import { lanOf, networksOfHost } from "../src/io/interfaces.ts";
import { RoutedExternal } from "../src/io/routed-external.ts";
import type { Gateway } from "../src/role/gateway.ts";
import { TunnelHost } from "../src/role/tunnel-host.ts";
import type { OpenedInterface } from "./open-gateway.ts";
import { type Opening, prefixesOf, seed } from "./open-role.ts";

/** Opens the tunnel and the host on it, who asks the site's router for what other sites want. */
export function openRoutedExternal({ config, loop, log }: Opening): OpenedInterface {
  const { tun, tun_address, prefixes } = config.gateway;
  const address = tun_address as Address; // checked with the configuration
  // A prefix of another site becomes an address of the tunnel: never one of a network around us.
  const owned = [...prefixesOf(prefixes), ...networksOfHost(tun)];
  const port = new RoutedExternal({ lans: config.lans.map(lanOf), tun, address, owned });
  const host = new TunnelHost(port.voice, seed());
  port.attach({
    onWant: (want) => host.onWant(want),
    onUnwanted: (group) => host.onUnwanted(group),
    onIgmp: (bytes, from, to) => loop.fact((nowMs) => host.onIgmp(bytes, from, to, nowMs)),
  });
  loop.add("tunnel", host);
  if (port.warning !== undefined) log("warning", "gateway", port.warning);
  return {
    port,
    status: () => ({ kind: port.kind, tun, address, host: port.voice.address, ...host.status }),
    counters: () => ({ ...port.counters(), host: host.counters, listener: host.listenerCounts }),
    follow: (gateway) => follow(gateway, port),
  };
}

/** Tells the tunnel the prefixes of other sites, now and whenever the rows change. */
function follow(gateway: Gateway, port: RoutedExternal): void {
  port.reach(prefixesOfOthers(gateway));
  // Those who watch are forgotten after each change: watch anew when that is done.
  gateway.watchRows(() => queueMicrotask(() => follow(gateway, port)));
}

function* prefixesOfOthers(gateway: Gateway): Generator<Prefix> {
  for (const { prefixes } of gateway.rows.others()) yield* prefixesOf(prefixes);
}
