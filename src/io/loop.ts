/**
 * The one loop of a process: it owns connections, clock and timer, tells nodes their facts, and
 * after each fact does what they want done until nothing is left. Roles of one process are linked
 * by pipes, which carry the same bytes as a TCP connection would.
 */
import { assert } from "../base/assert.ts";
import type { Effect, Node, Port } from "../role/node.ts";
import { openTcp, type TcpPort } from "./tcp.ts";

/** How the loop touches a connection of either kind. */
interface Connection {
  readonly node: Node;
  /** Writes what waits; false when the other end takes no more for now. */
  flush(): boolean;
  close(): void;
}

/** Ends the process: an error that nobody below expects. */
export type Fatal = (error: unknown) => void;

export type Log = (level: "info" | "warning", role: string, text: string) => void;

const roundsMax = 10_000;
const pipePrefix = "pipe:";

export class Loop {
  readonly #log: Log;
  readonly #fatal: Fatal;
  readonly #nodes = new Map<string, Node>();
  readonly #connections = new Map<Port, Connection>();
  readonly #closers: (() => void)[] = [];
  #lastPort = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedMs = Number.POSITIVE_INFINITY;
  #turning = false;
  #stopped = false;

  /**
   * `fatal` gets whatever a fact or what follows from it throws: Bun's sockets and the HTTP routes
   * would swallow it, and leave a loop that never turns again.
   */
  constructor(log: Log, fatal: Fatal) {
    this.#log = log;
    this.#fatal = fatal;
  }

  /** The monotonic clock of every role, in ms. */
  get nowMs(): number {
    return performance.now();
  }

  /** Adds a role; other roles of the process reach it by dialling `pipe:NAME`. */
  add(name: string, node: Node): void {
    this.#nodes.set(name, node);
  }

  /** Accepts TCP connections for a role. Throws when the endpoint cannot be had. */
  listen(node: Node, endpoint: string): void {
    const listener = openTcp.listen(endpoint, (tcp) => this.#attach(node, tcp, undefined));
    this.#closers.push(() => listener.stop());
  }

  /** What else ends with the loop. */
  onStop(close: () => void): void {
    this.#closers.push(close);
  }

  /** Runs a fact and then everything that follows from it. */
  fact(tell: (nowMs: number) => void): void {
    if (this.#stopped) return;
    try {
      tell(this.nowMs);
      this.turn();
    } catch (error) {
      this.#fatal(error);
    }
  }

  /** Drains effects and outboxes of all nodes until nothing is left, then arms the timer. */
  turn(): void {
    // A pipe tells its facts inside a turn; the turn that runs will see what they bring.
    if (this.#turning) return;
    this.#turning = true;
    let rounds = 0;
    while (this.#round()) assert(++rounds < roundsMax, "roles never come to rest");
    this.#turning = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
    for (const close of this.#closers) close();
  }

  #round(): boolean {
    let busy = false;
    for (const [name, node] of this.#nodes) {
      for (let effect = node.takeEffect(); effect; effect = node.takeEffect()) {
        busy = true;
        this.#do(name, node, effect);
      }
    }
    for (const connection of this.#connections.values()) {
      if (connection.flush()) busy = true;
    }
    return busy;
  }

  #do(name: string, node: Node, effect: Effect): void {
    switch (effect.kind) {
      case "log":
        return this.#log(effect.level, name, effect.text);
      case "dial":
        return effect.endpoint.startsWith(pipePrefix)
          ? this.#pipe(node, effect.endpoint.slice(pipePrefix.length), effect.tag)
          : this.#dial(node, effect.endpoint, effect.tag);
      case "close":
        this.#connections.get(effect.port)?.flush();
        return this.#connections.get(effect.port)?.close();
    }
  }

  #dial(node: Node, endpoint: string, tag: string): void {
    openTcp.dial(
      endpoint,
      (tcp) => this.#attach(node, tcp, tag),
      () => this.fact((nowMs) => node.onDialFailed(tag, nowMs)),
    );
  }

  #attach(node: Node, tcp: TcpPort, tag: string | undefined): void {
    const port = ++this.#lastPort;
    this.#connections.set(port, {
      node,
      flush: () => {
        const outbox = node.outbox(port);
        if (!outbox || outbox.empty || tcp.blocked) return false;
        outbox.drain(tcp.write);
        return false;
      },
      close: () => tcp.close(),
    });
    tcp.onBytes = (bytes) => this.fact((nowMs) => node.onBytes(port, bytes, nowMs));
    tcp.onWritable = () => this.fact(() => undefined);
    tcp.onClosed = () => {
      this.#connections.delete(port);
      this.fact((nowMs) => node.onClosed(port, nowMs));
    };
    this.fact((nowMs) => node.onConnected(port, tag, nowMs));
  }

  /** Two ports that are each other's far end. */
  #pipe(from: Node, name: string, tag: string): void {
    const to = this.#nodes.get(name);
    if (!to) return from.onDialFailed(tag, this.nowMs);
    const near = ++this.#lastPort;
    const far = ++this.#lastPort;
    this.#connections.set(near, this.#pipeEnd(from, near, to, far));
    this.#connections.set(far, this.#pipeEnd(to, far, from, near));
    from.onConnected(near, tag, this.nowMs);
    to.onConnected(far, undefined, this.nowMs, true);
  }

  #pipeEnd(node: Node, port: Port, peer: Node, peerPort: Port): Connection {
    const write = (memory: Uint8Array, offset: number, length: number): number => {
      peer.onBytes(peerPort, memory.subarray(offset, offset + length), this.nowMs);
      return length;
    };
    return {
      node,
      flush: () => {
        const outbox = node.outbox(port);
        if (!outbox || outbox.empty) return false;
        outbox.drain(write);
        return true;
      },
      close: () => {
        if (!this.#connections.delete(port)) return;
        this.#connections.delete(peerPort);
        node.onClosed(port, this.nowMs);
        peer.onClosed(peerPort, this.nowMs);
      },
    };
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes.values()) next = Math.min(next, node.nextDeadlineMs());
    if (this.#stopped || (next >= this.#armedMs && this.#timer !== undefined)) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedMs = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(0, next - this.nowMs));
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#armedMs = Number.POSITIVE_INFINITY;
    this.fact((nowMs) => {
      for (const node of this.#nodes.values()) {
        if (node.nextDeadlineMs() <= nowMs) node.onDeadline(nowMs);
      }
    });
  }
}
