import { describe, expect, test } from "bun:test";
import { type Address, address } from "../../src/base/address.ts";
import { TunnelHost } from "../../src/role/tunnel-host.ts";
import { parseIgmp } from "../../src/wire/igmp.ts";
import { type QueryFields, writeQuery, writeReport2 } from "../../src/wire/igmp-write.ts";
import type { MembershipPacket } from "../../src/wire/membership-message.ts";
import type { Want } from "../../src/wire/want.ts";

const group = address("233.252.0.1");
const channels = address("232.1.1.1");
const source = address("198.51.100.1");
const [router, own] = [address("192.0.0.1"), address("192.0.0.2")];

const general = {
  source: router,
  group: undefined,
  maxResponseMs: 1_000,
  version: 3,
  suppress: false,
  robustness: 2,
  queryIntervalMs: 125_000,
  sources: [],
} as const;

class Tunnel {
  readonly said: MembershipPacket[] = [];
  readonly host: TunnelHost;

  constructor() {
    const send = (bytes: Uint8Array, length: number): void => {
      const packet = parseIgmp(bytes, 0, length);
      expect(packet).not.toBeString();
      this.said.push(packet as MembershipPacket);
    };
    this.host = new TunnelHost({ address: own, send }, 1);
  }

  /** Runs until then and answers the messages that were sent. */
  run(untilMs: number): unknown[] {
    while (this.host.nextDeadlineMs() <= untilMs) {
      this.host.onDeadline(Math.max(0, this.host.nextDeadlineMs()));
    }
    return this.said.splice(0).map(({ message }) => message);
  }

  query(query: QueryFields, nowMs: number): void {
    const packet = new Uint8Array(256);
    this.host.onIgmp(packet, 0, writeQuery(packet, query), nowMs);
  }

  logs(): string[] {
    const texts: string[] = [];
    for (let effect = this.host.takeEffect(); effect; effect = this.host.takeEffect()) {
      if (effect.kind === "log") texts.push(`${effect.level}: ${effect.text}`);
    }
    return texts;
  }
}

const exclude = (...sources: Address[]): Want => ({ group, mode: "exclude", sources });
const channel: Want = { group: channels, mode: "include", sources: [source] };
const records = (...all: object[]) => expect.objectContaining({ kind: "report3", records: all });

describe("a host on the tunnel of the site's router", () => {
  test("says what is wanted at once, as a host of IGMPv3, and again", () => {
    const tunnel = new Tunnel();
    tunnel.host.onWant(channel);
    tunnel.host.onDeadline(0);
    expect(tunnel.said).toMatchObject([
      { source: own, destination: "224.0.0.22", routerAlert: true },
    ]);
    const allow = records({ type: "allow", group: channels, sources: [source] });
    expect(tunnel.run(10_000)).toEqual([allow, allow]);
  });

  test("RFC 5790 §4: sources that are excluded are not told", () => {
    const tunnel = new Tunnel();
    tunnel.host.onWant(exclude(source));
    const join = records({ type: "to-ex", group, sources: [] });
    expect(tunnel.run(10_000)).toEqual([join, join]);
    tunnel.host.onWant(exclude());
    expect(tunnel.run(20_000)).toEqual([]);
  });

  test("answers the router's query", () => {
    const tunnel = new Tunnel();
    tunnel.host.onWant(exclude());
    tunnel.run(10_000);
    tunnel.query(general, 10_000);
    expect(tunnel.run(11_000)).toEqual([records({ type: "is-ex", group, sources: [] })]);
  });

  test("an older querier: its version, and a warning that source-specific joins end", () => {
    const tunnel = new Tunnel();
    tunnel.host.onWant(exclude());
    tunnel.host.onWant(channel);
    tunnel.run(10_000);
    tunnel.query({ source: router, group: undefined, maxResponseMs: 1_000, version: 2 }, 10_000);
    expect(tunnel.run(11_000)).toEqual([{ kind: "report", version: 2, group }]);
    expect(tunnel.host.status).toEqual({ igmpVersion: 2, ssmImpossible: 1 });
    expect(tunnel.logs()).toEqual([expect.stringMatching(/^warning: .*IGMPv2.*\(1 wanted now\)/)]);
    tunnel.host.onUnwanted(group);
    expect(tunnel.run(12_000)).toEqual([{ kind: "leave", group }]);
    tunnel.run(400_000);
    expect(tunnel.host.status).toEqual({ igmpVersion: 3, ssmImpossible: 0 });
    expect(tunnel.logs()).toEqual([expect.stringContaining("possible")]);
  });

  test("IGMPv1: its report", () => {
    const tunnel = new Tunnel();
    tunnel.host.onWant(exclude());
    tunnel.run(10_000);
    const packet = new Uint8Array(256);
    const length = writeQuery(packet, {
      source: router,
      group: undefined,
      maxResponseMs: 100,
      version: 2,
    });
    packet[25] = 0; // no Max Resp Code: version 1
    packet.set([0xee, 0xff], 26);
    tunnel.host.onIgmp(packet, 0, length, 10_000);
    expect(tunnel.run(20_000)).toEqual([{ kind: "report", version: 1, group }]);
  });

  test("what the router's kernel reports, and what is damaged, is counted", () => {
    const tunnel = new Tunnel();
    const packet = new Uint8Array(256);
    const length = writeReport2(packet, { source: router, group });
    tunnel.host.onIgmp(packet, 0, length, 0);
    packet[length - 1] = 0xff;
    tunnel.host.onIgmp(packet, 0, length, 0);
    expect(tunnel.host.counters).toMatchObject({ othersReports: 1, "igmp-checksum": 1 });
    expect(tunnel.run(10_000)).toEqual([]);
  });
});
