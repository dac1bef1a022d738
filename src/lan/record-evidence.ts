/**
 * What membership records and their outcomes tell of a LAN: storms, tables that are full, and
 * applications that join ranges of channels without a source. Evidence in words for people.
 */
import type { Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import { Evidence } from "./evidence.ts";
import type { IgmpVersion, RecordOutcome } from "./membership.ts";

/** A record of a host, and what `Membership.onRecord` made of it. */
export type RecordSeen = {
  readonly group: Address;
  readonly reporter: Address;
  readonly version: IgmpVersion;
  readonly outcome: RecordOutcome;
};

type Refusals = { readonly groups: number; readonly sources: number; readonly reporter: Address };

const windowMs = 1_000;
const reportersNamedMax = 3;

export class RecordEvidence {
  readonly #ssm = new Evidence<RecordSeen>();
  readonly #full = new Evidence<Refusals>();
  readonly #storm = new Evidence<string>();
  #refusedGroups = 0;
  #refusedSources = 0;
  #windowEndMs = Number.NEGATIVE_INFINITY;
  #records = 0;
  /** Records by reporter in this window: the first reporters up to the cap. */
  readonly #byReporter = new Map<Address, number>();

  onRecord(record: RecordSeen, nowMs: number): void {
    this.#countRecord(record.reporter, nowMs);
    switch (record.outcome) {
      case "ssm-with-asm-report":
        return this.#ssm.onSight(record);
      case "table-full":
        this.#refusedGroups++;
        return this.#onRefusal(record.reporter);
      case "sources-full":
      case "widened":
        this.#refusedSources++;
        return this.#onRefusal(record.reporter);
      default:
    }
  }

  ssmWithAsmReport(): string | undefined {
    return this.#ssm.take(
      (count, { group, reporter, version }) =>
        `${count} joins without a source in a range of channels; the last: ${reporter} for ` +
        `${group} in version ${version}`,
    );
  }

  tooManyGroups(): string | undefined {
    return this.#full.take(
      (_, { groups, sources, reporter }) =>
        `${groups} records of groups above ${limits.groupsPerLanMax}, ` +
        `${sources} of sources above ${limits.sourcesPerGroupMax} in a group; ` +
        `the last from ${reporter}`,
    );
  }

  storm(nowMs: number): string | undefined {
    this.#closeWindow(nowMs);
    return this.#storm.take((_, words) => words);
  }

  #onRefusal(reporter: Address): void {
    this.#full.onSight({ groups: this.#refusedGroups, sources: this.#refusedSources, reporter });
  }

  #countRecord(reporter: Address, nowMs: number): void {
    this.#closeWindow(nowMs);
    if (this.#records++ === 0) this.#windowEndMs = nowMs + windowMs;
    const known = this.#byReporter.get(reporter);
    if (known === undefined && this.#byReporter.size >= limits.reportersPerGroupMax) return;
    this.#byReporter.set(reporter, (known ?? 0) + 1);
  }

  #closeWindow(nowMs: number): void {
    if (nowMs < this.#windowEndMs) return;
    if (this.#records > limits.stormRecordsMax) {
      const top = [...this.#byReporter].sort(([, a], [, b]) => b - a).slice(0, reportersNamedMax);
      const names = top.map(([reporter, count]) => `${reporter} (${count})`).join(", ");
      this.#storm.onSight(`${this.#records} records in one second, most from ${names}`);
    }
    this.#records = 0;
    this.#byReporter.clear();
  }
}
