import { addressBytes, parsePrefix, prefixContains, type Prefix } from "../base/address.ts";
import type { RowPrefixes } from "./facts.ts";
import { type Finding, well } from "./finding.ts";

type Owned = { readonly site: string; readonly text: string; readonly prefix: Prefix };

const pairsShownMax = 5;

/** A source belongs to one site; where prefixes overlap, receivers cannot tell senders apart. */
export function judgeOverlaps(rows: readonly RowPrefixes[]): Finding[] {
  const code = "OVERLAPPING_SUBNETS";
  if (rows.length === 0) return [];
  const pairs = overlaps(rows);
  const sites = new Set(rows.map(({ site }) => site)).size;
  if (pairs.length === 0) return [well(code, "sites", `the prefixes of ${sites} sites are apart`)];
  const shown = pairs.slice(0, pairsShownMax).map(([a, b]) => `${named(a)} and ${named(b)}`);
  const more = pairs.length > shown.length ? `, and ${pairs.length - shown.length} more` : "";
  const evidence = `prefixes of different sites overlap: ${shown.join("; ")}${more}`;
  const fix = "renumber one of them; two sites on one LAN are to be one site";
  return [{ severity: "warning", code, subject: "sites", evidence, fix }];
}

/**
 * Two prefixes overlap only if one contains the other. Sorted by address, then the shorter first,
 * the ones that contain the next are a stack.
 */
function overlaps(rows: readonly RowPrefixes[]): [Owned, Owned][] {
  const sorted = rows
    .flatMap(({ site, prefixes }) => prefixes.flatMap((text) => owned(site, text)))
    .map((one) => ({ one, order: orderOf(one.prefix) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ one }) => one);
  const around: Owned[] = [];
  const pairs: [Owned, Owned][] = [];
  for (const one of sorted) {
    while (around.length > 0 && !contains(around.at(-1) as Owned, one)) around.pop();
    // The nearest of another site is enough to name.
    const other = around.findLast(({ site }) => site !== one.site);
    if (other !== undefined) pairs.push([other, one]);
    around.push(one);
  }
  return pairs;
}

function owned(site: string, text: string): Owned[] {
  const prefix = parsePrefix(text);
  return prefix === undefined ? [] : [{ site, text, prefix }];
}

/** Hexadecimal, so that text sorts as addresses do; IPv4 before IPv6. */
const orderOf = ({ address, bits }: Prefix): string => {
  const bytes = addressBytes(address);
  const parts = [bytes.length, ...bytes, bits];
  return parts.map((part) => part.toString(16).padStart(2, "0")).join("");
};

const contains = (outer: Owned, inner: Owned): boolean =>
  outer.prefix.bits <= inner.prefix.bits && prefixContains(outer.prefix, inner.prefix.address);

const named = ({ site, text }: Owned): string => `${text} of ${site}`;
