/**
 * Keeps a group that flaps, joined and left again and again, from changing the site's row as often.
 * Each return after a leave doubles the hold before the next withdrawal, up to a bound, and all
 * changes of such a group share a small budget. A group is remembered from its first leave until
 * it has been calm for a while; before that, and for all other groups, nothing is delayed.
 */
import type { Address } from "../base/address.ts";
import { Deadlines } from "../base/deadlines.ts";
import { limits } from "../limits.ts";

type Flapping = {
  /** Returns since it was last calm. */
  flaps: number;
  /** Whether it shrank since it last grew. */
  hasShrunk: boolean;
  /** Changes it may make now, and when that was reckoned. */
  budget: number;
  atMs: number;
};

/** With the changes of one second this makes `limits.flapChangesPerSecondMax`. */
const burst = 2;
const budgetPerMs = (limits.flapChangesPerSecondMax - burst) / 1_000;
/** Doublings from `withdrawHoldMs` to `withdrawHoldMsMax`. */
const flapsMax = Math.ceil(Math.log2(limits.withdrawHoldMsMax / limits.withdrawHoldMs));

export class Damping {
  readonly counters = { flaps: 0, changesDelayed: 0 };
  readonly #groups = new Map<Address, Flapping>();
  readonly #calm = new Deadlines<Address>();

  /** How long the group's next withdrawal is held. */
  holdMs(group: Address): number {
    const flaps = Math.min(this.#groups.get(group)?.flaps ?? 0, flapsMax);
    return Math.min(limits.withdrawHoldMs * 2 ** flaps, limits.withdrawHoldMsMax);
  }

  /** The group is wanted less, or no longer. */
  onShrink(group: Address, nowMs: number): void {
    const known = this.#groups.get(group);
    if (known) {
      known.hasShrunk = true;
    } else {
      if (this.#groups.size >= limits.flappingGroupsMax) this.#forgetCalmest();
      this.#groups.set(group, { flaps: 0, hasShrunk: true, budget: burst, atMs: nowMs });
    }
    this.#calm.set(group, nowMs + limits.flapMemoryMs);
  }

  /** The group is wanted more, or again. */
  onGrow(group: Address, nowMs: number): void {
    const known = this.#groups.get(group);
    if (!known?.hasShrunk) return;
    known.hasShrunk = false;
    known.flaps++;
    this.counters.flaps++;
    this.#calm.set(group, nowMs + limits.flapMemoryMs);
  }

  /** When the group may change: `nowMs`, and then that change is charged, or a later instant. */
  changeMs(group: Address, nowMs: number): number {
    const known = this.#groups.get(group);
    if (!known) return nowMs;
    known.budget = Math.min(burst, known.budget + budgetPerMs * (nowMs - known.atMs));
    known.atMs = nowMs;
    if (known.budget < 1) {
      this.counters.changesDelayed++;
      return nowMs + Math.ceil((1 - known.budget) / budgetPerMs);
    }
    known.budget--;
    return nowMs;
  }

  /** Groups that flapped and are still remembered. */
  *flapping(): IterableIterator<{ readonly group: Address; readonly flaps: number }> {
    for (const [group, { flaps }] of this.#groups) if (flaps > 0) yield { group, flaps };
  }

  onDeadline(nowMs: number): void {
    for (const group of this.#calm.takeDue(nowMs)) this.#groups.delete(group);
  }

  nextDeadlineMs(): number {
    return this.#calm.nextMs();
  }

  #forgetCalmest(): void {
    const calmest = this.#calm.takeOneDue(Number.POSITIVE_INFINITY);
    if (calmest !== undefined) this.#groups.delete(calmest);
  }
}
