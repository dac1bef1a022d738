import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { Gateway } from "../../src/role/gateway.ts";
import type { SiteInterface } from "../../src/role/node.ts";
import type { EdgePolicy } from "../../src/site/edge.ts";
import { frameHeaderBytes, writeDataHeader } from "../../src/wire/frame.ts";
import { siteNumber } from "../../src/wire/hello.ts";
import { encodeMessage, type MessageOf, type SiteRow } from "../../src/wire/message.ts";
import type { Want } from "../../src/wire/want.ts";
import {
  exclude,
  foreign,
  framed,
  group,
  group2,
  lanMessage,
  own,
  own2,
  packet,
  prefix,
  row,
  rule,
  rules,
} from "../site/site.ts";
import { effectsOf, FarEnd } from "./far-end.ts";

class FakeSite implements SiteInterface {
  readonly kind = "fake";
  readonly lans = [{ name: "eth1", prefixes: [prefix] }];
  readonly wants = new Map<Address, Want>();
  readonly emitted: number[] = [];
  allow(want: Want): void {
    this.wants.set(want.group, want);
  }
  forbid(of: Address): void {
    this.wants.delete(of);
  }
  emit(lans: number): void {
    this.emitted.push(lans);
  }
  flush(): void {}
  counters(): Readonly<Record<string, number>> {
    return {};
  }
}

const options = {
  fabric: "fabric",
  site: "a",
  zone: "/a",
  incarnation: 10,
  router: "192.0.2.1:7800",
  control: "192.0.2.1:7881",
  prefixes: [],
  seed: 1,
};

class Bench {
  readonly site = new FakeSite();
  readonly gateway: Gateway;
  readonly router: FarEnd;
  nowMs = 0;

  constructor(policy: EdgePolicy = {}) {
    this.gateway = new Gateway({ ...options, ...policy }, this.site, 0);
    this.gateway.onDeadline(0);
    expect(effectsOf(this.gateway)).toMatchObject([{ kind: "dial", tag: "router" }]);
    this.router = new FarEnd(this.gateway, 1, { kind: "router", name: "a", tag: "router" }, 0);
    this.router.tell({ kind: "router", endpoint: "192.0.2.1:7800", control: "" }, 0);
    this.router.link.sendNeighbour(siteNumber("b"), true, "b");
    this.router.exchange(0);
  }

  at(nowMs: number): this {
    while (this.gateway.nextDeadlineMs() <= nowMs) {
      this.nowMs = Math.max(this.nowMs, this.gateway.nextDeadlineMs());
      this.gateway.onDeadline(this.nowMs);
      this.router.exchange(this.nowMs);
    }
    this.nowMs = nowMs;
    return this;
  }

  /** The rows of ours that the neighbour got. */
  published(): SiteRow[] {
    return this.router.messages.flatMap(({ message }) =>
      message.kind === "rows" ? message.rows : [],
    );
  }

  hearRow(fields: Partial<SiteRow>): void {
    const message: MessageOf<"rows"> = { kind: "rows", rows: [row("b", fields)] };
    this.router.tell(message, this.nowMs, siteNumber("b"));
  }

  eavesdropper(port: number, incarnation = 1): FarEnd {
    return new FarEnd(
      this.gateway,
      port,
      { kind: "eavesdropper", name: "a/eth1", incarnation },
      this.nowMs,
    );
  }
}

describe("between its site and the others", () => {
  test("a join becomes a row to every neighbour within 20 ms", () => {
    const bench = new Bench().at(100);
    const lan = bench.eavesdropper(2);
    lan.tell(lanMessage({ full: true, wants: [exclude(group)] }), 100);
    bench.at(100 + limits.rowIntervalMs);
    const last = bench.published().at(-1);
    expect(last).toMatchObject({ site: "a", incarnation: 10, settling: true });
    expect(last?.wants).toEqual([exclude(group)]);
    expect(last?.router).toBe("192.0.2.1:7800");
  });

  test("settling ends, and is told", () => {
    const bench = new Bench().at(limits.settlingMs + limits.rowIntervalMs);
    expect(bench.published().at(-1)).toMatchObject({ settling: false });
    expect(bench.gateway.settling).toBe(false);
  });

  test("what others want is asked of the site, and its Router learns where they are", () => {
    const bench = new Bench();
    bench.hearRow({ wants: [exclude(group)] });
    expect([...bench.site.wants.values()]).toEqual([exclude(group)]);
    expect(bench.router.messages.at(-1)?.message).toEqual({
      kind: "neighbours",
      full: true,
      sites: [{ site: "b", endpoint: "192.0.2.1:7800" }],
    });
    bench.hearRow({ sequence: 2, wants: [exclude(group2)] });
    expect([...bench.site.wants.keys()]).toEqual([group2]);
  });

  test("a new sender shows in the row at once; its packets wait for the flow, in order", () => {
    const bench = new Bench().at(1_000);
    bench.hearRow({ wants: [exclude(group)] });
    const bytes = framed([packet(own, group, 1), packet(own, group, 2)]);
    bench.gateway.onCaptured(bytes, bytes.length, 1_000);
    bench.router.exchange(1_000);
    expect(bench.published().at(-1)?.sends).toEqual([{ source: own, group }]);
    expect(bench.router.data).toEqual([]);
    const flows = [{ flow: 5, channels: [{ group }] }];
    expect(bench.gateway.assign({ term: 2, manager: "m" }, flows, 0)).toBe("assigned");
    bench.router.exchange(1_000);
    const sizes = bench.router.data.map((frames) => frames.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2 * (24 + 20) + 3);
    expect(bench.gateway.assign({ term: 1, manager: "m" }, [], 0)).toBe("stale-epoch");
    expect(bench.gateway.ingress.assignments).toEqual(flows);
  });

  test("a steady sender that no Eavesdropper reports stays in the row", () => {
    const bench = new Bench().at(1_000);
    bench.hearRow({ wants: [exclude(group)] });
    for (let ms = 1_000; ms < 2 * limits.senderSilenceMs; ms += 1_000) {
      bench.at(ms);
      if (ms % 20_000 === 0) bench.hearRow({ sequence: ms, wants: [exclude(group)] });
      const bytes = framed([packet(own, group)]);
      bench.gateway.onCaptured(bytes, bytes.length, ms);
      bench.router.exchange(ms);
      expect(bench.published().at(-1)?.sends).toEqual([{ source: own, group }]);
    }
  });

  test("frames come out on the LANs with members", () => {
    const bench = new Bench().at(limits.settlingMs);
    const bytes = framed([packet(foreign, group)]);
    bench.router.link.sendData(bytes, 0, bytes.length, 1);
    bench.router.exchange(bench.nowMs);
    expect(bench.site.emitted).toEqual([]);
    bench.eavesdropper(2).tell(lanMessage({ full: true, wants: [exclude(group)] }), bench.nowMs);
    bench.router.link.sendData(bytes, 0, bytes.length, 1);
    bench.router.exchange(bench.nowMs);
    expect(bench.site.emitted).toEqual([1]);
  });

  test("more channels than a Gateway takes leave it as it was", () => {
    const { gateway } = new Bench();
    const channels = Array.from({ length: limits.channelsPerSiteMax + 1 }, () => ({ group }));
    expect(gateway.assign({ term: 9, manager: "m" }, [{ flow: 1, channels }], 0)).toBe(
      "table-full",
    );
    expect(gateway.epoch).toBeUndefined();
  });
});

describe("the site's policy", () => {
  test("denied groups are not asked of the site, not stamped, and not emitted", () => {
    const bench = new Bench({
      policy: { ...rules("in", [`deny ${group2}`]), out: [rule(`deny ${group}`)] },
    });
    bench.at(limits.settlingMs);
    const wants = [exclude(group), exclude(group2)];
    bench.hearRow({ wants });
    expect([...bench.site.wants.keys()]).toEqual([group2]);
    bench.eavesdropper(2).tell(lanMessage({ full: true, wants }), bench.nowMs);
    bench.at(bench.nowMs + limits.rowIntervalMs);
    expect(bench.published().at(-1)?.wants).toEqual([exclude(group)]);
    const captured = framed([packet(own, group)]);
    bench.gateway.onCaptured(captured, captured.length, bench.nowMs);
    expect(bench.gateway.ingress.drops.denied).toBe(1);
    const arrived = framed([packet(foreign, group2)]);
    bench.router.link.sendData(arrived, 0, arrived.length, 1);
    bench.router.exchange(bench.nowMs);
    expect(bench.site.emitted).toEqual([]);
    expect(bench.gateway.egress.drops.denied).toBe(1);
  });

  test("a source beyond the cap is dropped from its second packet on at the latest", () => {
    const bench = new Bench({ limits: { groups: 8, sources: 1 } }).at(1_000);
    bench.hearRow({ wants: [exclude(group)] });
    bench.gateway.assign({ term: 1, manager: "m" }, [{ flow: 5, channels: [{ group }] }], 0);
    for (let i = 0; i < 5; i++) {
      bench.at(1_000 + 100 * i);
      const bytes = framed([packet(own, group), packet(own2, group)]);
      bench.gateway.onCaptured(bytes, bytes.length, bench.nowMs);
      bench.router.exchange(bench.nowMs);
    }
    expect(bench.published().at(-1)?.sends).toEqual([{ source: own, group }]);
    expect(bench.gateway.ingress.drops.sourceCap).toBe(4);
    expect(bench.gateway.ingress.counters.stamped).toBe(6);
  });

  test("a LAN that two sites share shows in the findings, with the other site's name", () => {
    const bench = new Bench();
    bench.hearRow({ prefixes: ["10.2.0.0/16"], wants: [exclude(group)] });
    const bytes = framed([packet(foreign, group)]);
    const returning = framed([packet(own, group)]);
    writeDataHeader(returning, 0, returning.length - frameHeaderBytes, 5, siteNumber("b"), 0);
    for (let i = 0; i < 3; i++) {
      bench.gateway.onCaptured(bytes, bytes.length, bench.nowMs);
      bench.router.link.sendData(returning, 0, returning.length, 1);
      bench.router.exchange(bench.nowMs);
      bench.at(bench.nowMs + limits.findingsIntervalMs);
    }
    const found = bench.gateway.findings(bench.nowMs);
    expect(found.map(({ code }) => code)).toEqual(["DUPLICATE_LAN"]);
    expect(found[0]?.evidence).toContain(`${foreign} of b`);
    expect(found[0]?.evidence).toContain(`the last by b from ${own}`);
  });
});

describe("Eavesdroppers", () => {
  test("a connection that ends while its successor stands loses no members", () => {
    const bench = new Bench().at(limits.settlingMs);
    const wants = [exclude(group)];
    bench.eavesdropper(2).tell(lanMessage({ full: true, wants }), bench.nowMs);
    bench.eavesdropper(3).tell(lanMessage({ full: true, wants }), bench.nowMs);
    bench.gateway.onClosed(2, bench.nowMs);
    expect(bench.gateway.membership.lanNames()).toMatchObject([{ present: true }]);
    bench.gateway.onClosed(3, bench.nowMs);
    expect(bench.gateway.membership.lanNames()).toMatchObject([{ present: false, groups: 1 }]);
  });

  test("one that starts anew knows nothing yet: its site still wants what it wanted", () => {
    const bench = new Bench().at(limits.settlingMs);
    const wants = [exclude(group)];
    bench.eavesdropper(2, 100).tell(lanMessage({ full: true, wants }), bench.nowMs);
    bench.gateway.onClosed(2, bench.nowMs);
    bench.eavesdropper(3, 200).tell(lanMessage({ full: true }), bench.nowMs);
    bench.at(bench.nowMs + 1_900);
    expect(bench.gateway.membership.want(group)).toEqual(exclude(group));
  });

  test("those of another site are not taken", () => {
    const bench = new Bench();
    const wrong = { kind: "eavesdropper", name: "b/eth1" } as const;
    const lan = new FarEnd(bench.gateway, 4, wrong, 0);
    expect(lan.link.isUp).toBe(false);
    expect(effectsOf(bench.gateway)).toContainEqual({ kind: "close", port: 4 });
  });
});

describe("a row of an earlier life with a clock ahead", () => {
  test("is outdone, and the new one wins", () => {
    const bench = new Bench().at(1_000);
    const rows = [{ site: "a", incarnation: 500, sequence: 9 }];
    bench.router.tell({ kind: "digest", reply: false, rows }, 1_000, siteNumber("b"));
    bench.at(1_100);
    expect(bench.published().at(-1)?.incarnation).toBe(501);
  });
});

test("without its Router it drops and counts, and dials again", () => {
  const bench = new Bench();
  bench.hearRow({ wants: [exclude(group)] });
  bench.gateway.assign({ term: 1, manager: "m" }, [{ flow: 5, channels: [{ group }] }], 0);
  bench.gateway.onClosed(1, 100);
  const bytes = framed([packet(own, group), packet(own, group)]);
  bench.gateway.onCaptured(bytes, bytes.length, 100);
  expect(bench.gateway.counters.routerLinkDrops).toBe(2);
  effectsOf(bench.gateway);
  bench.gateway.onDeadline(100 + 4 * limits.redialMinMs);
  expect(effectsOf(bench.gateway)).toMatchObject([{ kind: "dial", tag: "router" }]);
});

describe("very many sites", () => {
  test("are told to the Router in parts, which begin anew each time", () => {
    const bench = new Bench().at(100);
    const longest = "x".repeat(limits.siteNameBytesMax - 4);
    const sites = Array.from(
      { length: 2_000 },
      (_, i) => `${longest}${String(i).padStart(4, "0")}`,
    );
    const rows = sites.map((site) => row(site, {}));
    for (let from = 0; from < rows.length; from += 100) {
      const part = rows.slice(from, from + 100);
      bench.router.tell({ kind: "rows", rows: part }, bench.nowMs, siteNumber("b"));
    }
    const lists = bench.router.messages.flatMap(({ message }) =>
      message.kind === "neighbours" ? [message] : [],
    );
    const begin = lists.findLastIndex(({ full }) => full);
    const last = lists.slice(begin).flatMap((list) => list.sites.map(({ site }) => site));
    expect(last).toEqual(sites);
  });

  test("do not cut the Router's link with their rows: what finds no room waits", () => {
    const bench = new Bench().at(100);
    const wants = Array.from({ length: 3_000 }, (_, i) =>
      exclude(address(`239.193.${i >> 8}.${i & 255}`)),
    );
    for (let i = 0; i < 30; i++) {
      const message: MessageOf<"rows"> = { kind: "rows", rows: [row(`s${i}`, { wants })] };
      bench.router.tell(message, bench.nowMs, siteNumber("b"));
    }
    const before = bench.router.messages.length;
    // A neighbour that knows nothing yet asks, while nothing leaves.
    const stuck = bench.gateway.outbox(1);
    bench.router.link.sendNeighbour(siteNumber("c"), true, "c");
    const digest: MessageOf<"digest"> = { kind: "digest", reply: false, rows: [] };
    bench.router.link.sendMessage(siteNumber("c"), encodeMessage(digest));
    bench.router.link.outbox.drain((memory, offset, length) => {
      bench.gateway.onBytes(1, memory.slice(offset, offset + length), bench.nowMs);
      return length;
    });
    expect(bench.gateway.routerLinked).toBe(true);
    expect(stuck?.controlFreeBytes).toBeGreaterThan(0);
    for (let nowMs = 200; nowMs < 1_800; nowMs += 100) bench.at(nowMs).router.exchange(nowMs);
    const told = bench.router.messages.slice(before).filter(({ site }) => site === siteNumber("c"));
    const rows = told.flatMap(({ message }) => (message.kind === "rows" ? message.rows : []));
    expect(new Set(rows.map(({ site }) => site)).size).toBeGreaterThanOrEqual(30);
  });
});
