/** What was seen since somebody last looked: how often, and the last sight of it. */
export class Evidence<Sight> {
  #count = 0;
  #isNew = false;
  #last: Sight | undefined;

  onSight(last: Sight, count = 1): void {
    this.#count += count;
    this.#last = last;
    this.#isNew = true;
  }

  /** The words for what came since the last call, counted from the start; else undefined. */
  take(words: (count: number, last: Sight) => string): string | undefined {
    const last = this.#last;
    if (!this.#isNew || last === undefined) return undefined;
    this.#isNew = false;
    return words(this.#count, last);
  }
}

export const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;
