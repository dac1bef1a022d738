/**
 * Latencies in buckets that grow with the value: 64 per doubling, so a quantile is off by at most
 * 1.6 %, in fixed memory and for any number of packets. Values are whole microseconds; what is
 * below 0 (clocks that differ) counts as 0, what is above 71 minutes as that.
 */
const stepBits = 6;
const steps = 1 << stepBits;
const microsMax = 0xffff_ffff;
const buckets = (32 - stepBits + 1) * steps;

export class Latencies {
  readonly #counts = new Float64Array(buckets);
  #total = 0;
  #minMicros = Number.POSITIVE_INFINITY;
  #maxMicros = Number.NEGATIVE_INFINITY;

  add(micros: number): void {
    this.#total++;
    if (micros < this.#minMicros) this.#minMicros = micros;
    if (micros > this.#maxMicros) this.#maxMicros = micros;
    const bucket = bucketOf(micros);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  /** The exact least value; negative when the receiver's clock is behind the sender's. */
  get minMicros(): number {
    return this.#total === 0 ? 0 : this.#minMicros;
  }

  get maxMicros(): number {
    return this.#total === 0 ? 0 : this.#maxMicros;
  }

  /** The value that the given share, 0 to 1, of all values does not exceed; 0 for no value. */
  quantileMicros(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= rank) return Math.min(middleOf(bucket), Math.max(this.#maxMicros, 0));
    }
    return 0;
  }
}

/** Values below two rows of steps have a bucket each; above, each row is twice as coarse. */
function bucketOf(micros: number): number {
  const value = Math.min(Math.max(micros, 0), microsMax) >>> 0;
  const shift = Math.max(0, 31 - stepBits - Math.clz32(value));
  return shift * steps + (value >>> shift);
}

function middleOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / steps) - 1);
  const low = (bucket - shift * steps) * 2 ** shift;
  return low + Math.floor((2 ** shift - 1) / 2);
}
