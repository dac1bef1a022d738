/**
 * The site interface `routed`: the kernel's multicast routing hands packets with remote members to
 * a TUN, and packets from other sites go straight onto the LANs. Nothing else of the site's traffic
 * reaches us, and the kernel has lowered the TTL by the one hop that a crossing counts. IPv4 and
 * IPv6 share the TUN and have a table each; IPv6 only where a LAN has a prefix of it.
 */
import { existsSync, readFileSync } from "node:fs";
import { type Address, type Family, familyOf, prefixContains } from "../base/address.ts";
import type { PacketBatch, PacketSource, SiteLan, SitePort } from "../role/node.ts";
import { frameHeaderBytes } from "../wire/frame.ts";
import type { Channel } from "../wire/plan.ts";
import type { Want } from "../wire/want.ts";
import { interfaceIndex, SystemError } from "./libc.ts";
import { LanSenders } from "./lan-senders.ts";
import { MulticastRouting, type TableClaim } from "./mroute.ts";
import { routeCodecs } from "./mroute-codec.ts";
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
  readonly #tables: Tables;
  readonly #senders: LanSenders;
  readonly #routes = new Map<Address, Map<string, Route>>();
  readonly #captured = { capturedPackets: 0, capturedBytes: 0 };

  /** Opens everything, or nothing. Throws `SystemError`. */
  constructor(lans: readonly SiteLan[], tun: string, table: number | "auto") {
    this.lans = lans;
    this.#senders = new LanSenders(lans, [4, 6]);
    this.tun = new Tun(tun, [4, 6]);
    this.sources = [{ descriptor: this.tun.descriptor, read: () => this.#read() }];
    this.#tables = claimAll(lans, this.tun.index, table);
  }

  /** The private table of a family, the default one, or none where the family is not routed. */
  table(family: Family): number | "default" | "none" {
    const routing = this.#tables[family];
    return routing ? (routing.table ?? "default") : "none";
  }

  /** New routes stand before old ones go, so that no packet falls between. */
  allow(want: Want): void {
    if (!this.#tables[familyOf(want.group)]) return;
    const standing = this.#routes.get(want.group);
    const routes = new Map(routesOf(want).map((route) => [routeKey(route), route]));
    const isAnySource = standing?.has(routeKey({ group: want.group, forward: true })) === true;
    for (const [key, route] of routes) if (!standing?.has(key)) this.#add(route, isAnySource);
    this.#routes.set(want.group, routes);
    for (const [key, route] of standing ?? []) {
      // A (S,G) that turned from wanted to unwanted has been overwritten, not added beside.
      const other = routes.get(routeKey({ ...route, forward: !route.forward }));
      if (!routes.has(key) && !other) this.#routingOf(route).delete(route);
    }
  }

  forbid(group: Address): void {
    for (const route of this.#routes.get(group)?.values() ?? []) {
      this.#routingOf(route).delete(route);
    }
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
    for (const routing of tablesOf(this.#tables)) routing.drainUpcalls();
    return { ...this.#captured, tunDropped: this.#tunDropped(), ...this.#senders.counters() };
  }

  close(): void {
    for (const routing of tablesOf(this.#tables)) {
      const { family, table } = routing;
      routing.close();
      if (table === undefined) continue;
      for (const { name: lan } of this.lans) deleteMulticastRules({ family, lan, table });
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
    const routing = this.#routingOf(route);
    if (source === undefined) return routing.add(route);
    const lan = this.lans.findIndex(({ prefixes }) =>
      prefixes.some((prefix) => prefixContains(prefix, source)),
    );
    // Of a source that nobody wanted the kernel keeps the first packets until an entry comes. They
    // would be sent on ahead of a gap, so the entry that lets them go has no way out.
    if (!route.forward || !isAnySource) routing.block(route, Math.max(lan, 0));
    if (route.forward) routing.add(route, Math.max(lan, 0));
  }

  /** Routes stand only for families that have a table. */
  #routingOf({ group }: Route): MulticastRouting {
    return this.#tables[familyOf(group)] as MulticastRouting;
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

type Tables = { readonly 4: MulticastRouting; readonly 6: MulticastRouting | undefined };

const tablesOf = (tables: Tables): MulticastRouting[] =>
  tables[6] ? [tables[4], tables[6]] : [tables[4]];

/** What a kernel without the family, or without its multicast routing, answers. */
const lacksFamily: readonly string[] = ["EAFNOSUPPORT", "ENOPROTOOPT"];

function claimAll(lans: readonly SiteLan[], tun: number, table: number | "auto"): Tables {
  const ipv4 = claim(4, lans, tun, table);
  const usesIpv6 = lans.some(({ prefixes }) =>
    prefixes.some(({ address }) => familyOf(address) === 6),
  );
  if (!usesIpv6) return { 4: ipv4, 6: undefined };
  try {
    return { 4: ipv4, 6: claim(6, lans, tun, table) };
  } catch (error) {
    if (error instanceof SystemError && lacksFamily.includes(error.code)) {
      return { 4: ipv4, 6: undefined };
    }
    ipv4.close();
    throw error;
  }
}

/**
 * `auto` takes the default table; where another daemon owns it, a private one, unless that daemon
 * routes on one of our LANs.
 */
function claim(
  family: Family,
  lans: readonly SiteLan[],
  tun: number,
  table: number | "auto",
): MulticastRouting {
  const wanted = { family, lans: lans.map((lan) => interfaceIndex(lan.name)), tun };
  if (table !== "auto") return claimPrivate(lans, { ...wanted, table });
  try {
    const routing = new MulticastRouting({ ...wanted, table: undefined });
    // A crash leaves the rules of a private table: they would lead packets past this one.
    for (const lan of lans) deleteMulticastRules({ family, lan: lan.name, table: privateTable });
    return routing;
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== "EADDRINUSE") throw error;
    const shared = lans.find((lan) => routedElsewhere(lan.name, family));
    if (!shared) return claimPrivate(lans, { ...wanted, table: privateTable });
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
  wanted: TableClaim & { readonly table: number },
): MulticastRouting {
  const { family, table } = wanted;
  const routing = new MulticastRouting(wanted);
  for (const { name: lan } of lans) {
    deleteMulticastRules({ family, lan, table });
    addMulticastRule({ family, lan, table });
  }
  return routing;
}

/** Whether the default table's owner has an interface of that name. */
function routedElsewhere(lan: string, family: Family): boolean {
  const path = routeCodecs[family].interfacesFile;
  if (!existsSync(path)) return false;
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.some((line) => line.trim().split(/\s+/)[1] === lan);
}
