/** How far behind the newest counter an older one may come and still be judged. */
export const windowCounters = 65_536;

/**
 * Which counters came, of the 65,536 up to the highest one. A counter below that window is `late`:
 * nobody remembers whether it came before, so it is neither a duplicate nor new.
 */
export class CounterWindow {
  readonly #bits = new Uint32Array(windowCounters / 32);
  #highest = -1;

  /** `reordered` (RFC 4737 §3): new, but a higher counter was here before it. */
  see(counter: number): "next" | "reordered" | "duplicate" | "late" {
    if (counter > this.#highest) {
      this.#forget(counter);
      this.#highest = counter;
      this.#mark(counter);
      return "next";
    }
    if (counter <= this.#highest - windowCounters) return "late";
    if (this.#isMarked(counter)) return "duplicate";
    this.#mark(counter);
    return "reordered";
  }

  /** Clears the places that the counters above the highest, up to `upTo`, will take. */
  #forget(upTo: number): void {
    if (upTo - this.#highest >= windowCounters) {
      this.#bits.fill(0);
      return;
    }
    for (let counter = this.#highest + 1; counter < upTo; counter++) {
      const slot = counter % windowCounters;
      this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) & ~(1 << (slot & 31));
    }
  }

  #mark(counter: number): void {
    const slot = counter % windowCounters;
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) | (1 << (slot & 31));
  }

  #isMarked(counter: number): boolean {
    const slot = counter % windowCounters;
    return ((this.#bits[slot >>> 5] as number) & (1 << (slot & 31))) !== 0;
  }
}
