import { assert } from "./assert.ts";

/**
 * Instants by key in one indexed binary heap: setting, moving and deleting cost O(log n), the next
 * instant is read in O(1). Equal instants come out in the order of their keys' first setting.
 */
export class Deadlines<Key> {
  readonly #heap: { key: Key; atMs: number; order: number; slot: number }[] = [];
  readonly #byKey = new Map<Key, { key: Key; atMs: number; order: number; slot: number }>();
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  has(key: Key): boolean {
    return this.#byKey.has(key);
  }

  /** The instant of a key in ms, or undefined. */
  get(key: Key): number | undefined {
    return this.#byKey.get(key)?.atMs;
  }

  keys(): IterableIterator<Key> {
    return this.#byKey.keys();
  }

  /** Sets or moves the instant of `key`. */
  set(key: Key, atMs: number): void {
    assert(!Number.isNaN(atMs), "a deadline must be a number");
    let item = this.#byKey.get(key);
    if (item) {
      item.atMs = atMs;
    } else {
      item = { key, atMs, order: this.#order++, slot: this.#heap.length };
      this.#heap.push(item);
      this.#byKey.set(key, item);
    }
    this.#settle(item.slot);
  }

  delete(key: Key): boolean {
    const item = this.#byKey.get(key);
    if (!item) return false;
    this.#byKey.delete(key);
    const last = this.#heap.pop() as typeof item;
    if (last !== item) {
      this.#heap[item.slot] = last;
      last.slot = item.slot;
      this.#settle(last.slot);
    }
    return true;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#byKey.clear();
  }

  /** The earliest instant in ms; `Infinity` when there is none. */
  nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Removes and returns one key whose instant is not after `nowMs`. */
  takeOneDue(nowMs: number): Key | undefined {
    const first = this.#heap[0];
    if (!first || first.atMs > nowMs) return undefined;
    this.delete(first.key);
    return first.key;
  }

  /** Removes and yields keys whose instants are not after `nowMs`, earliest first. */
  *takeDue(nowMs: number): Generator<Key> {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.atMs > nowMs) return;
      this.delete(first.key);
      yield first.key;
    }
  }

  #settle(from: number): void {
    let slot = from;
    while (slot > 0 && this.#before(slot, (slot - 1) >> 1))
      slot = this.#swap(slot, (slot - 1) >> 1);
    for (;;) {
      let least = slot;
      for (const child of [2 * slot + 1, 2 * slot + 2]) {
        if (child < this.#heap.length && this.#before(child, least)) least = child;
      }
      if (least === slot) return;
      slot = this.#swap(slot, least);
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    assert(x !== undefined && y !== undefined);
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): number {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    assert(x !== undefined && y !== undefined);
    this.#heap[a] = y;
    this.#heap[b] = x;
    y.slot = a;
    x.slot = b;
    return b;
  }
}
