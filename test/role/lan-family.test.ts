import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { Prng } from "../../src/base/prng.ts";
import { limits } from "../../src/limits.ts";
import { LanFamily } from "../../src/role/lan-family.ts";
import type { MldPacket } from "../../src/wire/mld.ts";
import { writeMldDone, writeMldReport1, writeMldReport2 } from "../../src/wire/mld-write.ts";
import { writeMrd } from "../../src/wire/mrd.ts";
import type { Want } from "../../src/wire/want.ts";
import { parse, wrap } from "../wire/mld-packet.ts";

const own = address("fe80::1");
const host = address("fe80::2");
const group = address("ff0e::4321");
const ssm = address("ff3e::1");
const source = address("2001:db8::11");

class Bench {
  readonly sent: MldPacket[] = [];
  readonly counts: { [what: string]: number; advertisementsSent: number } = {
    advertisementsSent: 0,
  };
  readonly family: LanFamily;
  readonly #into = new Uint8Array(1_500);

  constructor(voice: "speaks" | "mute" = "speaks", routerDiscovery: "on" | "off" = "off") {
    const send = (bytes: Uint8Array, length: number): void => {
      this.sent.push(parse(bytes.slice(0, length)) as MldPacket);
    };
    const options = {
      family: 6,
      querier: "on",
      routerDiscovery,
      prng: new Prng(1),
      voice: voice === "speaks" ? { address: own, send } : undefined,
      count: (what: string) => {
        this.counts[what] = (this.counts[what] ?? 0) + 1;
      },
    } as const;
    this.family = new LanFamily(options, 0);
  }

  /** Writes a packet, lets it be heard, and answers what changed. */
  hear(write: (into: Uint8Array) => number, nowMs: number): { wants: Want[]; lapsed: Address[] } {
    this.family.onPacket(this.#into, write(this.#into), nowMs);
    return this.settle(nowMs);
  }

  settle(nowMs: number): { wants: Want[]; lapsed: Address[] } {
    const wants: Want[] = [];
    const lapsed: Address[] = [];
    this.family.settle(wants, lapsed, nowMs);
    return { wants, lapsed };
  }

  /** Lets all deadlines up to an instant pass, and answers what changed. */
  runTo(nowMs: number): { wants: Want[]; lapsed: Address[] } {
    const wants: Want[] = [];
    const lapsed: Address[] = [];
    while (this.family.nextDeadlineMs() <= nowMs) {
      const atMs = this.family.nextDeadlineMs();
      this.family.onDeadline(atMs);
      this.family.settle(wants, lapsed, atMs);
    }
    return { wants, lapsed };
  }

  queries(): object[] {
    return this.sent.map(({ message }) => message).filter(({ kind }) => kind === "query");
  }
}

const joins =
  (to: Address, ...sources: Address[]) =>
  (into: Uint8Array): number => {
    const type = sources.length > 0 ? "allow" : "to-ex";
    return writeMldReport2(into, { source: host, records: [{ type, group: to, sources }] });
  };
const leaves = (into: Uint8Array): number =>
  writeMldReport2(into, { source: host, records: [{ type: "to-in", group, sources: [] }] });

describe("members by MLD", () => {
  test("a report of version 2 makes a member, of every source or of one", () => {
    const bench = new Bench();
    const everything = { group, mode: "exclude", sources: [] } as const;
    expect(bench.hear(joins(group), 10)).toEqual({ wants: [everything], lapsed: [] });
    const channel = { group: ssm, mode: "include", sources: [source] } as const;
    expect(bench.hear(joins(ssm, source), 20)).toEqual({ wants: [channel], lapsed: [] });
    expect([...bench.family.wants()]).toEqual([everything, channel]);
    expect(bench.family.groups(20)).toMatchObject([{ group, mldVersion: 2 }, { group: ssm }]);
  });

  test("a report and a done of version 1 do the same", () => {
    const bench = new Bench();
    const one = { source: host, group };
    expect(bench.hear((into) => writeMldReport1(into, one), 10).wants).toHaveLength(1);
    expect(bench.family.groups(10)).toMatchObject([{ group, mldVersion: 1 }]);
    bench.hear((into) => writeMldDone(into, one), 1_000);
    expect(bench.runTo(3_100).lapsed).toEqual([group]);
  });

  test("a leave asks from our link-local address, and lapses when nobody answers", () => {
    const bench = new Bench();
    bench.hear(joins(group), 10);
    bench.runTo(50);
    const before = bench.queries().length;
    bench.hear(leaves, 100);
    expect(bench.runTo(2_200)).toEqual({ wants: [], lapsed: [group] });
    expect(bench.queries().slice(before)).toMatchObject(
      Array.from({ length: limits.robustness }, () => ({ version: 2, group })),
    );
    expect(bench.sent.every((packet) => packet.source === own)).toBe(true);
  });

  test("groups of the link are kept, and told nobody (RFC 4861 §7.2.1)", () => {
    const bench = new Bench();
    expect(bench.hear(joins(address("ff02::1:ff00:11")), 10)).toEqual({ wants: [], lapsed: [] });
    expect(bench.family.membership.groupCount).toBe(1);
    expect([...bench.family.wants()]).toEqual([]);
  });

  test("what is no MLD is counted by its fault", () => {
    const bench = new Bench();
    const bytes = wrap(Uint8Array.of(143, 0, 0, 0, 0, 0, 0, 0), { hopLimit: 2 });
    bench.hear((into) => {
      into.set(bytes);
      return bytes.length;
    }, 0);
    expect(bench.counts).toMatchObject({ mldPackets: 1, "mld-fault-hop-limit": 1 });
  });
});

describe("our voice", () => {
  test("general queries from the start, for all nodes", () => {
    const bench = new Bench();
    bench.runTo(100);
    expect(bench.sent).toMatchObject([
      { source: own, destination: address("ff02::1"), routerAlert: true },
    ]);
  });

  test("a lower interface identifier silences us (RFC 9777 §7.6.2)", () => {
    const bench = new Bench();
    const other = new LanFamily(
      {
        family: 6,
        querier: "on",
        routerDiscovery: "off",
        prng: new Prng(1),
        voice: {
          address: address("fe80::"),
          send: (bytes, length) => bench.family.onPacket(bytes, length, 10),
        },
        count: () => {},
      },
      0,
    );
    bench.runTo(5);
    other.onDeadline(10);
    other.settle([], [], 10);
    expect(bench.family.querier.state).toMatchObject({ kind: "silent", querier: "fe80::" });
  });

  test("without an address we only listen, and members stay", () => {
    const bench = new Bench("mute", "on");
    bench.hear(joins(group), 10);
    expect(bench.runTo(1_000_000)).toEqual({ wants: [], lapsed: [] });
    expect(bench.sent).toEqual([]);
    expect(bench.family.querier.state).toEqual({ kind: "off" });
  });

  test("a switch that looks for routers is answered (RFC 4286 §4), and told our end", () => {
    const bench = new Bench("speaks", "on");
    bench.runTo(60_000);
    const before = bench.counts.advertisementsSent;
    const message = { kind: "solicitation" } as const;
    bench.hear((into) => writeMrd(into, { source: host, message }), 60_000);
    bench.runTo(60_000 + limits.initialAdvertisementIntervalMs);
    expect(bench.counts.advertisementsSent).toBe(before + 1);
    bench.family.onExit();
    expect(bench.sent.at(-1)?.message).toEqual({ kind: "other", type: 153 });
  });
});
