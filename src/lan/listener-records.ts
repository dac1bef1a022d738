/**
 * The records by which a host tells its state (RFC 9776 §5.1, §5.2): what is still to be told of a
 * change, and how records are laid into reports (§4.2.16). No time, no version; `listener.ts` has
 * those.
 */
import type { Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import type { GroupRecord } from "../wire/membership-message.ts";
import { type Want, wantsSource } from "../wire/want.ts";

/** What remains to be told of the changes of one group, with how many more reports say each. */
export class Change {
  /** Reports that still carry a Filter-Mode-Change record. */
  #modeReports = 0;
  readonly #sources = new Map<Address, number>();

  get isPending(): boolean {
    return this.#modeReports > 0 || this.#sources.size > 0;
  }

  clear(): void {
    this.#modeReports = 0;
    this.#sources.clear();
  }

  /** The state went from `before` to `after`; undefined is INCLUDE of nothing (§5.1). */
  onDifference(before: Want | undefined, after: Want | undefined, robustness: number): void {
    const [was, is] = [new Set(before?.sources), new Set(after?.sources)];
    for (const source of was.symmetricDifference(is)) this.#sources.set(source, robustness);
    // A Filter-Mode-Change record tells the whole state: also in the place of a list too long.
    const hasOtherMode = (before?.mode ?? "include") !== (after?.mode ?? "include");
    if (hasOtherMode || this.#sources.size > limits.recordsPerReportMax) {
      this.#modeReports = robustness;
      this.#sources.clear();
    }
    // Where nothing differs that records could name, as in a first report of an older version.
    if (!this.isPending) this.#modeReports = robustness;
  }

  /** The records of the next report, which they count down (§5.1). */
  takeRecords(group: Address, want: Want | undefined): GroupRecord[] {
    const allow: Address[] = [];
    const block: Address[] = [];
    for (const [source, left] of this.#sources) {
      (want !== undefined && wantsSource(want, source) ? allow : block).push(source);
      if (left > 1) this.#sources.set(source, left - 1);
      else this.#sources.delete(source);
    }
    if (this.#modeReports > 0) {
      this.#modeReports--;
      return [modeRecord(group, want)]; // with the list as it is, changes of it included
    }
    const records: GroupRecord[] = [
      { type: "allow", group, sources: allow },
      { type: "block", group, sources: block },
    ];
    return records.filter(({ sources }) => sources.length > 0);
  }
}

const modeRecord = (group: Address, want: Want | undefined): GroupRecord => ({
  type: want?.mode === "exclude" ? "to-ex" : "to-in",
  group,
  sources: want?.sources ?? [],
});

/** A Current-State record (§4.2.13). */
export const currentRecord = ({ group, mode, sources }: Want): GroupRecord => ({
  type: mode === "exclude" ? "is-ex" : "is-in",
  group,
  sources,
});

/** What a query for the sources is answered with (§5.2); no sources mean the whole group. */
export function answerRecord(want: Want, asked: ReadonlySet<Address>): GroupRecord | undefined {
  if (asked.size === 0) return currentRecord(want);
  const sources = [...asked].filter((source) => wantsSource(want, source));
  return sources.length === 0 ? undefined : { type: "is-in", group: want.group, sources };
}

const layoutOf = {
  // The IP header with Router Alert and the report's own eight bytes; then of each record.
  4: { packet: 24 + 8, record: 8, source: 4 },
  6: { packet: 40 + 8 + 8, record: 20, source: 16 },
} as const;

/**
 * Records by report, each within the MTU. One that is too long is split, but for those of EXCLUDE:
 * they are cut, so that the sources left out are received rather than all of them lost (§4.2.16).
 */
export function reportsOf(
  records: readonly GroupRecord[],
  { family, mtuBytes }: { readonly family: 4 | 6; readonly mtuBytes: number },
): GroupRecord[][] {
  const layout = layoutOf[family];
  const roomBytes = mtuBytes - layout.packet;
  const sourcesMax = Math.floor((roomBytes - layout.record) / layout.source);
  const reports: GroupRecord[][] = [];
  let leftBytes = 0;
  for (const record of records.flatMap((one) => fitted(one, sourcesMax))) {
    const bytes = layout.record + layout.source * record.sources.length;
    const last = reports.at(-1);
    if (last !== undefined && bytes <= leftBytes && last.length < limits.recordsPerReportMax) {
      last.push(record);
    } else {
      reports.push([record]);
      leftBytes = roomBytes;
    }
    leftBytes -= bytes;
  }
  return reports;
}

function fitted(record: GroupRecord, sourcesMax: number): GroupRecord[] {
  if (record.sources.length <= sourcesMax) return [record];
  if (record.type === "is-ex" || record.type === "to-ex") {
    return [{ ...record, sources: record.sources.slice(0, sourcesMax) }];
  }
  const parts: GroupRecord[] = [];
  for (let from = 0; from < record.sources.length; from += sourcesMax) {
    parts.push({ ...record, sources: record.sources.slice(from, from + sourcesMax) });
  }
  return parts;
}
