/**
 * The edge of a site as one piece: ownership and policy, what comes and goes by them, and what the
 * site says of itself. It composes the cores of this room, which decide; the Gateway brings facts.
 */
import { type Prefix, prefixText } from "../base/address.ts";
import { limits } from "../limits.ts";
import { siteNumber } from "../wire/hello.ts";
import { Claims } from "./claims.ts";
import { Egress } from "./egress.ts";
import { SiteFindings } from "./findings.ts";
import { Ingress } from "./ingress.ts";
import { SiteMembership } from "./membership.ts";
import { Ownership } from "./ownership.ts";
import { openRules, Policy, type PolicyRules } from "./policy.ts";
import { RateLimit, type Rates } from "./rate-limit.ts";
import { RemoteWants } from "./remote.ts";
import { RowWriter } from "./row-writer.ts";

/** Rates at the ingress, and how many groups and sources the row may name. */
export type SiteLimits = Rates & { readonly groups: number; readonly sources: number };

/** What an operator may set for the edge. */
export type EdgePolicy = {
  /** Everything whose scope may cross, when left out. */
  readonly policy?: PolicyRules | undefined;
  readonly limits?: SiteLimits | undefined;
};

export type EdgeOptions = EdgePolicy & {
  readonly site: string;
  readonly zone: string;
  readonly incarnation: number;
  /** Where the Gateway is controlled from outside; empty where it is not. */
  readonly control: string;
  readonly prefixes: readonly Prefix[];
  /** Names of the LANs, in the order of the egress mask. */
  readonly lans: readonly string[];
  /** The name of the site that has this number in frames. */
  nameOf(site: number): string | undefined;
};

export type SiteEdge = ReturnType<typeof siteEdge>;

export function siteEdge(options: EdgeOptions, nowMs: number) {
  const { site, zone, lans, prefixes, nameOf } = options;
  const ownership = new Ownership(prefixes);
  const policy = new Policy(options.policy ?? openRules);
  const claims = new Claims();
  const membership = new SiteMembership(prefixes);
  const remote = new RemoteWants(policy);
  const { groups, sources, ...rates } = options.limits ?? {
    groups: limits.groupsPerSiteMax,
    sources: limits.channelsPerSiteMax,
  };
  const isLimited = Object.keys(rates).length > 0;
  const rateLimit = isLimited ? new RateLimit(rates) : undefined;
  const ingress = new Ingress(siteNumber(site), { ownership, claims, policy, remote, rateLimit });
  const egress = new Egress({ ownership, policy, membership, lans });
  const row = new RowWriter(
    { site, zone, gatewayControl: options.control, prefixes: prefixes.map(prefixText) },
    { policy, groupsMax: groups, sourcesMax: sources },
    options.incarnation,
    nowMs,
  );
  const evidence = { site, prefixes, claims, ingress, egress, row, nameOf };
  const findings = new SiteFindings(evidence, nowMs);
  return { policy, claims, membership, remote, ingress, egress, row, findings };
}
