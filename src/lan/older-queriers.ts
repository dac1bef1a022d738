/**
 * Queriers of older versions that a host has heard (RFC 9776 §7.2.1, §8.12; RFC 9777 §8.2.1,
 * §9.12): while one of their timers runs, the host speaks its version. MLDv1 counts as 2.
 */
import { limits } from "../limits.ts";
import type { IgmpVersion, LanQuery } from "./membership.ts";

export class OlderQueriers {
  readonly #family: 4 | 6;
  #v1UntilMs = Number.NEGATIVE_INFINITY;
  #v2UntilMs = Number.NEGATIVE_INFINITY;
  /** Robustness and interval as the last query said them; the older versions do not. */
  #robustness: number = limits.robustness;
  #queryIntervalMs: number = limits.queryIntervalMs;

  constructor(family: 4 | 6) {
    this.#family = family;
  }

  /** Only a general query tells its querier's version. */
  onGeneralQuery(query: LanQuery, nowMs: number): void {
    const { adoptedRobustnessMax, adoptedQueryIntervalMsMax, adoptedQueryResponseMsMax } = limits;
    if (query.version === 3) {
      this.#robustness = Math.min(query.robustness || limits.robustness, adoptedRobustnessMax);
      const intervalMs = query.queryIntervalMs || limits.queryIntervalMs;
      this.#queryIntervalMs = Math.min(intervalMs, adoptedQueryIntervalMsMax);
      return;
    }
    const responseMs = Math.min(query.maxResponseMs, adoptedQueryResponseMsMax);
    const responses = this.#family === 4 ? 10 : 1;
    const untilMs = nowMs + this.#robustness * this.#queryIntervalMs + responses * responseMs;
    if (query.version === 1) this.#v1UntilMs = untilMs;
    else this.#v2UntilMs = untilMs;
  }

  /** The lowest version whose timer runs. */
  version(nowMs: number): IgmpVersion {
    if (this.#v1UntilMs > nowMs) return 1;
    return this.#v2UntilMs > nowMs ? 2 : 3;
  }

  /** When the version may change next; `Infinity` after that has been settled. */
  nextDeadlineMs(nowVersion: IgmpVersion): number {
    switch (nowVersion) {
      case 1:
        return this.#v1UntilMs;
      case 2:
        return this.#v2UntilMs;
      default:
        return Number.POSITIVE_INFINITY;
    }
  }
}
