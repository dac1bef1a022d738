/**
 * The Router of a site: composes the cores of `flow/`. It knows links, entries and queues; it knows
 * no group, no ALMRP and no IP header. Messages between Gateways pass through it unread.
 */
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Entries, type EntryOutcome } from "../flow/entries.ts";
import { type FlowCounters, Forwarding, gatewayNumber } from "../flow/forwarding.ts";
import { ledToItself, Link, type LinkOwner } from "../flow/link.ts";
import { Neighbours } from "../flow/neighbours.ts";
import type { Outbox } from "../flow/outbox.ts";
import { limits } from "../limits.ts";
import { type PeerHello, siteNumber } from "../wire/hello.ts";
import { decodeMessage, encodeMessage } from "../wire/message.ts";
import type { Entry, EntryChange } from "../wire/plan.ts";
import type { Effect, Node, Port } from "./node.ts";

export type RouterOptions = {
  readonly fabric: string;
  readonly site: string;
  readonly incarnation: number;
  readonly contacts: readonly string[];
  /** What other sites dial, and where this Router is controlled; empty where there is none. */
  readonly advertise: { readonly endpoint: string; readonly control: string };
  /** The Gateway runs in the same process, so none from outside is welcome. */
  readonly gatewayInside?: boolean;
  readonly seed: number;
};

export type LinkView = {
  readonly site: string;
  readonly kind: PeerHello["kind"];
  readonly dialled: boolean;
  readonly upMs: number;
  readonly rttMs: number | undefined;
  readonly queuedBytes: number;
  readonly counters: Link["counters"];
};

export class Router implements Node, LinkOwner {
  readonly entries = new Entries();
  readonly counters = {
    /** Callers turned away unheard: too many links, or too many that have not greeted. */
    linksRefused: 0,
    linksReplaced: 0,
    linksLost: 0,
    /** Data frames that waited on a link when it ended. */
    framesLostWithLinks: 0,
    messagesUndelivered: 0,
    messagesRefused: 0,
  };
  readonly #options: RouterOptions;
  readonly #forwarding: Forwarding;
  readonly #neighbours: Neighbours;
  readonly #links = new Map<Port, Link>();
  /** Links that are up, by the number of their site; the own Gateway under `gatewayNumber`. */
  readonly #bySite = new Map<number, Link>();
  /** What was dialled, by the connection it became. */
  readonly #endpoints = new Map<Port, string>();
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  /** The pipe to a Gateway of the same process. */
  #pipe: Port | undefined;
  #sitesNamed: readonly { readonly site: string; readonly endpoint: string }[] = [];

  constructor(options: RouterOptions, nowMs: number) {
    this.#options = options;
    const prng = new Prng(options.seed);
    this.#neighbours = new Neighbours(options.site, options.contacts, prng, nowMs);
    this.#forwarding = new Forwarding(options.site, this.entries, (site) => {
      const link = this.#bySite.get(site);
      return link?.isUp ? link : undefined;
    });
  }

  get site(): string {
    return this.#options.site;
  }

  get incarnation(): number {
    return this.#options.incarnation;
  }

  get drops(): Forwarding["counters"] {
    return this.#forwarding.counters;
  }

  // Commands and questions of the control path.

  change(change: EntryChange): EntryOutcome {
    const outcome = this.entries.change(change);
    if (outcome === "installed") this.#forwarding.onEntriesChanged();
    return outcome;
  }

  entryViews(): (Entry & FlowCounters)[] {
    return [...this.entries].map((entry) => ({
      ...entry,
      ...this.#forwarding.countersOf(entry.flow),
    }));
  }

  links(nowMs: number): LinkView[] {
    return [...this.#bySite.values()].flatMap((link) => {
      const { peer, state } = link;
      if (!peer || state.kind !== "up") return [];
      return {
        site: peer.name,
        kind: peer.kind,
        dialled: link.dialled,
        upMs: Math.round(nowMs - state.sinceMs),
        rttMs: link.rttMs,
        queuedBytes: link.outbox.dataBytes,
        counters: link.counters,
      };
    });
  }

  // Facts from the loop.

  onConnected(port: Port, tag: string | undefined, nowMs: number, isPipe = false): void {
    if (isPipe) this.#pipe = port;
    if (tag === undefined && !this.#hasRoom()) {
      this.counters.linksRefused++;
      this.#effects.push({ kind: "close", port });
      return;
    }
    if (tag !== undefined) this.#endpoints.set(port, tag);
    const { fabric, site: name, incarnation } = this.#options;
    const hello = { kind: "router", fabric, name, incarnation } as const;
    this.#links.set(
      port,
      new Link(port, { hello, owner: this, dialled: tag !== undefined }, nowMs),
    );
  }

  onDialFailed(tag: string, nowMs: number): void {
    this.#neighbours.onDialFailed(tag, nowMs);
  }

  onBytes(port: Port, bytes: Uint8Array, nowMs: number): void {
    const link = this.#links.get(port);
    if (!link) return;
    link.onBytes(bytes, nowMs);
    this.#settle(link, nowMs);
  }

  onClosed(port: Port, nowMs: number): void {
    const link = this.#links.get(port);
    if (!link) return;
    link.close("connection closed");
    this.#settle(link, nowMs);
    this.#links.delete(port);
    this.#endpoints.delete(port);
  }

  onDeadline(nowMs: number): void {
    for (const link of this.#links.values()) {
      link.onDeadline(nowMs);
      this.#settle(link, nowMs);
    }
    for (;;) {
      const endpoint = this.#neighbours.takeDue(nowMs);
      if (endpoint === undefined) return;
      this.#effects.push({ kind: "dial", endpoint, tag: endpoint });
    }
  }

  nextDeadlineMs(): number {
    let next = this.#neighbours.nextDeadlineMs();
    for (const link of this.#links.values()) next = Math.min(next, link.nextDeadlineMs());
    return next;
  }

  takeEffect(): Effect | undefined {
    return this.#effects.take();
  }

  outbox(port: Port): Outbox | undefined {
    return this.#links.get(port)?.outbox;
  }

  // What links report.

  welcome(link: Link, peer: PeerHello, nowMs: number): string | undefined {
    if (peer.kind === "eavesdropper") return "an Eavesdropper reports to its Gateway";
    if (peer.kind === "gateway") {
      const isOwn = peer.name === this.site && !link.dialled;
      if (this.#options.gatewayInside && link.port !== this.#pipe) {
        return `the Gateway of ${this.site} runs in the same process as its Router`;
      }
      return isOwn ? undefined : `this is the Router of ${this.site}`;
    }
    if (peer.name === this.site) return `two sites are named ${this.site}: rename one`;
    const standing = this.#bySite.get(siteNumber(peer.name));
    if (!standing?.peer) return undefined;
    if (standing.peer.name !== peer.name) {
      return `sites ${peer.name} and ${standing.peer.name} have one number: rename one`;
    }
    if (this.#prevails(link, standing, peer)) return undefined;
    this.#neighbours.onLinked(peer.name, this.#endpoints.get(link.port), nowMs);
    return "the other connection stays";
  }

  onLinkUp(link: Link, nowMs: number): void {
    const peer = link.peer as PeerHello;
    const number = numberOf(peer);
    const standing = this.#bySite.get(number);
    this.#bySite.set(number, link);
    if (standing) {
      this.counters.linksReplaced++;
      standing.close("replaced by another connection");
      this.#settle(standing, nowMs);
    }
    if (peer.kind === "gateway") return this.#greetGateway(link);
    this.#neighbours.onLinked(peer.name, this.#endpoints.get(link.port), nowMs);
    this.#tellGateway(number, true, peer.name, nowMs);
    this.#log("info", `link to ${peer.name} is up (${link.dialled ? "dialled" : "accepted"})`);
  }

  onLinkData(link: Link, bytes: Uint8Array, from: number, to: number): void {
    this.#forwarding.forward(numberOf(link.peer as PeerHello), bytes, from, to);
  }

  /** From its Gateway to a neighbour or this Router (site 0); from a neighbour to the Gateway. */
  onLinkMessage(link: Link, site: number, payload: Uint8Array, nowMs: number): void {
    const peer = link.peer as PeerHello;
    if (peer.kind === "gateway" && site === 0) return this.#onGatewayMessage(payload, nowMs);
    const to = this.#bySite.get(peer.kind === "gateway" ? site : gatewayNumber);
    if (!to) {
      this.counters.messagesUndelivered++;
      return;
    }
    // Gossip repairs what a slow neighbour misses; its packets must not suffer for it.
    to.offerMessage(numberOf(peer), payload);
    this.#settle(to, nowMs);
  }

  onLinkNeighbour(link: Link): void {
    link.close("only a Router speaks of neighbours");
  }

  #onGatewayMessage(payload: Uint8Array, nowMs: number): void {
    const message = decodeMessage(payload);
    if (typeof message === "string" || message.kind !== "neighbours") {
      this.counters.messagesRefused++;
      return;
    }
    if (message.full) this.#sitesNamed = [];
    // Several messages make one list where sites are many.
    this.#sitesNamed = [...this.#sitesNamed, ...message.sites].slice(0, limits.sitesMax);
    this.#neighbours.onSites(this.#sitesNamed, nowMs);
  }

  #greetGateway(gateway: Link): void {
    this.#log("info", "linked to the Gateway");
    gateway.sendMessage(0, encodeMessage({ kind: "router", ...this.#options.advertise }));
    for (const [number, link] of this.#bySite) {
      if (number !== gatewayNumber && link.peer)
        gateway.sendNeighbour(number, true, link.peer.name);
    }
  }

  /** A link that its own full lane closes here is settled at once. */
  #tellGateway(number: number, up: boolean, name: string, nowMs: number): void {
    const gateway = this.#bySite.get(gatewayNumber);
    if (!gateway) return;
    gateway.sendNeighbour(number, up, name);
    this.#settle(gateway, nowMs);
  }

  #hasRoom(): boolean {
    if (this.#links.size >= limits.linksMax) return false;
    let pending = 0;
    for (const { state } of this.#links.values()) if (state.kind === "greeting") pending++;
    return pending < limits.pendingLinksMax;
  }

  /**
   * Both ends must keep the same one of two connections: that of the peer's later life; else the
   * one that the lower site name dialled; of two with the same dialler the newer, since nobody
   * dials a site it knows to be linked. Greetings of two connections may cross, so the dialler
   * goes by the order in which it greeted, which is that of its ports.
   */
  #prevails(link: Link, standing: Link, peer: PeerHello): boolean {
    const known = (standing.peer as PeerHello).incarnation;
    if (peer.incarnation !== known) return peer.incarnation > known;
    if (link.dialled !== standing.dialled) return link.dialled === this.site < peer.name;
    return !link.dialled || link.port > standing.port;
  }

  /** After a fact: if the link has closed, tell who must know and have its connection closed. */
  #settle(link: Link, nowMs: number): void {
    const reason = link.takeClosed();
    if (reason === undefined) return;
    const { peer, port } = link;
    this.#effects.push({ kind: "close", port });
    this.counters.framesLostWithLinks += link.outbox.waitingDataFrames;
    const endpoint = this.#endpoints.get(port);
    if (!peer) {
      const self = reason === ledToItself;
      if (endpoint !== undefined) this.#neighbours.onDialFailed(endpoint, nowMs, self);
      if (!self) this.#log("info", `no link with ${endpoint ?? "a caller"}: ${reason}`);
      return;
    }
    const number = numberOf(peer);
    if (this.#bySite.get(number) !== link) return;
    this.#bySite.delete(number);
    this.counters.linksLost++;
    this.#log("warning", `${peer.kind} ${peer.name} is gone: ${reason}`);
    if (peer.kind === "gateway") return;
    this.#neighbours.onUnlinked(peer.name, nowMs);
    this.#tellGateway(number, false, peer.name, nowMs);
  }

  #log(level: "info" | "warning", text: string): void {
    this.#effects.push({ kind: "log", level, text });
  }
}

const numberOf = (peer: PeerHello): number =>
  peer.kind === "gateway" ? gatewayNumber : siteNumber(peer.name);
