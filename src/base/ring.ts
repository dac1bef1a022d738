import { assert } from "./assert.ts";

/** A bounded first-in-first-out queue of values; "full" is an answer, not an error. */
export class Ring<Value> {
  readonly #capacity: number;
  readonly #slots: (Value | undefined)[] = [];
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, "a ring needs a capacity of 1 or more");
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** False when the ring is full: the caller counts what it refused. */
  push(value: Value): boolean {
    if (this.#size === this.#capacity) return false;
    this.#slots[(this.#head + this.#size) % this.#capacity] = value;
    this.#size++;
    return true;
  }

  /** The oldest value, removed; undefined when empty. */
  take(): Value | undefined {
    if (this.#size === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#capacity;
    this.#size--;
    return value;
  }
}
