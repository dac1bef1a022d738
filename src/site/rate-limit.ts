/**
 * How much of the site's traffic may enter the overlay: packets and bits of the whole site, and
 * bits of each group. Token buckets: a packet passes while every bucket is above zero and may draw
 * them below it, so no packet is too large for a small rate, and the rate holds in the long run.
 * A refused packet draws nothing. Per packet there are numbers only.
 */
import { limits } from "../limits.ts";
import { ChannelTable } from "./channel-table.ts";

/** Whole numbers above 0; what is left out is not limited. */
export type Rates = {
  readonly packetsPerSecond?: number | undefined;
  readonly bitsPerSecond?: number | undefined;
  readonly groupBitsPerSecond?: number | undefined;
};

/** Twice the groups that have a bucket of their own at one time. */
const groupSlots = 2 * limits.groupsPerSiteMax;

export class RateLimit {
  readonly #packets: Bucket | undefined;
  readonly #bits: Bucket | undefined;
  readonly #groups: GroupBuckets | undefined;

  constructor({ packetsPerSecond, bitsPerSecond, groupBitsPerSecond }: Rates) {
    this.#packets = packetsPerSecond === undefined ? undefined : new Bucket(packetsPerSecond);
    this.#bits = bitsPerSecond === undefined ? undefined : new Bucket(bitsPerSecond);
    this.#groups =
      groupBitsPerSecond === undefined ? undefined : new GroupBuckets(groupBitsPerSecond);
  }

  /**
   * Whether a packet of `bytes` to `group` may pass now; then it is charged. A group of IPv6 is
   * its last 32 bits, the group's ID (RFC 3307 §4), and in `upper` a digest of those before.
   */
  takes(group: number, bytes: number, nowMs: number, upper = 0): boolean {
    if (this.#packets?.hasRoom(nowMs) === false) return false;
    if (this.#bits?.hasRoom(nowMs) === false) return false;
    if (this.#groups?.take(upper, group, 8 * bytes, nowMs) === false) return false;
    this.#packets?.draw(1);
    this.#bits?.draw(8 * bytes);
    return true;
  }
}

/** Holds at most what the rate gives in `limits.rateBurstMs`. */
class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = this.#perMs * limits.rateBurstMs;
    this.#level = this.#burst;
  }

  hasRoom(nowMs: number): boolean {
    this.#level = Math.min(this.#burst, this.#level + this.#perMs * (nowMs - this.#atMs));
    this.#atMs = nowMs;
    return this.#level > 0;
  }

  draw(amount: number): void {
    this.#level -= amount;
  }
}

/** A bucket of one rate for each group; when there are too many, all begin anew, and full. */
class GroupBuckets {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #indexes = new ChannelTable(groupSlots);
  readonly #levels = new Float64Array(groupSlots);
  readonly #atMs = new Float64Array(groupSlots);
  #count = 0;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = this.#perMs * limits.rateBurstMs;
  }

  take(upper: number, group: number, bits: number, nowMs: number): boolean {
    const known = this.#indexes.get(upper, group);
    const index = known >= 0 ? known : this.#added(upper, group, nowMs);
    const gainedMs = nowMs - (this.#atMs[index] as number);
    const level = Math.min(this.#burst, (this.#levels[index] as number) + this.#perMs * gainedMs);
    const hasRoom = level > 0;
    this.#levels[index] = hasRoom ? level - bits : level;
    this.#atMs[index] = nowMs;
    return hasRoom;
  }

  #added(upper: number, group: number, nowMs: number): number {
    if (!this.#indexes.set(upper, group, this.#count)) {
      this.#indexes.clear();
      this.#count = 0;
      this.#indexes.set(upper, group, 0);
    }
    this.#levels[this.#count] = this.#burst;
    this.#atMs[this.#count] = nowMs;
    return this.#count++;
  }
}
