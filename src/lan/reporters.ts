/**
 * Who reported one group (RFC 9776 appendix A.2: the state of single hosts, which a router need not
 * keep). For people, and to see that the last listener left where no querier asks. Under IGMPv1 and
 * v2 hosts hide behind one another, so there a list is never complete.
 */
import type { Address } from "../base/address.ts";
import { unreachable } from "../base/assert.ts";
import { limits } from "../limits.ts";
import type { IgmpVersion, MembershipRecord } from "./membership.ts";

export type Reporter = {
  readonly reporter: Address;
  readonly version: IgmpVersion;
  readonly sinceMs: number;
  readonly lastMs: number;
};

/** What one host is known to want: these sources, or "all" when that is more, or uncertain. */
type Wanted = "all" | ReadonlySet<Address>;

type Tracked = Reporter & { readonly wanted: Wanted };

export class Reporters {
  /** Oldest report first. */
  readonly #known = new Map<Address, Tracked>();
  #isComplete = true;

  /**
   * Keeps reporters in the order of their last report, up to the cap.
   *
   * @param silentSinceMs who reported last at this instant or before no longer speaks for itself
   */
  onRecord(record: MembershipRecord, seen: Omit<Reporter, "sinceMs">, silentSinceMs: number): void {
    const before = this.#known.get(seen.reporter);
    this.#known.delete(seen.reporter);
    this.#makeRoom(silentSinceMs);
    // Hosts without an address yet all report as 0.0.0.0 (RFC 9776 §4.2.14).
    if (seen.version < 3 || seen.reporter === "0.0.0.0") this.#isComplete = false;
    const wanted = wantedAfter(before?.wanted, record);
    if (wanted !== "all" && wanted.size === 0) return;
    this.#known.set(seen.reporter, { ...seen, sinceMs: before?.sinceMs ?? seen.lastMs, wanted });
  }

  /** Everyone who ever reported has left, and nobody can have been missed. */
  get haveLeft(): boolean {
    return this.#isComplete && this.#known.size === 0;
  }

  list(): Reporter[] {
    return [...this.#known.values()].map(({ wanted: _, ...reporter }) => reporter);
  }

  #makeRoom(silentSinceMs: number): void {
    for (const [reporter, { lastMs }] of this.#known) {
      const isSilent = lastMs <= silentSinceMs;
      if (!isSilent && this.#known.size < limits.reportersPerGroupMax) return;
      if (!isSilent) this.#isComplete = false;
      this.#known.delete(reporter);
    }
  }
}

/** One host's filter after its record (RFC 9776 §4.2.13); what is uncertain wants more. */
function wantedAfter(before: Wanted | undefined, record: MembershipRecord): Wanted {
  const named = new Set(record.sources);
  switch (record.type) {
    case "is-ex":
    case "to-ex":
      return "all";
    case "to-in":
      return bounded(named);
    // A host in EXCLUDE answers with IS_IN too (§5.2).
    case "is-in":
    case "allow":
      return before === "all" ? "all" : bounded(named.union(before ?? new Set()));
    case "block":
      return before === undefined || before === "all" ? "all" : before.difference(named);
    default:
      return unreachable(record.type);
  }
}

const bounded = (sources: ReadonlySet<Address>): Wanted =>
  sources.size > limits.sourcesPerReporterMax ? "all" : sources;
