/**
 * What the emulated WAN does to a packet on its way from one port to another: cut off, lost, held
 * back by a rate, delayed. Sans-IO: the time and the generator are given, packets are the caller's.
 * Every pair of ports has one first-in-first-out queue per direction, so a pair never reorders,
 * even when its delay shrinks while packets are on their way.
 */
import { assert } from "../base/assert.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Prng } from "../base/prng.ts";
import type { PairShape } from "./matrix.ts";

/** A packet on its way; the queue uses the fields, the caller everything else about it. */
export interface Parcel {
  to: number;
  dueMs: number;
  next: this | undefined;
}

export type PairState = PairShape & { readonly partitioned: boolean };

export type PairCounts = {
  forwarded: number;
  forwardedBytes: number;
  lost: number;
  full: number;
  cutOff: number;
};

/** `admit` answers an instant in ms, or one of these. */
export const refused = { partitioned: -1, lost: -2, full: -3 } as const;

/** What a rate lets pass at once after a pause: about ten full packets. */
const burstBytes = 15_000;
/** How long a rate may hold a packet back before it refuses it; small rates hold 64 KiB. */
const queueMs = 100;
const queueBytesMin = 65_536;

type Pair<Packet> = {
  shape: PairState;
  readonly counts: PairCounts;
  /** When the bytes admitted so far have passed at the pair's rate. */
  freeAtMs: number;
  lastDueMs: number;
  first: Packet | undefined;
  last: Packet | undefined;
};

const open: PairState = { delayMs: 0, lossPercent: 0, rateMbit: 0, partitioned: false };

export class Wan<Packet extends Parcel> {
  readonly #ports: number;
  readonly #prng: Prng;
  readonly #pairs: (Pair<Packet> | undefined)[];
  readonly #heads = new Deadlines<Pair<Packet>>();

  constructor(ports: number, prng: Prng) {
    assert(Number.isInteger(ports) && ports > 0, "a WAN needs ports");
    this.#ports = ports;
    this.#prng = prng;
    this.#pairs = new Array<Pair<Packet> | undefined>(ports * ports);
  }

  shape(from: number, to: number): PairState {
    return this.#pair(from, to).shape;
  }

  counts(from: number, to: number): Readonly<PairCounts> {
    return this.#pair(from, to).counts;
  }

  /** Holds from the next packet on; those on their way arrive as they were promised. */
  setShape(from: number, to: number, shape: PairState): void {
    const pair = this.#pair(from, to);
    pair.shape = shape;
    pair.freeAtMs = Number.NEGATIVE_INFINITY;
  }

  /** When a packet of so many bytes arrives, or a value of `refused`; either is counted. */
  admit(from: number, to: number, bytes: number, nowMs: number): number {
    const pair = this.#pair(from, to);
    const { shape, counts } = pair;
    if (shape.partitioned) {
      counts.cutOff++;
      return refused.partitioned;
    }
    if (shape.lossPercent > 0 && this.#prng.fraction() * 100 < shape.lossPercent) {
      counts.lost++;
      return refused.lost;
    }
    const departMs = shape.rateMbit === 0 ? nowMs : rated(pair, bytes, nowMs);
    if (departMs < 0) {
      counts.full++;
      return refused.full;
    }
    counts.forwarded++;
    counts.forwardedBytes += bytes;
    pair.lastDueMs = Math.max(pair.lastDueMs, departMs + shape.delayMs);
    return pair.lastDueMs;
  }

  /** True when a packet admitted for now must still wait behind others of its pair. */
  isQueued(from: number, to: number): boolean {
    return this.#pair(from, to).first !== undefined;
  }

  /** Takes over a packet that `admit` gave the instant `packet.dueMs`. */
  enqueue(from: number, packet: Packet): void {
    const pair = this.#pair(from, packet.to);
    packet.next = undefined;
    if (pair.last) pair.last.next = packet;
    else {
      pair.first = packet;
      this.#heads.set(pair, packet.dueMs);
    }
    pair.last = packet;
  }

  /** The memory for an admitted packet is missing: what was counted as forwarded is full. */
  onNoMemory(from: number, to: number, bytes: number): void {
    const { counts } = this.#pair(from, to);
    counts.forwarded--;
    counts.forwardedBytes -= bytes;
    counts.full++;
  }

  /** One packet that has arrived by now, in the order of arrival; undefined when none has. */
  takeDue(nowMs: number): Packet | undefined {
    const pair = this.#heads.takeOneDue(nowMs);
    const packet = pair?.first;
    if (!pair || !packet) return undefined;
    pair.first = packet.next;
    if (pair.first) this.#heads.set(pair, pair.first.dueMs);
    else pair.last = undefined;
    packet.next = undefined;
    return packet;
  }

  nextDeadlineMs(): number {
    return this.#heads.nextMs();
  }

  #pair(from: number, to: number): Pair<Packet> {
    assert(from < this.#ports && to < this.#ports, "no such port");
    const at = from * this.#ports + to;
    let pair = this.#pairs[at];
    if (!pair) {
      const counts = { forwarded: 0, forwardedBytes: 0, lost: 0, full: 0, cutOff: 0 };
      const never = Number.NEGATIVE_INFINITY;
      pair = {
        shape: open,
        counts,
        freeAtMs: never,
        lastDueMs: never,
        first: undefined,
        last: undefined,
      };
      this.#pairs[at] = pair;
    }
    return pair;
  }
}

/** A token bucket as the instant at which it is even again; −1 when the queue before it is full. */
function rated<Packet>(pair: Pair<Packet>, bytes: number, nowMs: number): number {
  const bytesPerMs = pair.shape.rateMbit * 125;
  if (pair.freeAtMs - nowMs > Math.max(queueMs, queueBytesMin / bytesPerMs)) return -1;
  const evenMs = Math.max(pair.freeAtMs, nowMs - burstBytes / bytesPerMs);
  pair.freeAtMs = evenMs + bytes / bytesPerMs;
  return Math.max(nowMs, pair.freeAtMs);
}
