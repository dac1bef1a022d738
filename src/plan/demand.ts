/**
 * What the rows of all sites ask for: for each site that sends to a group, which sites must get it,
 * by which ALMRP. Sources of a site that go to the same sites are one demand for (*,G); a source
 * whose receivers differ, as with source filters, has a demand of its own.
 */
import {
  type Address,
  isSourceSpecific,
  parsePrefix,
  type Prefix,
  prefixContains,
} from "../base/address.ts";
import type { AlmrpName } from "../almrp/protocols.ts";
import { assert } from "../base/assert.ts";
import type { SiteRow } from "../wire/message.ts";
import type { Channel } from "../wire/plan.ts";
import { unionOfWants, type Want, wantsSource } from "../wire/want.ts";

export type Application = {
  readonly name: string;
  readonly groups: readonly string[];
  readonly almrp: AlmrpName;
};

/** Packets of a channel that enter at one site, and the sites they must reach. */
export type Demand = {
  readonly application: string | undefined;
  readonly almrp: AlmrpName;
  readonly ingress: string;
  readonly channel: Channel;
  /** Sorted; never the ingress site; never empty. */
  readonly receivers: readonly string[];
};

/** Which application a group belongs to: the longest prefix that contains it wins. */
export class Applications {
  readonly all: readonly Application[];
  readonly #fallback: AlmrpName;
  readonly #prefixes: readonly { readonly prefix: Prefix; readonly application: Application }[];

  constructor(all: readonly Application[], fallback: AlmrpName) {
    this.all = all;
    this.#fallback = fallback;
    const prefixes = all.flatMap((application) =>
      application.groups.map((text) => {
        const prefix = parsePrefix(text);
        assert(prefix !== undefined, "the configuration has checked the groups");
        return { prefix, application };
      }),
    );
    this.#prefixes = prefixes.sort((a, b) => b.prefix.bits - a.prefix.bits);
  }

  of(group: Address): { name: string | undefined; almrp: AlmrpName } {
    const found = this.#prefixes.find(({ prefix }) => prefixContains(prefix, group));
    return found
      ? { name: found.application.name, almrp: found.application.almrp }
      : { name: undefined, almrp: this.#fallback };
  }
}

export function demands(rows: readonly SiteRow[], applications: Applications): Demand[] {
  const wants = wantsByGroup(rows);
  return rows.flatMap((row) =>
    [...sourcesByGroup(row)].flatMap(([group, sources]) =>
      demandsOf(row.site, group, [...sources], wants.get(group) ?? [], applications),
    ),
  );
}

type SiteWant = { readonly site: string; readonly want: Want };

function demandsOf(
  ingress: string,
  group: Address,
  sources: readonly Address[],
  wants: readonly SiteWant[],
  applications: Applications,
): Demand[] {
  const others = wants.filter(({ site }) => site !== ingress);
  const { name: application, almrp } = applications.of(group);
  const demand = (receivers: readonly string[], source?: Address): Demand[] =>
    receivers.length === 0
      ? []
      : [{ application, almrp, ingress, receivers, channel: { group, source } }];
  const any = others.filter(({ want }) => want.mode === "exclude").map(({ site }) => site);
  return [
    ...demand(any),
    ...sources.flatMap((source) => {
      const receivers = others
        .filter(({ want }) => wantsSource(want, source))
        .map(({ site }) => site);
      return String(receivers) === String(any) ? [] : demand(receivers, source);
    }),
  ];
}

function wantsByGroup(rows: readonly SiteRow[]): Map<Address, SiteWant[]> {
  const byGroup = new Map<Address, SiteWant[]>();
  for (const row of [...rows].sort((a, b) => (a.site < b.site ? -1 : 1))) {
    for (const want of mergedWants(row)) {
      // RFC 4607 §1: of such a group there are channels (S,G) only.
      if (isSourceSpecific(want.group) && want.mode === "exclude") continue;
      const wants = byGroup.get(want.group) ?? [];
      wants.push({ site: row.site, want });
      byGroup.set(want.group, wants);
    }
  }
  return byGroup;
}

/** One want for each group, also of a row that names one twice. */
function mergedWants(row: SiteRow): IterableIterator<Want> {
  const byGroup = new Map<Address, Want>();
  for (const want of row.wants) {
    const known = byGroup.get(want.group);
    byGroup.set(want.group, known ? unionOfWants(known, want) : want);
  }
  return byGroup.values();
}

function sourcesByGroup(row: SiteRow): Map<Address, Set<Address>> {
  const byGroup = new Map<Address, Set<Address>>();
  for (const { source, group } of row.sends) {
    const sources = byGroup.get(group) ?? new Set();
    sources.add(source);
    byGroup.set(group, sources);
  }
  return byGroup;
}
