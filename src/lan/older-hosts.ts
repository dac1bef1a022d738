/**
 * Hosts of older versions that listen to one group (RFC 9776 §7.3.2, §8.13): while one of their
 * timers runs, its version's rules hold for the group. MLDv1 counts as 2 (RFC 9777 §8.3.2).
 */
import type { Address } from "../base/address.ts";
import type { IgmpVersion, MembershipRecord } from "./membership.ts";

export class OlderHosts {
  #v1UntilMs = Number.NEGATIVE_INFINITY;
  #v2UntilMs = Number.NEGATIVE_INFINITY;

  /** @param untilMs when Older Host Present Interval of this report ends */
  onReport(version: IgmpVersion, untilMs: number): void {
    if (version === 1) this.#v1UntilMs = untilMs;
    if (version === 2) this.#v2UntilMs = untilMs;
  }

  /** The lowest version whose timer runs. */
  version(nowMs: number): IgmpVersion {
    if (this.#v1UntilMs > nowMs) return 1;
    return this.#v2UntilMs > nowMs ? 2 : 3;
  }

  moveTimers(moved: (untilMs: number) => number): void {
    this.#v1UntilMs = moved(this.#v1UntilMs);
    this.#v2UntilMs = moved(this.#v2UntilMs);
  }
}

/** The sources that count in a record under a version's rules; undefined to ignore it. */
export function sourcesUnder(
  version: IgmpVersion,
  record: MembershipRecord,
): readonly Address[] | undefined {
  if (version === 3) return record.sources;
  if (record.type === "block") return undefined;
  if (version === 1 && record.type === "to-in") return undefined;
  return record.type === "to-ex" ? [] : record.sources;
}
