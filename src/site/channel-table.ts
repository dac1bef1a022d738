import { assert } from "../base/assert.ts";

/**
 * Numbers by (source, group) of IPv4, for the packet path: open addressing over typed arrays, one
 * probe for a packet of the same channel as the last. It is a cache of decisions: whoever decides
 * clears it when the decisions change, and when it is full.
 */
export class ChannelTable {
  readonly #mask: number;
  readonly #sources: Uint32Array;
  readonly #groups: Uint32Array;
  /** 0 marks a free slot, so numbers are kept one higher. */
  readonly #numbers: Uint32Array;
  #size = 0;
  #last = 0;

  /** `slots` is a power of two; the table takes half as many channels. */
  constructor(slots: number) {
    assert((slots & (slots - 1)) === 0, "slots must be a power of two");
    this.#mask = slots - 1;
    this.#sources = new Uint32Array(slots);
    this.#groups = new Uint32Array(slots);
    this.#numbers = new Uint32Array(slots);
  }

  /** The number of the channel, or -1. */
  get(source: number, group: number): number {
    const last = this.#last;
    if (this.#sources[last] === source && this.#groups[last] === group) {
      return (this.#numbers[last] as number) - 1;
    }
    const slot = this.#slotOf(source, group);
    const number = this.#numbers[slot] as number;
    if (number > 0) this.#last = slot;
    return number - 1;
  }

  /** Keeps a number; false when the table is full. */
  set(source: number, group: number, number: number): boolean {
    const slot = this.#slotOf(source, group);
    if (this.#numbers[slot] === 0) {
      if (2 * this.#size > this.#mask) return false;
      this.#size++;
      this.#sources[slot] = source;
      this.#groups[slot] = group;
    }
    this.#numbers[slot] = number + 1;
    return true;
  }

  clear(): void {
    this.#numbers.fill(0);
    this.#sources.fill(0);
    this.#groups.fill(0);
    this.#size = 0;
    this.#last = 0;
  }

  #slotOf(source: number, group: number): number {
    let slot = (Math.imul(source, 0x9e37_79b1) ^ Math.imul(group, 0x85eb_ca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (
      this.#numbers[slot] !== 0 &&
      (this.#sources[slot] !== source || this.#groups[slot] !== group)
    ) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}
