import { assert } from "./assert.ts";

/**
 * A bounded queue of bytes in one block of memory. Writers put whole runs in or nothing; the reader
 * takes contiguous parts of any length, as a socket does.
 */
export class ByteRing {
  readonly #bytes: Uint8Array;
  #head = 0;
  #size = 0;

  constructor(capacityBytes: number) {
    assert(Number.isInteger(capacityBytes) && capacityBytes > 0, "a byte ring needs a capacity");
    this.#bytes = new Uint8Array(new ArrayBuffer(capacityBytes));
  }

  get size(): number {
    return this.#size;
  }

  get free(): number {
    return this.#bytes.length - this.#size;
  }

  /** Copies `from[start, end)` to the tail; false, and nothing copied, when it does not fit. */
  push(from: Uint8Array, start: number, end: number): boolean {
    assert(start >= 0 && start <= end && end <= from.length, "pushed bytes that are not there");
    const count = end - start;
    if (count > this.free) return false;
    const tail = (this.#head + this.#size) % this.#bytes.length;
    const first = Math.min(count, this.#bytes.length - tail);
    copy(from, start, start + first, this.#bytes, tail);
    copy(from, start + first, end, this.#bytes, 0);
    this.#size += count;
    return true;
  }

  /** The memory of the ring, for `socket.write(memory, headOffset, headBytes)`. */
  get memory(): Uint8Array {
    return this.#bytes;
  }

  /** Where the oldest byte lies in `memory`. */
  get headOffset(): number {
    return this.#head;
  }

  /** How many bytes follow the head without a break. */
  get headBytes(): number {
    return Math.min(this.#size, this.#bytes.length - this.#head);
  }

  /** The big-endian 32-bit number that starts `offset` bytes behind the head. */
  peekU32(offset: number): number {
    assert(offset + 4 <= this.#size, "peeked behind the ring's end");
    let value = 0;
    for (let i = 0; i < 4; i++) {
      value = value * 256 + (this.#bytes[(this.#head + offset + i) % this.#bytes.length] ?? 0);
    }
    return value;
  }

  /** Forgets the oldest `count` bytes. */
  consume(count: number): void {
    assert(count >= 0 && count <= this.#size, "consumed more than the ring holds");
    this.#size -= count;
    this.#head = this.#size === 0 ? 0 : (this.#head + count) % this.#bytes.length;
  }

  clear(): void {
    this.#head = 0;
    this.#size = 0;
  }
}

function copy(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end > start) into.set(from.subarray(start, end), at);
}
