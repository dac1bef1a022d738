/**
 * Who sends to which group on one LAN in one IP family, learnt from the data itself. The packet
 * path fills typed arrays and allocates nothing but for a new sender; once a second `onDeadline`
 * rolls the counts into rates and forgets senders that fell silent. Data never proves a receiver.
 *
 * Rows hold senders. The key of one is the 32-bit words of source and group: two of IPv4, eight of
 * IPv6. An open-addressing index (linear probing, at most half full) finds the row of a key; with
 * IPv6 the row of the last packet is tried first, as packets come in runs.
 */
import { type Address, type Family, ipv4Address, ipv6Address } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";

export type Sender = {
  readonly source: Address;
  readonly group: Address;
  /** Means over the last `limits.senderRateWindowMs`, or since the sender appeared. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly packets: number;
  readonly bytes: number;
};

export type SenderEffect = {
  readonly kind: "appeared" | "silent";
  readonly source: Address;
  readonly group: Address;
};

const rollIntervalMs = 1_000;
const bucketCount = limits.senderRateWindowMs / rollIntervalMs;
const rowsMax = limits.sendersPerLanMax;
const indexBits = Math.ceil(Math.log2(2 * rowsMax));
const indexMask = 2 ** indexBits - 1;
const noRow = -1;

assert(Number.isInteger(bucketCount) && bucketCount > 0, "the rate window is whole seconds");
assert(limits.effectsMax >= 2 * rowsMax, "every sender may appear and fall silent in one turn");

export class Senders {
  readonly #seed: number;
  readonly #index = new Int32Array(indexMask + 1).fill(noRow);
  readonly #effects = new Ring<SenderEffect>(limits.effectsMax);

  // Rows [0, #size) are in use.
  #size = 0;
  readonly #keys: Uint32Array;
  readonly #sinceMs = new Float64Array(rowsMax);
  readonly #lastMs = new Float64Array(rowsMax);
  readonly #packets = new Float64Array(rowsMax);
  readonly #bytes = new Float64Array(rowsMax);
  readonly #columns = [this.#sinceMs, this.#lastMs, this.#packets, this.#bytes] as const;
  // Totals of each row as they stood at the last rolls, a row's buckets side by side.
  readonly #rolledPackets = new Float64Array(rowsMax * bucketCount);
  readonly #rolledBytes = new Float64Array(rowsMax * bucketCount);
  readonly #rolledMs = new Float64Array(bucketCount).fill(Number.NEGATIVE_INFINITY);
  #bucket = 0;
  #nextRollMs = Number.POSITIVE_INFINITY;
  #refusedPackets = 0;
  /** Words of a key, and the key of the packet at hand. */
  readonly #words: number;
  readonly #key: Uint32Array;
  #lastRow = 0;

  /** @param seed places senders in the index; a secret one keeps forged sources from colliding */
  constructor(seed: number, family: Family = 4) {
    this.#seed = seed | 0;
    this.#words = family === 4 ? 2 : 8;
    this.#keys = new Uint32Array(rowsMax * this.#words);
    this.#key = new Uint32Array(this.#words);
  }

  get size(): number {
    return this.#size;
  }

  /** Packets of senders that found no room in the table. */
  get refusedPackets(): number {
    return this.#refusedPackets;
  }

  /**
   * One packet of IPv4; addresses are 32-bit numbers. Allocates nothing for a sender that is known.
   */
  onPacket(source: number, group: number, bytes: number, nowMs: number): void {
    this.onData(source, group, 1, bytes, nowMs);
  }

  /** One packet of IPv6; four words of the source, then four of the group, borrowed. */
  onPacket6(channel: Uint32Array, bytes: number, nowMs: number): void {
    assert(channel.length === this.#words, "a table has senders of one family");
    let row = this.#lastRow;
    if (row >= this.#size || !this.#holds(row, channel, 0)) {
      row = this.#index[this.#slotOf(channel, 0)] as number;
      if (row === noRow) {
        this.#key.set(channel);
        row = this.#add(nowMs);
      }
      if (row !== noRow) this.#lastRow = row;
    }
    this.#count(row, 1, bytes, nowMs);
  }

  /** Packets and bytes of one sender since the last call, as a kernel's counters give them. */
  onData(source: number, group: number, packets: number, bytes: number, nowMs: number): void {
    assert(this.#words === 2, "a table has senders of one family");
    let row = this.#index[this.#slotOf2(source, group)] as number;
    if (row === noRow) {
      this.#key[0] = source;
      this.#key[1] = group;
      row = this.#add(nowMs);
    }
    this.#count(row, packets, bytes, nowMs);
  }

  #count(row: number, packets: number, bytes: number, nowMs: number): void {
    if (row === noRow) {
      this.#refusedPackets += packets;
      return;
    }
    this.#packets[row] = (this.#packets[row] as number) + packets;
    this.#bytes[row] = (this.#bytes[row] as number) + bytes;
    this.#lastMs[row] = nowMs;
  }

  /** Rolls the rates and drops silent senders: work for at most `limits.sendersPerLanMax` rows. */
  onDeadline(nowMs: number): void {
    if (nowMs < this.#nextRollMs) return;
    for (let row = this.#size - 1; row >= 0; row--) {
      if (nowMs - (this.#lastMs[row] as number) >= limits.senderSilenceMs) this.#remove(row);
    }
    for (let row = 0; row < this.#size; row++) {
      const at = row * bucketCount + this.#bucket;
      this.#rolledPackets[at] = this.#packets[row] as number;
      this.#rolledBytes[at] = this.#bytes[row] as number;
    }
    this.#rolledMs[this.#bucket] = nowMs;
    this.#bucket = (this.#bucket + 1) % bucketCount;
    this.#nextRollMs = this.#size > 0 ? nowMs + rollIntervalMs : Number.POSITIVE_INFINITY;
  }

  nextDeadlineMs(): number {
    return this.#nextRollMs;
  }

  takeEffect(): SenderEffect | undefined {
    return this.#effects.take();
  }

  senders(nowMs: number): Sender[] {
    const window = this.#windowBucket(nowMs);
    return Array.from({ length: this.#size }, (_, row) => this.#sender(row, window, nowMs));
  }

  #sender(row: number, window: number, nowMs: number): Sender {
    const [packets, bytes] = [this.#packets[row] as number, this.#bytes[row] as number];
    const sinceMs = this.#sinceMs[row] as number;
    const rolledMs = this.#rolledMs[window] as number;
    const isYoung = sinceMs >= Math.min(rolledMs, nowMs - limits.senderRateWindowMs);
    const at = row * bucketCount + window;
    const oldPackets = isYoung ? 0 : (this.#rolledPackets[at] as number);
    const oldBytes = isYoung ? 0 : (this.#rolledBytes[at] as number);
    // What is younger than one roll is measured over a full one: no burst reads as a torrent.
    const overMs = Math.max(nowMs - (isYoung ? sinceMs : rolledMs), rollIntervalMs);
    return {
      ...this.#channel(row),
      packetsPerSecond: (1_000 * (packets - oldPackets)) / overMs,
      bitsPerSecond: (8_000 * (bytes - oldBytes)) / overMs,
      sinceMs,
      lastMs: this.#lastMs[row] as number,
      packets,
      bytes,
    };
  }

  /**
   * The bucket at which the rate window starts: its oldest roll, or the newest if all are older.
   */
  #windowBucket(nowMs: number): number {
    for (let i = 0; i < bucketCount; i++) {
      const bucket = (this.#bucket + i) % bucketCount;
      if ((this.#rolledMs[bucket] as number) >= nowMs - limits.senderRateWindowMs) return bucket;
    }
    return (this.#bucket + bucketCount - 1) % bucketCount;
  }

  /** Adds the sender of the key at hand. */
  #add(nowMs: number): number {
    // Each row keeps one place in the ring for its "silent".
    const hasRoom = this.#effects.size + this.#size + 2 <= limits.effectsMax;
    if (this.#size === rowsMax || !hasRoom) return noRow;
    const row = this.#size++;
    this.#keys.set(this.#key, row * this.#words);
    this.#sinceMs[row] = nowMs;
    this.#packets[row] = 0;
    this.#bytes[row] = 0;
    this.#index[this.#slotOf(this.#key, 0)] = row;
    if (this.#nextRollMs === Number.POSITIVE_INFINITY) this.#nextRollMs = nowMs + rollIntervalMs;
    this.#announce("appeared", row);
    return row;
  }

  /** Takes a row out and puts the last one into its place. */
  #remove(row: number): void {
    this.#announce("silent", row);
    this.#clearSlot(this.#slotOfRow(row));
    const last = --this.#size;
    if (row === last) return;
    const slot = this.#slotOfRow(last);
    this.#keys.copyWithin(row * this.#words, last * this.#words, (last + 1) * this.#words);
    for (const column of this.#columns) column[row] = column[last] as number;
    for (const buckets of [this.#rolledPackets, this.#rolledBytes]) {
      buckets.copyWithin(row * bucketCount, last * bucketCount, (last + 1) * bucketCount);
    }
    this.#index[slot] = row;
  }

  /** Empties a slot and moves those up that were pushed behind it, so that probing finds them. */
  #clearSlot(cleared: number): void {
    let hole = cleared;
    for (let slot = (hole + 1) & indexMask; ; slot = (slot + 1) & indexMask) {
      const row = this.#index[slot] as number;
      if (row === noRow) break;
      const home = this.#homeOf(this.#keys, row * this.#words);
      // It may move up only when its home does not lie between the hole and itself.
      if (((slot - home) & indexMask) < ((slot - hole) & indexMask)) continue;
      this.#index[hole] = row;
      hole = slot;
    }
    this.#index[hole] = noRow;
  }

  #announce(kind: SenderEffect["kind"], row: number): void {
    const pushed = this.#effects.push({ kind, ...this.#channel(row) });
    assert(pushed, "a place was kept when the sender was added");
  }

  #channel(row: number): { source: Address; group: Address } {
    const half = this.#words / 2;
    return { source: this.#address(row, 0), group: this.#address(row, half) };
  }

  #address(row: number, word: number): Address {
    const from = row * this.#words + word;
    if (this.#words === 2) return ipv4Address(this.#keys[from] as number);
    return ipv6Address(this.#keys, from);
  }

  /** The slot of the sender whose key stands at `keys[at…]`, or the empty one where it belongs. */
  #slotOf(keys: Uint32Array, at: number): number {
    if (this.#words === 2) return this.#slotOf2(keys[at] as number, keys[at + 1] as number);
    let slot = this.#homeOf(keys, at);
    for (;;) {
      const row = this.#index[slot] as number;
      if (row === noRow || this.#holds(row, keys, at)) return slot;
      slot = (slot + 1) & indexMask;
    }
  }

  /** The same for IPv4, without loops over words. */
  #slotOf2(source: number, group: number): number {
    let slot = this.#homeOf2(source, group);
    for (;;) {
      const row = this.#index[slot] as number;
      if (row === noRow) return slot;
      if (this.#keys[2 * row] === source && this.#keys[2 * row + 1] === group) return slot;
      slot = (slot + 1) & indexMask;
    }
  }

  #slotOfRow(row: number): number {
    return this.#slotOf(this.#keys, row * this.#words);
  }

  #holds(row: number, keys: Uint32Array, at: number): boolean {
    const from = row * this.#words;
    for (let word = this.#words - 1; word >= 0; word--) {
      if (this.#keys[from + word] !== keys[at + word]) return false;
    }
    return true;
  }

  #homeOf(keys: Uint32Array, at: number): number {
    if (this.#words === 2) return this.#homeOf2(keys[at] as number, keys[at + 1] as number);
    let hash = this.#seed;
    for (let word = 0; word < this.#words; word++) {
      hash = Math.imul(hash ^ (keys[at + word] as number), 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & indexMask;
  }

  #homeOf2(source: number, group: number): number {
    let hash = Math.imul(source ^ this.#seed, 0x9e37_79b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ group, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & indexMask;
  }
}
