/**
 * How many packets are due. The schedule is absolute: packet n is due n periods after the start,
 * so late timers never add up. A backlog is made up in bursts of at most `burstMax`; what is older
 * than one burst (the process stood still) is forgone and counted, never sent as a flood.
 */
import { assert } from "../base/assert.ts";

export class Pace {
  readonly #ratePps: number;
  readonly #burstMax: number;
  readonly #startMs: number;
  #sent = 0;
  #forgone = 0;

  /** @param ratePps packets per second, above 0; fractions are fine */
  constructor(pace: { ratePps: number; burstMax: number }, startMs: number) {
    assert(pace.ratePps > 0 && pace.burstMax >= 1, "a pace needs a rate and a burst");
    this.#ratePps = pace.ratePps;
    this.#burstMax = pace.burstMax;
    this.#startMs = startMs;
  }

  /** Places of the schedule that passed without a packet. */
  get forgone(): number {
    return this.#forgone;
  }

  /** Packets to send now; tell by `onSent` how many of them left. */
  due(nowMs: number): number {
    const scheduled = Math.floor(((nowMs - this.#startMs) * this.#ratePps) / 1000) + 1;
    const backlog = scheduled - this.#sent - this.#forgone;
    if (backlog <= this.#burstMax) return Math.max(0, backlog);
    this.#forgone += backlog - this.#burstMax;
    return this.#burstMax;
  }

  onSent(count: number): void {
    this.#sent += count;
  }

  /** The instant at which the next packet is due, in ms. */
  nextDueMs(): number {
    return this.#startMs + ((this.#sent + this.#forgone) * 1000) / this.#ratePps;
  }
}
