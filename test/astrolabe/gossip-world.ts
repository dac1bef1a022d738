/**
 * Nodes that gossip over links which lose, repeat and reorder messages, on a virtual clock from one
 * seed. Each node is the product's `Rows` with the part of a Gateway that writes its row.
 */
import { Rows } from "../../src/astrolabe/rows.ts";
import { assert } from "../../src/base/assert.ts";
import { Deadlines } from "../../src/base/deadlines.ts";
import { Prng } from "../../src/base/prng.ts";
import { decodeMessage, encodeMessage, type SiteRow } from "../../src/wire/message.ts";

const turnsMax = 2_000_000;

export class GossipNode {
  readonly site: string;
  readonly rows: Rows;
  row: SiteRow;

  constructor(site: string, prng: Prng, incarnation: number, nowMs: number) {
    this.site = site;
    this.rows = new Rows(site, prng, nowMs);
    this.row = {
      site,
      zone: `/${site}`,
      incarnation,
      sequence: 0,
      router: "",
      routerControl: "",
      gatewayControl: "",
      prefixes: [],
      settling: false,
      wants: [],
      sends: [],
    };
  }

  publish(nowMs: number, fields: Partial<SiteRow> = {}): void {
    this.row = { ...this.row, sequence: this.row.sequence + 1, ...fields };
    this.rows.publish(this.row, nowMs);
  }

  /** As `RowWriter.outdoneBy`: a version of ours that others know better wins no more. */
  outdo(nowMs: number): void {
    const heard = this.rows.ownVersionHeard;
    const { incarnation, sequence } = this.row;
    if (!heard || heard.incarnation < incarnation) return;
    if (heard.incarnation === incarnation && heard.sequence <= sequence) return;
    this.publish(nowMs, { incarnation: heard.incarnation + 1 });
  }
}

export type Send = { readonly from: number; readonly to: number; readonly row: SiteRow };

export class GossipWorld {
  nowMs = 0;
  loss = 0;
  repetition = 0;
  delayMs = 100;
  /** Floods are lost, digests and what they bring are not. */
  losesFloods = false;
  refreshMs = 20_000;
  readonly nodes: GossipNode[];
  readonly sends: Send[] = [];
  readonly #prng: Prng;
  readonly #links = new Set<string>();
  readonly #events = new Deadlines<() => void>();

  constructor(seed: number, count: number) {
    this.#prng = new Prng(seed);
    this.nodes = Array.from({ length: count }, (_, i) => this.#node(i, 1_000));
  }

  /** A ring with some chords: connected, and messages have several ways. */
  linkAll(): void {
    const { length } = this.nodes;
    for (let a = 0; a < length; a++) {
      this.link(a, (a + 1) % length);
      if (length > 3) this.link(a, this.#prng.below(length));
    }
  }

  link(a: number, b: number): void {
    if (a === b || this.#links.has(`${a} ${b}`)) return;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#links.add(`${from} ${to}`);
      this.node(from).rows.onNeighbourUp(to);
    }
    this.#drain();
  }

  unlink(a: number, b: number): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (this.#links.delete(`${from} ${to}`)) this.node(from).rows.onNeighbourDown(to);
    }
  }

  /** The node forgets everything and comes back with this incarnation, unlinked. */
  restart(index: number, incarnation: number): void {
    for (let other = 0; other < this.nodes.length; other++) this.unlink(index, other);
    this.nodes[index] = this.#node(index, incarnation);
  }

  node(index: number): GossipNode {
    return this.nodes[index] as GossipNode;
  }

  publish(index: number, fields: Partial<SiteRow> = {}): void {
    this.node(index).publish(this.nowMs, fields);
    this.#drain();
  }

  run(untilMs: number): void {
    for (let turn = 0; ; turn++) {
      assert(turn < turnsMax, "livelock of gossip");
      const deadlines = this.nodes.map(({ rows }) => rows.nextDeadlineMs());
      const nextMs = Math.min(this.#events.nextMs(), ...deadlines);
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const event of this.#events.takeDue(this.nowMs)) event();
      for (const node of this.nodes) {
        if (node.rows.nextDeadlineMs() <= this.nowMs) node.rows.onDeadline(this.nowMs);
        node.outdo(this.nowMs);
      }
      this.#drain();
    }
    this.nowMs = untilMs;
  }

  /** Runs and refreshes each row at its interval, as a Gateway does. */
  runRefreshed(untilMs: number): void {
    while (this.nowMs < untilMs) {
      for (const node of this.nodes) node.publish(this.nowMs);
      this.#drain();
      this.run(Math.min(untilMs, this.nowMs + this.refreshMs));
    }
  }

  /** Whether everyone knows every row in its last version. */
  converged(): boolean {
    return this.nodes.every(({ rows }) => {
      const known = new Map([...rows].map(({ row }) => [row.site, row]));
      return this.nodes.every(({ site, row }) => {
        const held = known.get(site);
        return held?.incarnation === row.incarnation && held.sequence === row.sequence;
      });
    });
  }

  #node(index: number, incarnation: number): GossipNode {
    const prng = new Prng(this.#prng.u32());
    const node = new GossipNode(`s${index}`, prng, incarnation, this.nowMs);
    node.publish(this.nowMs);
    return node;
  }

  #drain(): void {
    for (const [from, { rows }] of this.nodes.entries()) {
      for (let effect = rows.takeEffect(); effect; effect = rows.takeEffect()) {
        const { to, message } = effect;
        const isRows = message.kind === "rows";
        if (isRows) for (const row of message.rows) this.sends.push({ from, to, row });
        if (isRows && this.losesFloods && this.#isFlood(message.rows)) continue;
        this.#carry(from, to, encodeMessage(message));
      }
    }
  }

  /** A row that went out when it was made or accepted, not as the answer to a digest. */
  #isFlood(rows: readonly SiteRow[]): boolean {
    return rows.some((row) => this.#flooded.has(`${row.site} ${row.incarnation} ${row.sequence}`));
  }

  readonly #flooded = new Set<string>();

  /** Versions whose floods are lost, from now until `heal`. */
  loseFloodOf(row: SiteRow): void {
    this.#flooded.add(`${row.site} ${row.incarnation} ${row.sequence}`);
  }

  heal(): void {
    this.#flooded.clear();
  }

  #carry(from: number, to: number, bytes: Uint8Array): void {
    const times = this.#prng.fraction() < this.repetition ? 2 : 1;
    for (let i = 0; i < times; i++) {
      if (this.#prng.fraction() < this.loss) continue;
      const atMs = this.nowMs + this.#prng.fraction() * this.delayMs;
      this.#events.set(() => this.#deliver(from, to, bytes), atMs);
    }
  }

  #deliver(from: number, to: number, bytes: Uint8Array): void {
    if (!this.#links.has(`${from} ${to}`)) return;
    const message = decodeMessage(bytes);
    assert(typeof message !== "string", () => `a message that peers refuse: ${message}`);
    assert(message.kind === "digest" || message.kind === "rows", "gossip has two kinds");
    this.node(to).rows.onMessage(from, message, this.nowMs);
    this.#drain();
  }
}
