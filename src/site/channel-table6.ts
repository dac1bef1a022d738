import { assert } from "../base/assert.ts";
import { ipv6ChannelWord } from "../wire/ipv6.ts";

/** Words of a channel: four of the source, four of the group. */
const channelWords = 8;

/**
 * Numbers by (source, group) of IPv6, for the packet path: the class of `channel-table.ts` with
 * keys of eight words, which are read where they stand in a packet's header.
 */
export class ChannelTable6 {
  readonly #mask: number;
  readonly #words: Uint32Array;
  /** 0 marks a free slot, so numbers are kept one higher. */
  readonly #numbers: Uint32Array;
  #size = 0;
  #last = 0;

  /** `slots` is a power of two; the table takes half as many channels. */
  constructor(slots: number) {
    assert((slots & (slots - 1)) === 0, "slots must be a power of two");
    this.#mask = slots - 1;
    this.#words = new Uint32Array(slots * channelWords);
    this.#numbers = new Uint32Array(slots);
  }

  /** The number of the channel of the packet whose header begins at `packet`, or -1. */
  get(bytes: Uint8Array, packet: number): number {
    const last = this.#last;
    if (this.#numbers[last] !== 0 && this.#holds(last, bytes, packet)) {
      return (this.#numbers[last] as number) - 1;
    }
    const slot = this.#slotOf(bytes, packet);
    const number = this.#numbers[slot] as number;
    if (number > 0) this.#last = slot;
    return number - 1;
  }

  /** Keeps a number; false when the table is full. */
  set(bytes: Uint8Array, packet: number, number: number): boolean {
    const slot = this.#slotOf(bytes, packet);
    if (this.#numbers[slot] === 0) {
      if (2 * this.#size > this.#mask) return false;
      this.#size++;
      for (let word = 0; word < channelWords; word++) {
        this.#words[slot * channelWords + word] = ipv6ChannelWord(bytes, packet, word);
      }
    }
    this.#numbers[slot] = number + 1;
    return true;
  }

  clear(): void {
    this.#numbers.fill(0);
    this.#size = 0;
    this.#last = 0;
  }

  #slotOf(bytes: Uint8Array, packet: number): number {
    let hash = 0;
    for (let word = 0; word < channelWords; word++) {
      hash = Math.imul(hash ^ ipv6ChannelWord(bytes, packet, word), 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    let slot = hash & this.#mask;
    while (this.#numbers[slot] !== 0 && !this.#holds(slot, bytes, packet)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** From the last word on: the first ones are a site's prefix and differ least. */
  #holds(slot: number, bytes: Uint8Array, packet: number): boolean {
    for (let word = channelWords - 1; word >= 0; word--) {
      const kept = this.#words[slot * channelWords + word];
      if (kept !== ipv6ChannelWord(bytes, packet, word)) return false;
    }
    return true;
  }
}
