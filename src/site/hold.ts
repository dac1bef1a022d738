/**
 * Packets that wait at the ingress until the Manager has named a flow for their channel. They leave
 * in the order they came, at twice the pace at which they came: all at once they would overflow the
 * receivers' buffers, and packets that come meanwhile join the queue behind them until it is empty.
 */
import { limits } from "../limits.ts";
import type { PacketChannel } from "./decisions.ts";

type Waiting = { readonly frame: Uint8Array; readonly atMs: number };

/** The queue of one channel; `release` says when it began to leave, and with a packet of when. */
type Queue = {
  readonly channel: PacketChannel;
  readonly packets: Waiting[];
  next: number;
  release: { readonly sinceMs: number; readonly headMs: number } | undefined;
};

/** The pace at which a queue leaves, as a multiple of that at which it came. */
const paceFactor = 2;

export class Hold {
  readonly #queues = new Map<string, Queue>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether packets of the channel wait. */
  has(channel: PacketChannel): boolean {
    return this.#queues.size > 0 && this.#queues.has(keyOf(channel));
  }

  /** Keeps a frame, which is the caller's no longer; false when the hold is full. */
  push(channel: PacketChannel, frame: Uint8Array, nowMs: number): boolean {
    if (this.#bytes + frame.length > limits.ingressHoldBytes) return false;
    const key = keyOf(channel);
    let queue = this.#queues.get(key);
    if (!queue) {
      queue = { channel, packets: [], next: 0, release: undefined };
      this.#queues.set(key, queue);
    }
    queue.packets.push({ frame, atMs: nowMs });
    this.#bytes += frame.length;
    return true;
  }

  /** Lets the queues go for which `isReady` holds, and stops the others. */
  onReady(isReady: (channel: PacketChannel) => boolean, nowMs: number): void {
    for (const queue of this.#queues.values()) {
      if (!isReady(queue.channel)) queue.release = undefined;
      else queue.release ??= { sinceMs: nowMs, headMs: headMs(queue) };
    }
  }

  /** Hands over the packets that are due; answers whether a queue has become empty. */
  release(nowMs: number, onPacket: (channel: PacketChannel, frame: Uint8Array) => void): boolean {
    let emptied = false;
    for (const [key, queue] of this.#queues) {
      while (queue.next < queue.packets.length && dueMs(queue) <= nowMs) {
        const { frame } = queue.packets[queue.next++] as Waiting;
        this.#bytes -= frame.length;
        onPacket(queue.channel, frame);
      }
      if (queue.next < queue.packets.length) continue;
      this.#queues.delete(key);
      emptied = true;
    }
    return emptied;
  }

  /** Drops what waited too long for a flow, and answers how many packets that were. */
  expire(nowMs: number): number {
    let expired = 0;
    for (const [key, queue] of this.#queues) {
      if (queue.release) continue;
      while (queue.next < queue.packets.length && expiryMs(queue) <= nowMs) {
        this.#bytes -= (queue.packets[queue.next++] as Waiting).frame.length;
        expired++;
      }
      if (queue.next === queue.packets.length) this.#queues.delete(key);
    }
    return expired;
  }

  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      next = Math.min(next, queue.release ? dueMs(queue) : expiryMs(queue));
    }
    return next;
  }
}

const keyOf = ({ source, group }: PacketChannel): string => `${source} ${group}`;

const headMs = (queue: Queue): number => (queue.packets[queue.next] as Waiting).atMs;

const expiryMs = (queue: Queue): number => headMs(queue) + limits.ingressHoldMs;

const dueMs = (queue: Queue): number =>
  queue.release
    ? queue.release.sinceMs + (headMs(queue) - queue.release.headMs) / paceFactor
    : Number.POSITIVE_INFINITY;
