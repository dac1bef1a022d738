/**
 * What other sites want of this one: the union of their rows' wants, as the channels whose packets
 * must come out of the site's LANs. The site interface is programmed with it, so that packets
 * nobody remote wants never leave the kernel.
 */
import { type Address, isSourceSpecific } from "../base/address.ts";
import type { SiteRow } from "../wire/message.ts";
import { sameWant, unionOfWants, type Want } from "../wire/want.ts";
import { mayCross } from "./scope.ts";

export type RemoteChange =
  | { readonly kind: "wanted"; readonly want: Want }
  | { readonly kind: "unwanted"; readonly group: Address };

export class RemoteWants {
  #wants = new Map<Address, Want>();

  get(group: Address): Want | undefined {
    return this.#wants.get(group);
  }

  [Symbol.iterator](): IterableIterator<Want> {
    return this.#wants.values();
  }

  /** Takes the rows of all other sites and answers what changed. */
  onRows(rows: Iterable<SiteRow>): RemoteChange[] {
    const wants = new Map<Address, Want>();
    for (const row of rows) {
      for (const want of row.wants) {
        if (!mayCross(want.group)) continue;
        if (isSourceSpecific(want.group) && want.mode === "exclude") continue;
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
    return changes;
  }
}
