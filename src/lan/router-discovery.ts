/**
 * Multicast Router Discovery on one LAN, the router's side (RFC 4286): snooping switches learn from
 * it which port leads to us, and then let reports and data through. It enters no election and makes
 * no host answer. It owns when to advertise, for IPv4 and IPv6 alike; the bytes are written
 * elsewhere.
 *
 * After each fact drain `takeEffect()`, then arm `nextDeadlineMs()`. Before the process ends call
 * `onExit` and send what it leaves.
 */
import { assert, unreachable } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";

export type RouterDiscoveryMode = "off" | "on";

/** The querying that advertisements tell of (RFC 4286 §3.2); `Membership` is one. */
export type AdvertisedQuerying = {
  readonly queryIntervalMs: number;
  readonly robustness: number;
};

export type RouterDiscoveryOptions = {
  readonly mode: RouterDiscoveryMode;
  /** From `limits.advertisementIntervalMsMin` to `…Max`, in whole seconds. */
  readonly intervalMs: number;
  readonly querying: AdvertisedQuerying;
  readonly prng: Prng;
};

export type RouterDiscoveryEffect =
  | ({ readonly kind: "advertise"; readonly intervalMs: number } & AdvertisedQuerying)
  | { readonly kind: "terminate" };

export type RouterDiscoveryState =
  | { readonly kind: "off" }
  /** `initialLeft` of the first advertisements are still to come (RFC 4286 §3.1.4). */
  | { readonly kind: "advertising"; readonly initialLeft: number; readonly nextMs: number }
  | { readonly kind: "ended" };

/** RFC 4286 §3.1.2: AdvertisementJitter is 2.5 % of the interval. */
const jitter = 0.025;

export class RouterDiscovery {
  readonly #options: RouterDiscoveryOptions;
  // An advertisement that nobody took says all that a second one would.
  readonly #effects = new Ring<RouterDiscoveryEffect>(2);
  #state: RouterDiscoveryState;

  constructor(options: RouterDiscoveryOptions, nowMs: number) {
    const { advertisementIntervalMsMin, advertisementIntervalMsMax } = limits;
    const { intervalMs } = options;
    const isWithin =
      intervalMs >= advertisementIntervalMsMin && intervalMs <= advertisementIntervalMsMax;
    assert(isWithin, () => `RFC 4286 §3.1.1: an interval of 4 to 180 s, not ${intervalMs} ms`);
    this.#options = options;
    this.#state =
      options.mode === "off"
        ? { kind: "off" }
        : this.#advertising(limits.initialAdvertisementsMax, nowMs);
  }

  get state(): RouterDiscoveryState {
    return this.#state;
  }

  /** A switch asks: all routers answer, each after a random time of its own (RFC 4286 §4). */
  onSolicitation(nowMs: number): void {
    if (this.#state.kind !== "advertising") return;
    // One that is due as soon answers too, so that many solicitations are one advertisement.
    if (this.#state.nextMs <= nowMs + limits.initialAdvertisementIntervalMs) return;
    this.#state = { ...this.#state, nextMs: this.#soonMs(nowMs) };
  }

  onDeadline(nowMs: number): void {
    if (this.#state.kind !== "advertising" || this.#state.nextMs > nowMs) return;
    const { intervalMs, querying } = this.#options;
    const { queryIntervalMs, robustness } = querying;
    if (this.#effects.size === 0) {
      this.#effects.push({ kind: "advertise", intervalMs, queryIntervalMs, robustness });
    }
    this.#state = this.#advertising(Math.max(this.#state.initialLeft - 1, 0), nowMs);
  }

  /** We stop: switches need not wait until three advertisements are missing (RFC 4286 §5). */
  onExit(): void {
    if (this.#state.kind !== "advertising") return;
    this.#state = { kind: "ended" };
    const pushed = this.#effects.push({ kind: "terminate" });
    assert(pushed, "one place is kept beside an advertisement");
  }

  nextDeadlineMs(): number {
    switch (this.#state.kind) {
      case "off":
      case "ended":
        return Number.POSITIVE_INFINITY;
      case "advertising":
        return this.#state.nextMs;
      default:
        return unreachable(this.#state);
    }
  }

  takeEffect(): RouterDiscoveryEffect | undefined {
    return this.#effects.take();
  }

  #advertising(initialLeft: number, nowMs: number): RouterDiscoveryState {
    const { intervalMs, prng } = this.#options;
    const nextMs = initialLeft > 0 ? this.#soonMs(nowMs) : nowMs + prng.around(intervalMs, jitter);
    return { kind: "advertising", initialLeft, nextMs };
  }

  /** Within MaxInitialAdvertisementInterval (RFC 4286 §3.1.3). */
  #soonMs(nowMs: number): number {
    return nowMs + this.#options.prng.fraction() * limits.initialAdvertisementIntervalMs;
  }
}
