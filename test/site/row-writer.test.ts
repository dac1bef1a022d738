import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { SiteMembership } from "../../src/site/membership.ts";
import { openRules, Policy } from "../../src/site/policy.ts";
import { type RowRules, RowWriter } from "../../src/site/row-writer.ts";
import {
  decodeMessage,
  encodeMessage,
  type LanSender,
  rowBytes,
  type SiteRow,
} from "../../src/wire/message.ts";
import type { Want } from "../../src/wire/want.ts";
import {
  exclude,
  group,
  group2,
  include,
  lanMessage,
  openPolicy,
  own,
  prefix,
  rule,
  sender,
  ssm,
} from "./site.ts";

const frame = { site: "a", zone: "/a", gatewayControl: "", prefixes: ["10.1.0.0/16"] };

class Site {
  readonly membership = new SiteMembership([prefix]);
  readonly writer: RowWriter;

  constructor(incarnation = 100, rules: Partial<RowRules> = {}) {
    const all = { policy: openPolicy, groupsMax: 8_192, sourcesMax: 8_192, ...rules };
    this.writer = new RowWriter(frame, all, incarnation, 0);
  }

  tell(news: { wants?: Want[]; senders?: LanSender[] }, lan = "eth1"): this {
    this.membership.onLan({ lan, incarnation: 1 }, lanMessage(news), 0);
    return this;
  }

  row(nowMs: number, settling = false): SiteRow | undefined {
    return this.writer.due(this.membership, settling, nowMs);
  }
}

/** A row that other Gateways can read. */
function expectReadable(row: SiteRow | undefined): SiteRow {
  expect(row).toBeDefined();
  const decoded = decodeMessage(encodeMessage({ kind: "rows", rows: [row as SiteRow] }));
  expect(decoded).toEqual({ kind: "rows", rows: [row as SiteRow] });
  return row as SiteRow;
}

describe("when a row is published", () => {
  test("at the start, then when something has changed, gathered over 20 ms", () => {
    const site = new Site();
    expect(site.row(0)).toMatchObject({ incarnation: 100, sequence: 1, wants: [] });
    expect(site.row(1_000)).toBeUndefined();
    site.tell({ wants: [exclude(group)] });
    site.writer.onChanged(1_000);
    site.writer.onChanged(1_015);
    expect(site.writer.nextDeadlineMs()).toBe(1_000 + limits.rowIntervalMs);
    expect(site.row(1_019)).toBeUndefined();
    expect(site.row(1_020)).toMatchObject({ sequence: 2, wants: [exclude(group)] });
    expect(site.row(1_020)).toBeUndefined();
  });

  test("refreshed while nothing changes", () => {
    const site = new Site();
    site.row(0);
    expect(site.writer.nextDeadlineMs()).toBe(limits.rowRefreshMs);
    expect(site.row(limits.rowRefreshMs)?.sequence).toBe(2);
    expect(site.writer.nextDeadlineMs()).toBe(2 * limits.rowRefreshMs);
  });

  test("a new sender's packets are waiting: at once", () => {
    const site = new Site();
    site.row(0);
    site.writer.onSeen([{ source: own, group }], 500);
    expect(site.row(500)?.sends).toEqual([{ source: own, group }]);
    site.writer.onSeen([{ source: own, group }], 600);
    expect(site.row(600)).toBeUndefined();
  });

  test("what the Router says of itself", () => {
    const site = new Site();
    expect(site.row(0)).toMatchObject({ router: "", routerControl: "" });
    site.writer.onRouter("192.0.2.1:7800", "192.0.2.1:7880", 100);
    const row = expectReadable(site.row(120, true));
    expect(row).toMatchObject({ router: "192.0.2.1:7800", routerControl: "192.0.2.1:7880" });
    expect(row.settling).toBe(true);
  });
});

describe("what a row says", () => {
  test("groups and senders that may cross, each once", () => {
    const site = new Site();
    const local = ["224.0.0.5", "239.255.1.1"].map((text) => exclude(address(text)));
    const senders = [sender(own, group), sender(own, address("239.255.1.1"))];
    site.tell({ wants: [exclude(group), ...local], senders });
    site.writer.onSeen(
      [
        { source: own, group },
        { source: own, group: group2 },
      ],
      0,
    );
    const row = expectReadable(site.row(0));
    expect(row.wants).toEqual([exclude(group)]);
    expect(row.sends).toEqual([
      { source: own, group },
      { source: own, group: group2 },
    ]);
  });

  test("a channel seen at the ingress is forgotten after PIM's keep-alive", () => {
    const site = new Site();
    site.writer.onSeen([{ source: own, group }], 0);
    expect(site.row(limits.senderSilenceMs - 1)?.sends).toHaveLength(1);
    expect(site.row(limits.senderSilenceMs + limits.rowRefreshMs)?.sends).toEqual([]);
  });
});

describe("what the site's policy and bounds leave out", () => {
  const numbered = (i: number): Address => address(`239.192.1.${i}`);
  const names = (row: SiteRow | undefined): Address[] | undefined =>
    row?.wants.map((want) => want.group);

  test("denied wants and sends", () => {
    const policy = new Policy({
      ...openRules,
      in: [rule(`deny ${group}`), rule("deny 232.0.0.0/8 from 10.2.0.0/16")],
      out: [rule(`deny ${group2} from ${own}`)],
    });
    const site = new Site(1, { policy });
    const far = address("10.3.0.1");
    const senders = [sender(own, group), sender(own, group2)];
    site.tell({ wants: [exclude(group), include(ssm, address("10.2.0.1"), far)], senders });
    const row = expectReadable(site.row(0));
    expect(row.wants).toEqual([include(ssm, far)]);
    expect(row.sends).toEqual([{ source: own, group }]);
    expect(site.writer.counters).toMatchObject({ wantsDenied: 1, sendsDenied: 1 });
    expect(site.writer.refused.deniedGroups).toEqual([group]);
    expect([...site.writer.refused.deniedChannels.values()]).toEqual([
      { source: own, group: group2 },
    ]);
  });

  test("groups beyond the cap wait until one that stands is gone", () => {
    const site = new Site(1, { groupsMax: 2 });
    site.tell({ wants: [1, 2, 3, 4].map((i) => exclude(numbered(i))) });
    expect(names(site.row(0))).toEqual([numbered(1), numbered(2)]);
    expect(site.writer.counters.wantsOverCap).toBe(2);
    site.membership.onLan(
      { lan: "eth1", incarnation: 1 },
      lanMessage({ lapsed: [numbered(1)], wants: [exclude(numbered(5))] }),
      0,
    );
    site.membership.onDeadline(limits.withdrawHoldMs);
    expect(names(site.row(limits.rowRefreshMs))).toEqual([numbered(2), numbered(3)]);
    expect(site.writer.refused.cappedGroups).toEqual([numbered(4), numbered(5)]);
  });

  test("sources beyond the cap wait; those that stand keep their places", () => {
    const site = new Site(1, { sourcesMax: 2 });
    site.tell({ senders: [sender(own, numbered(1)), sender(own, numbered(2))] });
    site.row(0);
    site.writer.onSeen([{ source: own, group: numbered(3) }], 100);
    expect(site.writer.nextDeadlineMs()).toBe(100 + limits.rowIntervalMs);
    const row = site.row(200);
    expect(row?.sends.map((channel) => channel.group)).toEqual([numbered(1), numbered(2)]);
    expect([...site.writer.refused.cappedChannels.keys()]).toEqual([`${own} ${numbered(3)}`]);
    expect(site.writer.counters.sendsOverCap).toBe(1);
    const silent = [{ source: own, group: numbered(1) }];
    site.membership.onLan({ lan: "eth1", incarnation: 1 }, lanMessage({ silent }), 300);
    const next = site.row(limits.rowRefreshMs * 2);
    expect(next?.sends.map((channel) => channel.group)).toEqual([numbered(2), numbered(3)]);
    expect(site.writer.refused.cappedChannels.size).toBe(0);
  });
});

describe("a row of an earlier life", () => {
  test("that is ahead is outdone", () => {
    const site = new Site(100);
    site.row(0);
    expect(site.writer.outdoneBy(undefined)).toBe(false);
    expect(site.writer.outdoneBy({ incarnation: 99, sequence: 50 })).toBe(false);
    expect(site.writer.outdoneBy({ incarnation: 100, sequence: 1 })).toBe(false);
    expect(site.writer.outdoneBy({ incarnation: 300, sequence: 7 })).toBe(true);
    expect(site.writer.outdoneBy({ incarnation: 300, sequence: 7 })).toBe(false);
    site.writer.onChanged(10);
    expect(site.row(30)).toMatchObject({ incarnation: 301 });
  });

  test("of the same incarnation counts by its sequence", () => {
    const site = new Site(100);
    site.row(0);
    expect(site.writer.outdoneBy({ incarnation: 100, sequence: 2 })).toBe(true);
    site.writer.onChanged(0);
    expect(site.row(20)?.incarnation).toBe(101);
  });
});

describe("bounds", () => {
  const numbered = (i: number): Address => address(`239.192.${i >>> 8}.${i & 255}`);

  test("what does not fit a message is left out and counted, groups last", () => {
    const site = new Site();
    const groups = Array.from({ length: limits.groupsPerLanMax }, (_, i) => numbered(i));
    site.tell({
      wants: groups.map((of) => exclude(of)),
      senders: groups.map((of) => sender(own, of)),
    });
    const row = expectReadable(site.row(0));
    expect(rowBytes(row)).toBeLessThanOrEqual(limits.rowBytesMax);
    expect(row.wants.length).toBeGreaterThan(1_000);
    const { wantsLeftOut, sendsLeftOut } = site.writer.counters;
    expect(wantsLeftOut).toBe(groups.length - row.wants.length);
    expect(sendsLeftOut).toBe(groups.length);
    expect(row.sends).toEqual([]);
  });

  test("senders give way to groups", () => {
    const site = new Site();
    const groups = Array.from({ length: 1_500 }, (_, i) => numbered(i));
    site.tell({
      wants: groups.map((of) => exclude(of)),
      senders: groups.map((of) => sender(own, of)),
    });
    const row = expectReadable(site.row(0));
    expect(row.wants).toHaveLength(1_500);
    expect(row.sends.length).toBeLessThan(1_500);
  });

  test("a want of several LANs with more sources than a row may name is still readable", () => {
    const site = new Site();
    for (const lan of [1, 2]) {
      const sources = Array.from({ length: 60 }, (_, i) => address(`10.2.${lan}.${i}`));
      site.tell({ wants: [include(group, ...sources), include(ssm, ...sources)] }, `eth${lan}`);
      site.tell({ wants: [exclude(group2, ...sources)] }, `eth${lan}`);
    }
    const row = expectReadable(site.row(0));
    const want = (of: Address): Want | undefined => row.wants.find((one) => one.group === of);
    expect(want(group)).toEqual(exclude(group));
    expect(want(ssm)?.sources).toHaveLength(limits.sourcesPerGroupMax);
    expect(want(group2)).toEqual(exclude(group2));
  });
});
