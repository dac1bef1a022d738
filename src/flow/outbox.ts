/**
 * What waits to leave on one link: a small lane for control frames in front of a large one for
 * data, so that heartbeats and rows never queue behind packets. Both are byte rings of whole
 * frames; a frame whose first bytes have left is finished before the other lane has its turn.
 */
import { ByteRing } from "../base/byte-ring.ts";
import { limits } from "../limits.ts";
import { frameHeaderBytes, framePayloadBytes } from "../wire/frame.ts";

export class Outbox {
  readonly #control = new ByteRing(limits.linkControlBytes);
  readonly #data: ByteRing;
  /** The lane whose head frame is partly written, and how much of that frame is left. */
  #open: ByteRing | undefined;
  #openBytes = 0;

  constructor(dataBytes: number = limits.linkQueueBytes) {
    this.#data = new ByteRing(dataBytes);
  }

  get dataBytes(): number {
    return this.#data.size;
  }

  get controlFreeBytes(): number {
    return this.#control.free;
  }

  get empty(): boolean {
    return this.#data.size === 0 && this.#control.size === 0;
  }

  /** Data frames of which no byte has left, counted one by one. */
  get waitingDataFrames(): number {
    let frames = 0;
    let at = this.#open === this.#data ? this.#openBytes : 0;
    for (; at < this.#data.size; at += frameHeaderBytes + this.#data.peekU32(at)) frames++;
    return frames;
  }

  /** Queues whole control frames; false when the lane is full. */
  pushControl(bytes: Uint8Array, from: number, to: number): boolean {
    return this.#control.push(bytes, from, to);
  }

  /**
   * Queues as many whole data frames of `bytes[from, to)` as fit, from the front, and answers where
   * it stopped: `to` when all fitted.
   */
  pushData(bytes: Uint8Array, from: number, to: number): number {
    if (this.#data.push(bytes, from, to)) return to;
    let end = from;
    for (;;) {
      const next = end + frameHeaderBytes + framePayloadBytes(bytes, end);
      if (next - from > this.#data.free) break;
      end = next;
    }
    this.#data.push(bytes, from, end);
    return end;
  }

  /**
   * Offers contiguous bytes to `write`, which answers how many it took, until all is gone or it
   * takes less than offered.
   */
  drain(write: (memory: Uint8Array, offset: number, length: number) => number): void {
    for (;;) {
      const lane = this.#open ?? (this.#control.size > 0 ? this.#control : this.#data);
      const offered = this.#open
        ? Math.min(this.#openBytes, lane.headBytes)
        : Math.min(lane.headBytes, limits.writeBytesMax);
      if (offered === 0) return;
      const taken = write(lane.memory, lane.headOffset, offered);
      if (taken > 0) this.#took(lane, taken);
      if (taken < offered) return;
    }
  }

  /** Walks the frames that left, to know whether one was cut. */
  #took(lane: ByteRing, taken: number): void {
    let left = taken;
    let at = 0;
    if (this.#open) {
      at = Math.min(this.#openBytes, left);
      this.#openBytes -= at;
      left -= at;
    }
    while (left > 0) {
      const frameBytes = frameHeaderBytes + lane.peekU32(at);
      const gone = Math.min(frameBytes, left);
      this.#openBytes = frameBytes - gone;
      at += gone;
      left -= gone;
    }
    this.#open = this.#openBytes > 0 ? lane : undefined;
    lane.consume(taken);
  }
}
