/**
 * Some Routers and Gateways joined by connections with delays, on a clock moved by hand. One seed
 * drives everything: how long a byte travels, how many bytes a socket takes, when an end notices
 * that its connection is gone. A world that never comes to rest fails with its seed.
 */
import { Deadlines } from "../../src/base/deadlines.ts";
import { Prng } from "../../src/base/prng.ts";
import { Link, type LinkOwner } from "../../src/flow/link.ts";
import type { Outbox } from "../../src/flow/outbox.ts";
import type { Effect, Node, Port } from "../../src/role/node.ts";
import { Router } from "../../src/role/router.ts";
import type { HelloKind, PeerHello } from "../../src/wire/hello.ts";

const turnsMax = 200_000;
const turnsPerInstantMax = 2_000;

type End = {
  readonly node: Node;
  readonly port: Port;
  open: boolean;
  /** Takes no bytes: a peer that does not read. */
  stuck: boolean;
  /** When the last byte sent to this end arrives. */
  arrivalMs: number;
};

export type Connection = { readonly ends: readonly [End, End]; cut: boolean };

export class RouterWorld {
  nowMs = 0;
  delayMaxMs = 60;
  readonly prng: Prng;
  readonly logs: string[] = [];
  readonly dials: { readonly node: Node; readonly atMs: number; readonly endpoint: string }[] = [];
  readonly connections: Connection[] = [];
  readonly #seed: number;
  readonly #events = new Deadlines<() => void>();
  readonly #nodes = new Set<Node>();
  readonly #listening = new Map<string, Node>();
  #lastPort = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.prng = new Prng(seed);
  }

  router(
    site: string,
    contacts: readonly string[],
    more: { incarnation?: number; fabric?: string; gatewayInside?: boolean } = {},
  ): Router {
    const options = {
      fabric: "example",
      incarnation: 1,
      ...more,
      site,
      contacts,
      advertise: { endpoint: "192.0.2.1:7800", control: "" },
      seed: this.prng.u32(),
    };
    const router = new Router(options, this.nowMs);
    this.add(router);
    return router;
  }

  add(node: Node): void {
    this.#nodes.add(node);
  }

  /** Whether the node was not killed. */
  runs(node: Node): boolean {
    return this.#nodes.has(node);
  }

  listen(endpoint: string, node: Node): void {
    this.#listening.set(endpoint, node);
  }

  /** The node is gone; its peers notice by a reset, or only by silence. */
  kill(node: Node, how: "reset" | "silent"): void {
    this.#nodes.delete(node);
    for (const [endpoint, listener] of this.#listening) {
      if (listener === node) this.#listening.delete(endpoint);
    }
    for (const connection of this.connections) {
      for (const [i, end] of connection.ends.entries()) {
        if (end.node !== node) continue;
        end.open = false;
        this.cut(connection, how === "reset" ? [1 - i] : []);
      }
    }
  }

  /** From now on nothing passes; the ends of these indexes notice, each after a time of its own. */
  cut(connection: Connection, noticing: readonly number[]): void {
    connection.cut = true;
    for (const i of noticing) {
      const end = connection.ends[i] as End;
      this.after(this.#delayMs() * 5, () => this.#closeEnd(end));
    }
  }

  /** A caller that connects and says nothing. */
  callSilently(endpoint: string): Connection | undefined {
    const mute: Node = new Caller();
    return this.#connect(mute, endpoint, "mute");
  }

  after(delayMs: number, event: () => void): void {
    this.#events.set(event, this.nowMs + delayMs);
  }

  /** Connections that stand between two nodes, at least at one end. */
  between(a: Node, b: Node): Connection[] {
    return this.connections.filter(({ ends: [one, two] }) => {
      const joins = (one.node === a && two.node === b) || (one.node === b && two.node === a);
      return joins && (one.open || two.open);
    });
  }

  /** Runs for so many ms, told after each event what to check. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    let instant = 0;
    for (const node of this.#nodes) this.#drain(node);
    for (let turns = 0; ; turns++) {
      let next = this.#events.nextMs();
      for (const node of this.#nodes) next = Math.min(next, node.nextDeadlineMs());
      if (next > untilMs) break;
      instant = next > this.nowMs ? 0 : instant + 1;
      if (turns > turnsMax || instant > turnsPerInstantMax) {
        throw new Error(`seed ${this.#seed}: livelock at ${this.nowMs} ms`);
      }
      this.nowMs = Math.max(this.nowMs, next);
      for (const event of this.#events.takeDue(this.nowMs)) event();
      for (const node of this.#nodes) {
        if (node.nextDeadlineMs() <= this.nowMs) node.onDeadline(this.nowMs);
        this.#drain(node);
      }
    }
    this.nowMs = untilMs;
  }

  /** Runs what follows from a command at this instant. */
  settle(node: Node): void {
    this.#drain(node);
  }

  #drain(node: Node): void {
    for (let effect = node.takeEffect(); effect; effect = node.takeEffect()) this.#do(node, effect);
    for (const connection of this.connections) {
      for (const i of [0, 1] as const) {
        if (connection.ends[i].node === node && connection.ends[i].open) this.#flush(connection, i);
      }
    }
  }

  #do(node: Node, effect: Effect): void {
    if (effect.kind === "log") {
      this.logs.push(effect.text);
    } else if (effect.kind === "dial") {
      this.dials.push({ node, atMs: this.nowMs, endpoint: effect.endpoint });
      this.after(this.#delayMs(), () => {
        if (!this.#connect(node, effect.endpoint, effect.tag) && this.#nodes.has(node)) {
          node.onDialFailed(effect.tag, this.nowMs);
          this.#drain(node);
        }
      });
    } else {
      this.#close(effect.port);
    }
  }

  #connect(node: Node, endpoint: string, tag: string): Connection | undefined {
    const listener = this.#listening.get(endpoint);
    if (!listener || (!this.#nodes.has(node) && !(node instanceof Caller))) return undefined;
    const [near, far] = [this.#end(node), this.#end(listener)];
    const connection: Connection = { ends: [near, far], cut: false };
    this.connections.push(connection);
    far.open = true;
    listener.onConnected(far.port, undefined, this.nowMs);
    this.#drain(listener);
    const delayMs = this.#delayMs();
    near.arrivalMs = Math.max(near.arrivalMs, this.nowMs + delayMs);
    this.after(delayMs, () => {
      if (!this.#nodes.has(node)) return;
      if (connection.cut) node.onDialFailed(tag, this.nowMs);
      else near.open = true;
      if (!near.open) return;
      node.onConnected(near.port, tag, this.nowMs);
      this.#drain(node);
    });
    return connection;
  }

  #end(node: Node): End {
    return { node, port: ++this.#lastPort, open: false, stuck: false, arrivalMs: 0 };
  }

  #delayMs(): number {
    return this.prng.fraction() * this.delayMaxMs;
  }

  #flush(connection: Connection, from: 0 | 1, whole = false): void {
    const [near, far] = [connection.ends[from], connection.ends[1 - from] as End];
    const outbox = near.node.outbox(near.port);
    if (!outbox || outbox.empty || far.stuck) return;
    outbox.drain((memory, offset, length) => {
      const taken = !whole && this.prng.below(4) === 0 ? this.prng.below(length) : length;
      const bytes = memory.slice(offset, offset + taken);
      this.#carry(connection, far, () => far.node.onBytes(far.port, bytes, this.nowMs));
      return taken;
    });
    // A socket that took a part says later that it can take more.
    if (!outbox.empty)
      this.after(this.prng.fraction(), () => near.open && this.#flush(connection, from));
  }

  /** Tells an end something in the order of its connection. */
  #carry(connection: Connection, to: End, tell: () => void): void {
    to.arrivalMs = Math.max(to.arrivalMs + 1e-6, this.nowMs + this.#delayMs());
    this.after(to.arrivalMs - this.nowMs, () => {
      if (connection.cut || !to.open || !this.#nodes.has(to.node)) return;
      tell();
      this.#drain(to.node);
    });
  }

  #close(port: Port): void {
    for (const connection of this.connections) {
      const i = connection.ends.findIndex((end) => end.port === port && end.open);
      if (i < 0) continue;
      const [near, far] = [connection.ends[i] as End, connection.ends[1 - i] as End];
      this.#flush(connection, i as 0 | 1, true);
      this.#carry(connection, far, () => this.#closeEnd(far));
      this.#closeEnd(near);
    }
  }

  #closeEnd(end: End): void {
    if (!end.open) return;
    end.open = false;
    if (!this.#nodes.has(end.node)) return;
    end.node.onClosed(end.port, this.nowMs);
    this.#drain(end.node);
  }
}

/** Somebody who connects, and takes no part. */
class Caller implements Node {
  onConnected(): void {}
  onDialFailed(): void {}
  onBytes(): void {}
  onClosed(): void {}
  onDeadline(): void {}
  nextDeadlineMs(): number {
    return Number.POSITIVE_INFINITY;
  }
  takeEffect(): undefined {}
  outbox(): undefined {}
}

/** The far end of a Router's link, as plain as can be: dials once, and keeps what it is told. */
export class PlainPeer implements Node, LinkOwner {
  readonly told: string[] = [];
  link: Link | undefined;
  /** Closes each link as soon as it is up. */
  flaps = false;
  readonly #hello: { kind: HelloKind; fabric: string; name: string; incarnation: number };
  readonly #effects: Effect[] = [];

  constructor(kind: HelloKind, name: string) {
    this.#hello = { kind, fabric: "example", name, incarnation: 1 };
  }

  dial(endpoint: string): void {
    this.#effects.push({ kind: "dial", endpoint, tag: endpoint });
  }

  onConnected(port: Port, tag: string | undefined, nowMs: number): void {
    const options = { hello: this.#hello, owner: this, dialled: tag !== undefined };
    this.link = new Link(port, options, nowMs);
  }

  onDialFailed(): void {
    this.told.push("dial failed");
  }

  onBytes(port: Port, bytes: Uint8Array, nowMs: number): void {
    if (this.link?.port === port) this.link.onBytes(bytes, nowMs);
    this.#settle();
  }

  onClosed(port: Port): void {
    if (this.link?.port === port) this.link = undefined;
  }

  onDeadline(nowMs: number): void {
    this.link?.onDeadline(nowMs);
    this.#settle();
  }

  nextDeadlineMs(): number {
    return this.link?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
  }

  takeEffect(): Effect | undefined {
    return this.#effects.shift();
  }

  outbox(port: Port): Outbox | undefined {
    return this.link?.port === port ? this.link.outbox : undefined;
  }

  welcome(): undefined {}

  onLinkUp(link: Link): void {
    if (this.flaps) link.close("not today");
  }

  onLinkData(_: Link, bytes: Uint8Array, from: number, to: number): void {
    this.told.push(`data ${bytes.subarray(from, to).toHex()}`);
  }

  onLinkMessage(_: Link, site: number, payload: Uint8Array): void {
    this.told.push(`message ${site} ${payload.toHex()}`);
  }

  onLinkNeighbour(_: Link, _site: number, up: boolean, name: string): void {
    this.told.push(`${name} ${up ? "up" : "down"}`);
  }

  get peer(): PeerHello | undefined {
    return this.link?.peer;
  }

  #settle(): void {
    const reason = this.link?.takeClosed();
    if (reason === undefined || !this.link) return;
    this.told.push(`closed: ${reason}`);
    this.#effects.push({ kind: "close", port: this.link.port });
  }
}

/** A site's Gateway, linked to its Router. */
export function gatewayOf(world: RouterWorld, router: Router): PlainPeer {
  const gateway = new PlainPeer("gateway", router.site);
  const endpoint = `192.0.2.${router.site.charCodeAt(0)}:1`;
  world.add(gateway);
  world.listen(endpoint, router);
  gateway.dial(endpoint);
  return gateway;
}

export const neighboursTold = ({ told }: PlainPeer): string[] =>
  told.filter((text) => / (up|down)$/.test(text));
