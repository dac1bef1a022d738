import type { Address } from "../base/address.ts";

/**
 * What the listeners of a LAN or a site want of one group (RFC 9776 §3.2): `include` names the only
 * sources wanted, `exclude` wants every source but those named. `include` of nothing is no
 * membership and never appears.
 */
export type Want = {
  readonly group: Address;
  readonly mode: "include" | "exclude";
  /** Sorted, without doubles. */
  readonly sources: readonly Address[];
};

/** Whether a packet of this source is wanted. */
export const wantsSource = (want: Want, source: Address): boolean =>
  want.sources.includes(source) === (want.mode === "include");

/** What both together want of the same group: the merging rule of RFC 9776 §3.2. */
export function unionOfWants(a: Want, b: Want): Want {
  if (a.mode === "include" && b.mode === "include") {
    return { ...a, sources: [...new Set([...a.sources, ...b.sources])].sort() };
  }
  const [exclude, other] = a.mode === "exclude" ? [a, b] : [b, a];
  return { ...exclude, sources: exclude.sources.filter((source) => !wantsSource(other, source)) };
}

export const sameWant = (a: Want, b: Want): boolean =>
  a.group === b.group &&
  a.mode === b.mode &&
  a.sources.length === b.sources.length &&
  a.sources.every((source, i) => source === b.sources[i]);
