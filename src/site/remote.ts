/**
 * What other sites want of this one: the union of their rows' wants, as the channels whose packets
 * must come out of the site's LANs, as far as the site's policy lets them. The site interface is
 * programmed with it, so that packets nobody remote may get never leave the kernel.
 */
import { type Address, isSourceSpecific } from "../base/address.ts";
import type { SiteRow } from "../wire/message.ts";
import { sameWant, unionOfWants, type Want } from "../wire/want.ts";
import type { Policy } from "./policy.ts";
import { mayCross } from "./scope.ts";

export type RemoteChange =
  | { readonly kind: "wanted"; readonly want: Want }
  | { readonly kind: "unwanted"; readonly group: Address };

export class RemoteWants {
  #wants = new Map<Address, Want>();
  #denied: ReadonlySet<Address> = new Set();
  readonly #policy: Policy;

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Groups that others want and the policy keeps in, in whole. */
  get denied(): ReadonlySet<Address> {
    return this.#denied;
  }

  get(group: Address): Want | undefined {
    return this.#wants.get(group);
  }

  [Symbol.iterator](): IterableIterator<Want> {
    return this.#wants.values();
  }

  /** Takes the rows of all other sites and answers what changed. */
  onRows(rows: Iterable<SiteRow>): RemoteChange[] {
    const wants = new Map<Address, Want>();
    const denied = new Set<Address>();
    for (const row of rows) {
      for (const asked of row.wants) {
        if (!mayCross(asked.group)) continue;
        if (isSourceSpecific(asked.group) && asked.mode === "exclude") continue;
        const want = this.#policy.narrowed("out", asked);
        if (!want) {
          denied.add(asked.group);
          continue;
        }
        const known = wants.get(want.group);
        wants.set(want.group, known ? unionOfWants(known, want) : want);
      }
    }
    const changes: RemoteChange[] = [];
    for (const [group, want] of wants) {
      const standing = this.#wants.get(group);
      if (!standing || !sameWant(standing, want)) changes.push({ kind: "wanted", want });
    }
    for (const group of this.#wants.keys()) {
      if (!wants.has(group)) changes.push({ kind: "unwanted", group });
    }
    this.#wants = wants;
    this.#denied = denied;
    return changes;
  }
}
