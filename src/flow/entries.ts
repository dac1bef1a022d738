/**
 * The forwarding table of one Router: for each Flow ID the neighbour it is accepted from, the
 * neighbours it goes on to, and whether it is delivered here. Entries are immutable: a changed tree
 * comes under a new Flow ID, so a mixture of old and new tables can neither loop nor duplicate. A
 * plan carries an epoch; a lower one than the highest seen is refused.
 */
import { limits } from "../limits.ts";
import {
  compareEpochs,
  entriesHash,
  entryText,
  type Entry,
  type EntryChange,
  type Epoch,
} from "../wire/plan.ts";

export type EntryOutcome = "installed" | "stale-epoch" | "table-full" | "flow-in-use";

export class EpochFence {
  #highest: Epoch | undefined;

  get highest(): Epoch | undefined {
    return this.#highest;
  }

  /** False when a higher epoch was seen; otherwise the epoch is from now on the lowest obeyed. */
  admits(epoch: Epoch): boolean {
    if (this.#highest && compareEpochs(epoch, this.#highest) < 0) return false;
    this.#highest = epoch;
    return true;
  }
}

export class Entries {
  readonly fence = new EpochFence();
  readonly #byFlow = new Map<number, Entry>();

  get size(): number {
    return this.#byFlow.size;
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.#byFlow.values();
  }

  get(flow: number): Entry | undefined {
    return this.#byFlow.get(flow);
  }

  /** Takes the whole change or nothing. A Flow ID that stands with other content is in use. */
  change(change: EntryChange): EntryOutcome {
    if (!this.fence.admits(change.epoch)) return "stale-epoch";
    const removed = new Set(change.remove.filter((flow) => this.#byFlow.has(flow)));
    const added = new Map<number, Entry>();
    for (const entry of change.install) {
      const { flow } = entry;
      const standing = added.get(flow) ?? (removed.has(flow) ? undefined : this.#byFlow.get(flow));
      if (!standing) added.set(flow, entry);
      else if (entryText(standing) !== entryText(entry)) return "flow-in-use";
    }
    if (this.#byFlow.size - removed.size + added.size > limits.entriesMax) return "table-full";
    for (const flow of removed) this.#byFlow.delete(flow);
    for (const [flow, entry] of added) this.#byFlow.set(flow, entry);
    return "installed";
  }

  /** A fingerprint of the table, equal wherever the same entries stand. */
  get hash(): string {
    return entriesHash(this.#byFlow.values());
  }
}
