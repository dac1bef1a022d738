/**
 * Which prefixes the other sites say are theirs: whose a foreign source is, and where two sites
 * claim the same addresses. It only tells; ownership, not these claims, decides what enters.
 */
import {
  type Address,
  familyOf,
  ipv4Mask,
  ipv4Of,
  parsePrefix,
  type Prefix,
  prefixText,
} from "../base/address.ts";
import type { SiteRow } from "../wire/message.ts";

type Claim = {
  readonly site: string;
  readonly prefix: Prefix;
  readonly network: number;
  readonly mask: number;
};

export type Overlap = {
  readonly sites: readonly [string, string];
  /** The wider one first. */
  readonly prefixes: readonly [string, string];
};

export class Claims {
  #claims: readonly Claim[] = [];
  /** The prefixes of each site as it published them. */
  #texts = new Map<string, string>();

  /** Takes the rows of all other sites; true when a claim came or went. */
  onRows(rows: Iterable<Pick<SiteRow, "site" | "prefixes">>): boolean {
    const texts = new Map<string, string>();
    const claims: Claim[] = [];
    let isSame = true;
    for (const { site, prefixes } of rows) {
      const text = prefixes.join(" ");
      texts.set(site, text);
      isSame &&= this.#texts.get(site) === text;
      claims.push(...prefixes.flatMap((prefix) => claimOf(site, parsePrefix(prefix))));
    }
    if (isSame && texts.size === this.#texts.size) return false;
    this.#texts = texts;
    this.#claims = claims;
    return true;
  }

  /** A site that claims the source, by the longest match. */
  claimant(source: number): string | undefined {
    let best: Claim | undefined;
    for (const claim of this.#claims) {
      if ((source & claim.mask) >>> 0 !== claim.network) continue;
      if (!best || claim.mask > best.mask) best = claim;
    }
    return best?.site;
  }

  claimantOf(source: Address): string | undefined {
    return familyOf(source) === 4 ? this.claimant(ipv4Of(source)) : undefined;
  }

  /** Pairs of claims of two sites that overlap, at most `max`; `own` are those of `site`. */
  overlaps(site: string, own: readonly Prefix[], max: number): Overlap[] {
    const all = [...own.flatMap((prefix) => claimOf(site, prefix)), ...this.#claims];
    // Wide before narrow: prefixes never cross, so all that holds a claim is on the stack.
    all.sort((a, b) => a.network - b.network || a.mask - b.mask);
    const found: Overlap[] = [];
    const around: Claim[] = [];
    for (const claim of all) {
      while (around.length > 0 && !holds(around.at(-1) as Claim, claim)) around.pop();
      for (const outer of around) {
        if (outer.site === claim.site) continue;
        if (found.length === max) return found;
        const prefixes = [prefixText(outer.prefix), prefixText(claim.prefix)] as const;
        found.push({ sites: [outer.site, claim.site], prefixes });
      }
      around.push(claim);
    }
    return found;
  }
}

function claimOf(site: string, prefix: Prefix | undefined): Claim[] {
  if (!prefix || familyOf(prefix.address) !== 4) return [];
  return [{ site, prefix, network: ipv4Of(prefix.address), mask: ipv4Mask(prefix.bits) }];
}

const holds = (outer: Claim, inner: Claim): boolean =>
  outer.mask <= inner.mask && (inner.network & outer.mask) >>> 0 === outer.network;
