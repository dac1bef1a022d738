/**
 * What is seen of the site that joins and leaves while packets flow: how many frames its Router had
 * before, and when the last one came after. Times are milliseconds since the start of the stream.
 */
import { type Guest, noReport, type ReceiverReport } from "./verdict.ts";

/** A stream that still flows so long after the last frame at a site was not why it was the last. */
const quietMs = 300;

export class GuestWatch {
  /** Of its receiver, once it has left. */
  report: ReceiverReport | undefined;
  #frames = 0;
  #framesMs = 0;
  #framesBefore = 0;
  #leftMs = 0;
  #leftAtMs = 0;

  get leftMs(): number {
    return this.#leftMs;
  }

  get framesBefore(): number {
    return this.#framesBefore;
  }

  /** Its Router has had packets since it joined. */
  get hasFrames(): boolean {
    return this.#frames > this.#framesBefore;
  }

  get hasLeft(): boolean {
    return this.#leftAtMs > 0;
  }

  /** The number of frames so far, read again and again. */
  onFrames(frames: number, nowMs: number): void {
    if (frames !== this.#frames) this.#framesMs = nowMs;
    this.#frames = frames;
  }

  onJoin(): void {
    this.#framesBefore = this.#frames;
  }

  /** @param atMs milliseconds since the epoch */
  onLeave(nowMs: number, atMs: number): void {
    this.#leftMs = nowMs;
    this.#leftAtMs = atMs;
  }

  observed(streamMs: number): Omit<Guest, "site"> {
    return {
      report: this.report ?? noReport,
      framesBefore: this.#framesBefore,
      leftAtMs: this.#leftAtMs,
      stoppedAfterMs: Math.max(0, this.#framesMs - this.#leftMs),
      stopSeen: streamMs - this.#framesMs >= quietMs,
    };
  }
}
