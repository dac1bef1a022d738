/**
 * What is wrong between this site and the others, as its Gateway sees it: each finding with the
 * evidence and what to do about it, in words for people. It changes nothing. Every
 * `limits.findingsIntervalMs` it looks at what the edges counted and at what the sites claim; a
 * finding lasts until there was no evidence for `limits.findingHoldMs`.
 */
import type { Prefix } from "../base/address.ts";
import { limits } from "../limits.ts";
import type { Claims } from "./claims.ts";
import type { LastPacket } from "./decisions.ts";
import type { Egress } from "./egress.ts";
import type { Ingress } from "./ingress.ts";
import type { Refused } from "./row-writer.ts";

/** What to do, by the code of the finding. */
const fixes = {
  DUPLICATE_LAN: "separate the LANs of the two sites, or run them as one site with one Gateway",
  OVERLAPPING_SUBNETS: "give each site prefixes of its own: shared sources cannot be told apart",
  UNOWNED_SOURCE: "add the prefix of this source to gateway.prefixes, if its hosts belong here",
  RATE_LIMITED: "raise gateway.limits, or find the sender of so much",
  CAP_REACHED: "raise the caps in gateway.limits, or find the hosts that join or send so much",
} as const;

export type SiteFindingCode = keyof typeof fixes;

export type SiteFinding = {
  readonly code: SiteFindingCode;
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly evidence: string;
  readonly fix: string;
};

type Seen = Pick<LastPacket, "channel" | "site">;

/** Where the evidence is. */
export type SiteEvidence = {
  readonly site: string;
  readonly prefixes: readonly Prefix[];
  readonly claims: Pick<Claims, "claimantOf" | "overlaps">;
  readonly ingress: Pick<Ingress, "drops"> & {
    readonly strangers: { readonly [cause in keyof Ingress["strangers"]]: Seen };
  };
  readonly egress: Pick<Egress, "drops"> & { readonly returned: Seen };
  readonly row: { readonly refused: Pick<Refused, "cappedGroups" | "cappedChannels"> };
  /** The name of the site that has this number in frames. */
  nameOf(site: number): string | undefined;
};

/** Looks in a row with new evidence that make it persistent: a stray packet is no finding. */
const looksMin = 2;
/** Overlaps that one finding names. */
const overlapsNamed = 4;

export class SiteFindings {
  readonly #of: SiteEvidence;
  readonly #foreign = new Persistence();
  readonly #returned = new Persistence();
  readonly #unowned = new Persistence();
  readonly #limited = new Persistence();
  readonly #found = new Map<SiteFindingCode, SiteFinding>();
  #lookMs: number;

  constructor(of: SiteEvidence, nowMs: number) {
    this.#of = of;
    this.#lookMs = nowMs + limits.findingsIntervalMs;
  }

  /** The oldest first. */
  findings(nowMs: number): SiteFinding[] {
    return [...this.#found.values()].filter(({ lastMs }) => nowMs - lastMs < limits.findingHoldMs);
  }

  onDeadline(nowMs: number): void {
    if (nowMs < this.#lookMs) return;
    this.#lookMs = nowMs + limits.findingsIntervalMs;
    for (const [code, { lastMs }] of this.#found) {
      if (nowMs - lastMs >= limits.findingHoldMs) this.#found.delete(code);
    }
    for (const [code, evidence] of this.#evidence()) {
      if (evidence === undefined) continue;
      const sinceMs = this.#found.get(code)?.sinceMs ?? nowMs;
      this.#found.set(code, { code, sinceMs, lastMs: nowMs, evidence, fix: fixes[code] });
    }
  }

  nextDeadlineMs(): number {
    return this.#lookMs;
  }

  #evidence(): [SiteFindingCode, string | undefined][] {
    const { drops } = this.#of.ingress;
    // Both are asked at each look, for both keep count.
    const duplicates = [this.#captured(), this.#comeBack()].filter((text) => text !== undefined);
    const isLimited = this.#limited.isPersistent(drops.rateLimit);
    return [
      ["DUPLICATE_LAN", duplicates.length > 0 ? duplicates.join("; ") : undefined],
      ["OVERLAPPING_SUBNETS", this.#overlaps()],
      ["UNOWNED_SOURCE", this.#unownedSource()],
      ["RATE_LIMITED", isLimited ? `${drops.rateLimit} packets dropped for their rate` : undefined],
      ["CAP_REACHED", this.#capReached()],
    ];
  }

  #captured(): string | undefined {
    const { drops, strangers } = this.#of.ingress;
    if (!this.#foreign.isPersistent(drops.foreignSource)) return undefined;
    const { source, group } = strangers.foreign.channel;
    const owner = this.#of.claims.claimantOf(source) ?? "another site";
    return (
      `${drops.foreignSource} packets with sources of other sites on our LANs, the last from ` +
      `${source} of ${owner} to ${group}`
    );
  }

  #comeBack(): string | undefined {
    const { drops, returned } = this.#of.egress;
    if (!this.#returned.isPersistent(drops.ownSource)) return undefined;
    const { source, group } = returned.channel;
    return (
      `${drops.ownSource} packets with sources of ours came from other sites, the last by ` +
      `${this.#of.nameOf(returned.site) ?? "an unknown site"} from ${source} to ${group}`
    );
  }

  #unownedSource(): string | undefined {
    const { drops, strangers } = this.#of.ingress;
    if (!this.#unowned.isPersistent(drops.notOwned)) return undefined;
    const { source, group } = strangers.notOwned.channel;
    return (
      `${drops.notOwned} packets with sources of no site, the last from ${source} ` + `to ${group}`
    );
  }

  #overlaps(): string | undefined {
    const { claims, site, prefixes } = this.#of;
    const found = claims.overlaps(site, prefixes, overlapsNamed + 1);
    if (found.length === 0) return undefined;
    const named = found
      .slice(0, overlapsNamed)
      .map(
        ({ sites: [a, b], prefixes: [wide, narrow] }) => `${wide} of ${a} and ${narrow} of ${b}`,
      );
    return named.join(", ") + (found.length > overlapsNamed ? ", and more" : "");
  }

  #capReached(): string | undefined {
    const { cappedGroups, cappedChannels } = this.#of.row.refused;
    if (cappedGroups.length === 0 && cappedChannels.size === 0) return undefined;
    return `refused: ${cappedGroups.length} groups wanted here, ${cappedChannels.size} sources`;
  }
}

/** Whether a counter has risen from look to look. */
class Persistence {
  #count = 0;
  #looks = 0;

  isPersistent(count: number): boolean {
    this.#looks = count > this.#count ? this.#looks + 1 : 0;
    this.#count = count;
    return this.#looks >= looksMin;
  }
}
