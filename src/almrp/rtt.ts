import { assert } from "../base/assert.ts";

/** The name of a site, unique in the fabric. Sites are ordered by it, by UTF-16 code units. */
export type SiteId = string;

/** What the Manager knows about the pairs of sites. The order of keys has no meaning. */
export type ControlInformation = {
  /** Round-trip time in ms, first from the site that measured, then to the other one. */
  readonly rttMs: ReadonlyMap<SiteId, ReadonlyMap<SiteId, number>>;
};

/** An unknown pair counts this many times the largest known delay. */
const unknownFactor = 2;

/**
 * Symmetric delays between sites by their index: the mean of the two directions, or the one that is
 * known. A pair without either is unknown: it costs twice the largest known delay and orders behind
 * all known pairs, also where that is 0.
 */
export class Delays {
  readonly #count: number;
  /** `Infinity` for unknown pairs, 0 on the diagonal. */
  readonly #knownMs: Float64Array;
  /** What an unknown pair costs; 0 when no pair is known. */
  readonly assumedMs: number;

  constructor(ids: readonly SiteId[], information: ControlInformation) {
    this.#count = ids.length;
    this.#knownMs = new Float64Array(ids.length ** 2);
    let largestMs = 0;
    for (const [a, from] of ids.entries()) {
      for (let b = a + 1; b < ids.length; b++) {
        const ms = pairMs(information, from, ids[b] as SiteId) ?? Number.POSITIVE_INFINITY;
        this.#knownMs[a * this.#count + b] = ms;
        this.#knownMs[b * this.#count + a] = ms;
        if (Number.isFinite(ms)) largestMs = Math.max(largestMs, ms);
      }
    }
    this.assumedMs = unknownFactor * largestMs;
  }

  isKnown(a: number, b: number): boolean {
    return Number.isFinite(this.orderMs(a, b));
  }

  /** The delay in ms to add up: measured, or assumed for an unknown pair. */
  costMs(a: number, b: number): number {
    const ms = this.orderMs(a, b);
    return Number.isFinite(ms) ? ms : this.assumedMs;
  }

  /** The delay in ms to sort by: `Infinity` for an unknown pair. */
  orderMs(a: number, b: number): number {
    return this.#knownMs[a * this.#count + b] as number;
  }
}

/** The symmetric delay of one pair in ms; undefined when neither direction is known. */
export function pairMs(information: ControlInformation, a: SiteId, b: SiteId): number | undefined {
  const there = measuredMs(information, a, b);
  const back = measuredMs(information, b, a);
  if (there === undefined || back === undefined) return there ?? back;
  return (there + back) / 2;
}

function measuredMs({ rttMs }: ControlInformation, from: SiteId, to: SiteId): number | undefined {
  const ms = rttMs.get(from)?.get(to);
  assert(
    ms === undefined || (Number.isFinite(ms) && ms >= 0),
    () => `the RTT from ${from} to ${to} must be 0 ms or more, found ${ms}`,
  );
  return ms;
}
