/**
 * The Gateway of a site: composes the cores of `site/` and `astrolabe/`. It merges its
 * Eavesdroppers, publishes the site's row to all sites, lets the site interface hand over what
 * remote sites want, stamps it for the Router, and re-emits what the Router brings.
 */
import type { Prefix } from "../base/address.ts";
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Rows } from "../astrolabe/rows.ts";
import { EpochFence } from "../flow/entries.ts";
import { Link, type LinkOwner } from "../flow/link.ts";
import type { Outbox } from "../flow/outbox.ts";
import { limits } from "../limits.ts";
import { type EdgePolicy, siteEdge, type SiteEdge } from "../site/edge.ts";
import type { SiteFinding } from "../site/findings.ts";
import { type PeerHello, siteNumber } from "../wire/hello.ts";
import { decodeMessage, encodeMessage } from "../wire/message.ts";
import { assignmentsHash, type Epoch, type FlowAssignment } from "../wire/plan.ts";
import type { Effect, Node, Port, SiteInterface } from "./node.ts";

export type GatewayOptions = EdgePolicy & {
  readonly fabric: string;
  readonly site: string;
  readonly zone: string;
  readonly incarnation: number;
  /** Endpoint of the site's Router. */
  readonly router: string;
  /** Where this Gateway is controlled from outside; empty where it is not. */
  readonly control: string;
  /** Owned prefixes besides those of the interfaces. */
  readonly prefixes: readonly Prefix[];
  readonly seed: number;
};

export type FlowsOutcome = "assigned" | "stale-epoch" | "table-full";

const routerTag = "router";

/** With the longest names a message of so many sites is well within its bound. */
const neighboursPerMessage = 300;

export class Gateway implements Node, LinkOwner {
  readonly counters: Record<string, number> = { messagesRefused: 0, routerLinkDrops: 0 };
  readonly rows: Rows;
  readonly membership: SiteEdge["membership"];
  readonly remote: SiteEdge["remote"];
  readonly ingress: SiteEdge["ingress"];
  readonly egress: SiteEdge["egress"];
  readonly row: SiteEdge["row"];
  readonly #fence = new EpochFence();
  readonly #options: GatewayOptions;
  readonly #site: SiteInterface;
  readonly #edge: SiteEdge;
  readonly #prng: Prng;
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  readonly #eavesdroppers = new Map<Port, Link>();
  readonly #watchers = new Set<() => void>();
  #router: Link | undefined;
  #dialMs: number;
  #settledMs: number;
  #changesSeen = 0;

  constructor(options: GatewayOptions, site: SiteInterface, nowMs: number) {
    this.#options = options;
    this.#site = site;
    this.#prng = new Prng(options.seed);
    this.rows = new Rows(options.site, this.#prng, nowMs);
    this.#edge = siteEdge(
      {
        ...options,
        prefixes: [...site.lans.flatMap((lan) => lan.prefixes), ...options.prefixes],
        lans: site.lans.map((lan) => lan.name),
        nameOf: (number) =>
          [...this.rows].find(({ row }) => siteNumber(row.site) === number)?.row.site,
      },
      nowMs,
    );
    this.membership = this.#edge.membership;
    this.remote = this.#edge.remote;
    this.ingress = this.#edge.ingress;
    this.egress = this.#edge.egress;
    this.row = this.#edge.row;
    this.#dialMs = nowMs;
    this.#settledMs = nowMs + limits.settlingMs;
  }

  // Commands and questions of the control path.

  get site(): string {
    return this.#options.site;
  }

  get incarnation(): number {
    return this.#options.incarnation;
  }

  get epoch(): Epoch | undefined {
    return this.#fence.highest;
  }

  get assignmentsHash(): string {
    return assignmentsHash(this.ingress.assignments);
  }

  get settling(): boolean {
    return this.#settledMs !== Number.POSITIVE_INFINITY;
  }

  get routerLinked(): boolean {
    return this.#router?.isUp === true;
  }

  siteCounters(): Readonly<Record<string, number>> {
    return this.#site.counters();
  }

  get interfaceKind(): string {
    return this.#site.kind;
  }

  /** What is wrong between this site and the others. */
  findings(nowMs: number): SiteFinding[] {
    return this.#edge.findings.findings(nowMs);
  }

  /** The Manager's whole list of flows that this Gateway stamps. */
  assign(epoch: Epoch, flows: readonly FlowAssignment[], nowMs: number): FlowsOutcome {
    const channels = flows.reduce((sum, flow) => sum + flow.channels.length, 0);
    if (channels > limits.channelsPerSiteMax) return "table-full";
    if (!this.#fence.admits(epoch)) return "stale-epoch";
    this.ingress.onFlows(flows, nowMs, this.#toRouter);
    return "assigned";
  }

  /** Calls once when the rows next change; the answer cancels. */
  watchRows(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  // Facts from the site interface.

  /** Packets from the site, each behind a data header, in `bytes[0, length)`. */
  onCaptured(bytes: Uint8Array, length: number, nowMs: number): void {
    this.ingress.onPackets(bytes, length, nowMs, this.#toRouter);
    if (this.ingress.hasSeen) this.#settle(nowMs);
  }

  // Facts from the loop.

  onConnected(port: Port, tag: string | undefined, nowMs: number): void {
    const { fabric, site: name, incarnation } = this.#options;
    const hello = { kind: "gateway", fabric, name, incarnation } as const;
    const link = new Link(port, { hello, owner: this, dialled: tag !== undefined }, nowMs);
    if (tag === routerTag) {
      this.#router = link;
    } else if (this.#eavesdroppers.size < limits.eavesdroppersPerSiteMax) {
      this.#eavesdroppers.set(port, link);
    } else {
      this.#effects.push({ kind: "close", port });
    }
  }

  onDialFailed(_tag: string, nowMs: number): void {
    this.#dialMs = nowMs + this.#prng.around(limits.redialMinMs * 2, 0.5);
  }

  onBytes(port: Port, bytes: Uint8Array, nowMs: number): void {
    const link = this.#linkAt(port);
    if (!link) return;
    link.onBytes(bytes, nowMs);
    this.#checkClosed(link, nowMs);
    this.#settle(nowMs);
  }

  onClosed(port: Port, nowMs: number): void {
    const link = this.#linkAt(port);
    if (!link) return;
    link.close("connection closed");
    this.#checkClosed(link, nowMs);
    this.#eavesdroppers.delete(port);
    if (this.#router !== link) return;
    this.#router = undefined;
    this.onDialFailed(routerTag, nowMs);
  }

  onDeadline(nowMs: number): void {
    for (const link of this.#links()) {
      link.onDeadline(nowMs);
      this.#checkClosed(link, nowMs);
    }
    if (nowMs >= this.#dialMs && !this.#router) {
      this.#dialMs = Number.POSITIVE_INFINITY;
      this.#effects.push({ kind: "dial", endpoint: this.#options.router, tag: routerTag });
    }
    this.membership.onDeadline(nowMs);
    this.rows.onDeadline(nowMs);
    this.ingress.onDeadline(nowMs, this.#toRouter);
    this.#edge.findings.onDeadline(nowMs);
    if (nowMs >= this.#settledMs) {
      this.#settledMs = Number.POSITIVE_INFINITY;
      this.row.onChanged(nowMs);
      this.egress.onMembersChanged(false);
    }
    this.#settle(nowMs);
  }

  nextDeadlineMs(): number {
    let next = this.#router ? Number.POSITIVE_INFINITY : this.#dialMs;
    for (const link of this.#links()) next = Math.min(next, link.nextDeadlineMs());
    return Math.min(
      next,
      this.membership.nextDeadlineMs(),
      this.rows.nextDeadlineMs(),
      this.ingress.nextDeadlineMs(),
      this.#edge.findings.nextDeadlineMs(),
      this.row.nextDeadlineMs(),
      this.#settledMs,
    );
  }

  takeEffect(): Effect | undefined {
    return this.#effects.take();
  }

  outbox(port: Port): Outbox | undefined {
    return this.#linkAt(port)?.outbox;
  }

  // What links report.

  welcome(link: Link, peer: PeerHello): string | undefined {
    if (link === this.#router) {
      const { site } = this.#options;
      return peer.kind === "router" && peer.name === site ? undefined : `not the Router of ${site}`;
    }
    const mine = peer.kind === "eavesdropper" && peer.name.startsWith(`${this.site}/`);
    return mine ? undefined : `this Gateway takes Eavesdroppers of ${this.site} only`;
  }

  onLinkUp(link: Link, nowMs: number): void {
    if (link !== this.#router) return;
    this.#log("info", "linked to the Router");
    this.#tellNeighbours();
    this.row.onChanged(nowMs);
  }

  onLinkData(link: Link, bytes: Uint8Array, from: number, to: number): void {
    if (link !== this.#router) return link.close("an Eavesdropper brings no packets");
    this.egress.onFrames(bytes, from, to, this.#toLans);
    this.#site.flush();
  }

  onLinkMessage(link: Link, site: number, payload: Uint8Array, nowMs: number): void {
    const message = decodeMessage(payload);
    if (typeof message === "string") {
      this.#count(`message-${message}`);
    } else if (message.kind === "lan" && link !== this.#router) {
      const incarnation = link.peer?.incarnation ?? 0;
      this.membership.onLan({ lan: lanOf(link), incarnation }, message, nowMs);
    } else if (message.kind === "router" && link === this.#router) {
      this.row.onRouter(message.endpoint, message.control, nowMs);
    } else if ((message.kind === "digest" || message.kind === "rows") && link === this.#router) {
      this.rows.onMessage(site, message, nowMs);
    } else {
      this.#count("messagesRefused");
    }
  }

  onLinkNeighbour(link: Link, site: number, up: boolean): void {
    if (link !== this.#router) return link.close("only a Router speaks of neighbours");
    if (up) this.rows.onNeighbourUp(site);
    else this.rows.onNeighbourDown(site);
  }

  readonly #toRouter = (bytes: Uint8Array, from: number, to: number, frames: number): void => {
    if (this.#router?.isUp !== true) this.#count("routerLinkDrops", frames);
    else this.#router.sendData(bytes, from, to, frames);
  };

  readonly #toLans = (lans: number, bytes: Uint8Array, from: number, length: number): void => {
    this.#site.emit(lans, bytes, from, length);
  };

  /** After any fact: what changed goes into our row, to the site interface, to the neighbours. */
  #settle(nowMs: number): void {
    if (this.membership.takeChanged()) {
      this.row.onChanged(nowMs);
      this.egress.onMembersChanged(this.settling);
    }
    this.row.onSeen(this.ingress.takeSeen(), nowMs);
    if (this.row.outdoneBy(this.rows.ownVersionHeard)) this.row.onChanged(nowMs);
    const row = this.row.due(this.membership, this.settling, nowMs);
    if (row) {
      this.rows.publish(row, nowMs);
      // Channels that still send show themselves again before the row forgets them.
      this.ingress.onRefused(this.row.refused.cappedChannels);
    }
    if (this.rows.changes !== this.#changesSeen) {
      this.#changesSeen = this.rows.changes;
      this.#onRowsChanged();
    }
    // What finds no room waits for the next fact: heartbeats alone bring two each second.
    while (this.#router?.hasRoom !== false) {
      const effect = this.rows.takeEffect();
      if (!effect) return;
      this.#router?.sendMessage(effect.to, encodeMessage(effect.message));
    }
  }

  #onRowsChanged(): void {
    const changes = this.remote.onRows(this.rows.others());
    for (const change of changes) {
      if (change.kind === "unwanted") this.#site.forbid(change.group);
      else this.#site.allow(change.want);
    }
    const isClaimNew = this.#edge.claims.onRows(this.rows.others());
    if (changes.length > 0 || isClaimNew) this.ingress.onRemoteChanged();
    this.#tellNeighbours();
    for (const onChange of this.#watchers) onChange();
    this.#watchers.clear();
  }

  #neighboursTold = "";

  #tellNeighbours(): void {
    if (this.#router?.isUp !== true) {
      this.#neighboursTold = "";
      return;
    }
    const sites = [...this.rows.others()]
      .filter(({ router }) => router !== "")
      .map(({ site, router }) => ({ site, endpoint: router }));
    const text = JSON.stringify(sites);
    if (text === this.#neighboursTold) return;
    this.#neighboursTold = text;
    // The list begins anew also when it is empty.
    let from = 0;
    do {
      const part = sites.slice(from, from + neighboursPerMessage);
      const message = { kind: "neighbours", full: from === 0, sites: part } as const;
      this.#router.sendMessage(0, encodeMessage(message));
      from += neighboursPerMessage;
    } while (from < sites.length);
  }

  #checkClosed(link: Link, nowMs: number): void {
    const reason = link.takeClosed();
    if (reason === undefined) return;
    this.#effects.push({ kind: "close", port: link.port });
    if (link === this.#router) {
      this.#log("warning", `link to the Router is down: ${reason}`);
      this.rows.onNoNeighbours();
      this.#neighboursTold = "";
    } else if (link.peer) {
      this.#log("warning", `Eavesdropper ${link.peer.name} is gone: ${reason}`);
      if (!this.#otherLinkOf(link)) this.membership.onLanGone(lanOf(link), nowMs);
    }
  }

  /** A returned Eavesdropper may already be linked anew when its old connection ends. */
  #otherLinkOf(gone: Link): boolean {
    for (const link of this.#eavesdroppers.values()) {
      if (link !== gone && link.isUp && link.peer?.name === gone.peer?.name) return true;
    }
    return false;
  }

  *#links(): Iterable<Link> {
    if (this.#router) yield this.#router;
    yield* this.#eavesdroppers.values();
  }

  #linkAt(port: Port): Link | undefined {
    return this.#router?.port === port ? this.#router : this.#eavesdroppers.get(port);
  }

  #log(level: "info" | "warning", text: string): void {
    this.#effects.push({ kind: "log", level, text });
  }

  #count(what: string, by = 1): void {
    this.counters[what] = (this.counters[what] ?? 0) + by;
  }
}

/** The LAN that an Eavesdropper's greeting names: `site/lan`. */
const lanOf = (link: Link): string => (link.peer?.name ?? "").split("/").slice(1).join("/");
