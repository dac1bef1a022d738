/**
 * The querier of one LAN as its queries show it: the values that it tells (RFC 9776 §4.1.6, §4.1.7)
 * within bounds, the intervals that follow from them (§8), and whether it is there at all. It knows
 * neither groups nor addresses, and never sends.
 *
 * Where nobody queries, no host refreshes what it wants. With "lapse" memberships end all the same:
 * right where we query ourselves when nobody else does. With "keep" the expiry clock is frozen
 * while the querier is absent: a membership stays `limits.unrefreshedMs` after its last report.
 */
import { assert } from "../base/assert.ts";
import { limits } from "../limits.ts";
import type { LanQuery } from "./membership.ts";

/** What becomes of members that nobody asks any more. */
export type Unqueried = "lapse" | "keep";

type Presence =
  /** It does not matter. */
  | { readonly kind: "assumed" }
  /** A general query came, and Other Querier Present Interval runs. */
  | { readonly kind: "present"; readonly untilMs: number }
  | { readonly kind: "absent" };

export class ObservedQuerier {
  #robustness: number = limits.robustness;
  #queryIntervalMs: number = limits.queryIntervalMs;
  #queryResponseMs: number = limits.queryResponseIntervalMs;
  #presence: Presence;

  constructor(unqueried: Unqueried) {
    this.#presence = { kind: unqueried === "keep" ? "absent" : "assumed" };
  }

  get robustness(): number {
    return this.#robustness;
  }

  get queryIntervalMs(): number {
    return this.#queryIntervalMs;
  }

  /** Nobody queries, and the expiry clock is frozen. */
  get isAbsent(): boolean {
    return this.#presence.kind === "absent";
  }

  /** A query sent or heard. Only a general one shows that members are refreshed. */
  onQuery(query: LanQuery, nowMs: number): void {
    const { adoptedRobustnessMax, adoptedQueryIntervalMsMax, adoptedQueryResponseMsMax } = limits;
    this.#robustness = Math.min(query.robustness || limits.robustness, adoptedRobustnessMax);
    const intervalMs = query.queryIntervalMs || limits.queryIntervalMs;
    this.#queryIntervalMs = Math.min(intervalMs, adoptedQueryIntervalMsMax);
    if (query.group !== undefined) return;
    this.#queryResponseMs = Math.min(query.maxResponseMs, adoptedQueryResponseMsMax);
    if (this.#presence.kind === "assumed") return;
    this.#presence = { kind: "present", untilMs: nowMs + this.otherQuerierPresentMs() };
  }

  /** The instant at which the querier is absent unless it asks again; `Infinity` when it is. */
  absenceMs(): number {
    return this.#presence.kind === "present" ? this.#presence.untilMs : Number.POSITIVE_INFINITY;
  }

  onAbsence(): void {
    assert(this.#presence.kind === "present", "only a querier that was there goes away");
    this.#presence = { kind: "absent" };
  }

  /** Other Querier Present Interval by the values adopted last (RFC 9776 §8.5). */
  otherQuerierPresentMs(): number {
    return this.#robustness * this.#queryIntervalMs + this.#queryResponseMs / 2;
  }

  /** Group Membership Interval (§8.4); never below its default, since a stale member costs less. */
  membershipIntervalMs(): number {
    return this.isAbsent ? limits.unrefreshedMs : this.#refreshedIntervalMs();
  }

  /** Older Host Present Interval (§8.13). */
  olderHostPresentMs(): number {
    if (this.isAbsent) return limits.unrefreshedMs;
    return this.#robustness * this.#queryIntervalMs + this.#queryResponseMs;
  }

  /** Whether what was last refreshed then is only kept because nobody asks. */
  isUnrefreshed(refreshedMs: number, nowMs: number): boolean {
    return this.isAbsent && nowMs - refreshedMs >= this.#refreshedIntervalMs();
  }

  /** How soon a specific query ends what nobody answers for (§8.8), by its own values. */
  answerMs(query: LanQuery): number {
    // At once (0) leaves hosts no time to answer: then the default counts.
    const responseMs = query.maxResponseMs || limits.lastMemberQueryIntervalMs;
    return this.#robustness * Math.min(responseMs, limits.adoptedQueryResponseMsMax);
  }

  #refreshedIntervalMs(): number {
    const observedMs = this.#robustness * this.#queryIntervalMs + 2 * this.#queryResponseMs;
    return Math.max(defaultMembershipIntervalMs, observedMs);
  }
}

const defaultMembershipIntervalMs =
  limits.robustness * limits.queryIntervalMs + 2 * limits.queryResponseIntervalMs;
