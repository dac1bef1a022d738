import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { Claims } from "../../src/site/claims.ts";
import { SiteFindings } from "../../src/site/findings.ts";
import { foreign, group, own, prefix } from "./site.ts";

const none = { channel: { source: own, group }, site: 0 };

/** Findings over evidence that the test writes; a look is one interval. */
class Bench {
  readonly claims = new Claims();
  readonly inDrops = {
    notIp: 0,
    scope: 0,
    foreignSource: 0,
    notOwned: 0,
    denied: 0,
    unwanted: 0,
    sourceCap: 0,
    rateLimit: 0,
    holdFull: 0,
    holdExpired: 0,
  };
  readonly outDrops = { notIp: 0, scope: 0, martian: 0, ownSource: 0, denied: 0, noMember: 0 };
  readonly strangers = { foreign: { ...none }, notOwned: { ...none } };
  readonly returned = { ...none };
  readonly row = {
    refused: {
      cappedGroups: [] as (typeof group)[],
      cappedChannels: new Map<string, { source: typeof own; group: typeof group }>(),
    },
  };
  readonly findings: SiteFindings;
  nowMs = 0;

  constructor() {
    const evidence = {
      site: "a",
      prefixes: [prefix],
      claims: this.claims,
      ingress: { drops: this.inDrops, strangers: this.strangers },
      egress: { drops: this.outDrops, returned: this.returned },
      row: this.row,
      nameOf: (site: number) => (site === 7 ? "b" : undefined),
    };
    this.findings = new SiteFindings(evidence, 0);
  }

  look(times = 1): this {
    for (let i = 0; i < times; i++) {
      this.nowMs = this.findings.nextDeadlineMs();
      this.findings.onDeadline(this.nowMs);
    }
    return this;
  }

  found(): [string, string][] {
    return this.findings.findings(this.nowMs).map(({ code, evidence }) => [code, evidence]);
  }
}

describe("DUPLICATE_LAN", () => {
  test("sources of another site that keep coming, not a stray one", () => {
    const bench = new Bench();
    bench.claims.onRows([{ site: "b", prefixes: ["10.2.0.0/16"] }]);
    bench.strangers.foreign.channel = { source: foreign, group };
    bench.inDrops.foreignSource = 3;
    bench.look();
    expect(bench.found()).toEqual([]);
    bench.look(3);
    expect(bench.found()).toEqual([]);
    for (let i = 0; i < 2; i++) {
      bench.inDrops.foreignSource += 10;
      bench.look();
    }
    expect(bench.found()).toEqual([
      [
        "DUPLICATE_LAN",
        "23 packets with sources of other sites on our LANs, " +
          "the last from 10.2.0.11 of b to 239.192.0.1",
      ],
    ]);
  });

  test("our own packets that keep coming back, with the site that brings them", () => {
    const bench = new Bench();
    bench.returned.site = 7;
    for (let i = 0; i < 2; i++) {
      bench.outDrops.ownSource += 5;
      bench.look();
    }
    const [finding] = bench.findings.findings(bench.nowMs);
    expect(finding).toMatchObject({
      code: "DUPLICATE_LAN",
      sinceMs: 2 * limits.findingsIntervalMs,
    });
    expect(finding?.evidence).toEndWith("the last by b from 10.1.0.11 to 239.192.0.1");
    expect(finding?.fix).toStartWith("separate the LANs");
  });

  test("lasts until there was no evidence for a while", () => {
    const bench = new Bench();
    for (let i = 0; i < 2; i++) {
      bench.outDrops.ownSource += 5;
      bench.look();
    }
    bench.look(limits.findingHoldMs / limits.findingsIntervalMs - 1);
    expect(bench.found()).toHaveLength(1);
    bench.look();
    expect(bench.found()).toEqual([]);
  });
});

test("OVERLAPPING_SUBNETS, a few of them by name", () => {
  const bench = new Bench();
  bench.claims.onRows([{ site: "b", prefixes: ["10.1.2.0/24"] }]);
  bench.look();
  expect(bench.found()).toEqual([["OVERLAPPING_SUBNETS", "10.1.0.0/16 of a and 10.1.2.0/24 of b"]]);
  const sites = ["b", "c", "d", "e", "f", "g"];
  bench.claims.onRows(sites.map((site) => ({ site, prefixes: ["10.1.2.0/24"] })));
  bench.look();
  expect(bench.found()[0]?.[1]).toEndWith(", and more");
});

test("UNOWNED_SOURCE names the source to add", () => {
  const bench = new Bench();
  bench.strangers.notOwned.channel = { source: address("10.3.0.1"), group };
  for (let i = 0; i < 2; i++) {
    bench.inDrops.notOwned++;
    bench.look();
  }
  expect(bench.found()[0]?.[0]).toBe("UNOWNED_SOURCE");
  expect(bench.found()[0]?.[1]).toContain("10.3.0.1");
});

test("RATE_LIMITED and CAP_REACHED", () => {
  const bench = new Bench();
  for (let i = 0; i < 2; i++) {
    bench.inDrops.rateLimit += 100;
    bench.look();
  }
  bench.row.refused.cappedGroups.push(group);
  bench.look();
  expect(bench.found()).toEqual([
    ["RATE_LIMITED", "200 packets dropped for their rate"],
    ["CAP_REACHED", "refused: 1 groups wanted here, 0 sources"],
  ]);
});
