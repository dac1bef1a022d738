/**
 * The site interface `routed`: the kernel's multicast routing hands packets with remote members to
 * a TUN, and packets from other sites go straight onto the LANs. Nothing else of the site's traffic
 * reaches us, and the kernel has lowered the TTL by the one hop that a crossing counts.
 */
import { existsSync, readFileSync } from "node:fs";
import { type Address, familyOf, prefixContains } from "../base/address.ts";
import type { PacketBatch, PacketSource, SiteLan, SitePort } from "../role/node.ts";
import { frameHeaderBytes } from "../wire/frame.ts";
import type { Channel } from "../wire/plan.ts";
import type { Want } from "../wire/want.ts";
import { interfaceIndex, SystemError } from "./libc.ts";
import { LanSenders } from "./lan-senders.ts";
import { MulticastRouting } from "./mroute.ts";
import { addMulticastRule, deleteMulticastRules } from "./netlink.ts";
import { Tun } from "./tun.ts";

/** Taken when another daemon has the kernel's default table. */
const privateTable = 7010;

type Route = Channel & { readonly forward: boolean };

export class Routed implements SitePort {
  readonly kind = "routed";
  readonly lans: readonly SiteLan[];
  readonly tun: Tun;
  readonly sources: readonly PacketSource[];
  readonly #routing: MulticastRouting;
  readonly #senders: LanSenders;
  readonly #routes = new Map<Address, Map<string, Route>>();
  readonly #captured = { capturedPackets: 0, capturedBytes: 0 };

  /** Opens everything, or nothing. Throws `SystemError`. */
  constructor(lans: readonly SiteLan[], tun: string, table: number | "auto") {
    this.lans = lans;
    this.#senders = new LanSenders(lans);
    this.tun = new Tun(tun);
    this.sources = [{ descriptor: this.tun.descriptor, read: () => this.#read() }];
    this.#routing = claim(lans, this.tun.index, table);
  }

  get table(): number | undefined {
    return this.#routing.table;
  }

  /** New routes stand before old ones go, so that no packet falls between. */
  allow(want: Want): void {
    if (familyOf(want.group) !== 4) return;
    const standing = this.#routes.get(want.group);
    const routes = new Map(routesOf(want).map((route) => [routeKey(route), route]));
    const isAnySource = standing?.has(routeKey({ group: want.group, forward: true })) === true;
    for (const [key, route] of routes) if (!standing?.has(key)) this.#add(route, isAnySource);
    this.#routes.set(want.group, routes);
    for (const [key, route] of standing ?? []) {
      // A (S,G) that turned from wanted to unwanted has been overwritten, not added beside.
      const other = routes.get(routeKey({ ...route, forward: !route.forward }));
      if (!routes.has(key) && !other) this.#routing.delete(route);
    }
  }

  forbid(group: Address): void {
    for (const route of this.#routes.get(group)?.values() ?? []) this.#routing.delete(route);
    this.#routes.delete(group);
  }

  emit(lans: number, bytes: Uint8Array, from: number, length: number): void {
    this.#senders.emit(lans, bytes, from, length);
  }

  flush(): void {
    this.#senders.flush();
  }

  /** Also drains the kernel's cache-miss messages. */
  counters(): Record<string, number> {
    this.#routing.drainUpcalls();
    return { ...this.#captured, tunDropped: this.#tunDropped(), ...this.#senders.counters() };
  }

  close(): void {
    this.#routing.close();
    if (this.table !== undefined) {
      for (const lan of this.lans) deleteMulticastRules(lan.name, this.table);
    }
    this.tun.close();
    this.#senders.close();
  }

  #read(): PacketBatch {
    const batch = this.tun.read();
    this.#captured.capturedPackets += batch.packets;
    this.#captured.capturedBytes += batch.length - batch.packets * frameHeaderBytes;
    return batch;
  }

  #add(route: Route, isAnySource: boolean): void {
    const { source } = route;
    if (source === undefined) return this.#routing.add(route);
    const lan = this.lans.findIndex(({ prefixes }) =>
      prefixes.some((prefix) => prefixContains(prefix, source)),
    );
    // Of a source that nobody wanted the kernel keeps the first packets until an entry comes. They
    // would be sent on ahead of a gap, so the entry that lets them go has no way out.
    if (!route.forward || !isAnySource) this.#routing.block(route, Math.max(lan, 0));
    if (route.forward) this.#routing.add(route, Math.max(lan, 0));
  }

  #tunDropped(): number {
    const path = `/sys/class/net/${this.tun.name}/statistics/tx_dropped`;
    return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
  }
}

const routesOf = ({ group, mode, sources }: Want): Route[] =>
  mode === "include"
    ? sources.map((source) => ({ group, source, forward: true }))
    : [{ group, forward: true }, ...sources.map((source) => ({ group, source, forward: false }))];

const routeKey = (route: Route): string => `${route.source ?? "*"} ${route.forward}`;

/**
 * `auto` takes the default table; where another daemon owns it, a private one, unless that daemon
 * routes on one of our LANs.
 */
function claim(lans: readonly SiteLan[], tun: number, table: number | "auto"): MulticastRouting {
  const indexes = lans.map((lan) => interfaceIndex(lan.name));
  if (table !== "auto") return claimPrivate(lans, indexes, tun, table);
  try {
    const routing = new MulticastRouting(indexes, tun, undefined);
    // A crash leaves the rules of a private table: they would lead packets past this one.
    for (const lan of lans) deleteMulticastRules(lan.name, privateTable);
    return routing;
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== "EADDRINUSE") throw error;
    const shared = lans.find((lan) => routedElsewhere(lan.name));
    if (!shared) return claimPrivate(lans, indexes, tun, privateTable);
    throw new SystemError(
      `another daemon owns the kernel's multicast routing table and routes on ${shared.name}`,
      error.code,
      "Stop it (pimd, smcroute, igmpproxy, another Gateway), or take that LAN out of its " +
        `configuration; then this Gateway uses table ${privateTable}.`,
    );
  }
}

function claimPrivate(
  lans: readonly SiteLan[],
  indexes: readonly number[],
  tun: number,
  table: number,
): MulticastRouting {
  const routing = new MulticastRouting(indexes, tun, table);
  for (const lan of lans) {
    deleteMulticastRules(lan.name, table);
    addMulticastRule(lan.name, table);
  }
  return routing;
}

/** Whether the default table's owner has an interface of that name. */
function routedElsewhere(lan: string): boolean {
  const path = "/proc/net/ip_mr_vif";
  if (!existsSync(path)) return false;
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.some((line) => line.trim().split(/\s+/)[1] === lan);
}
