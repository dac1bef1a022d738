/**
 * FastCast as a host on a tunnel to the site's own multicast router (RFC 9776 §5): composes the
 * listener's core with IGMP. The router asks, this host answers with the groups and channels that
 * other sites want, and so the router sends it their packets. It owns no socket: the tunnel is a
 * `LanVoice`. Reports that the router's own kernel makes on the tunnel are counted and dropped.
 */
import type { Address } from "../base/address.ts";
import { unreachable } from "../base/assert.ts";
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Listener, type ListenerReport } from "../lan/listener.ts";
import { limits } from "../limits.ts";
import { parseIgmp } from "../wire/igmp.ts";
import { writeLeave2, writeReport1, writeReport2, writeReport3 } from "../wire/igmp-write.ts";
import type { Want } from "../wire/want.ts";
import type { Effect, LanVoice, Node } from "./node.ts";

/** Whatever the tunnel takes, routers read reports into buffers for an ordinary LAN. */
const mtuBytes = 1_500;

export class TunnelHost implements Node {
  readonly counters: Record<string, number> = { othersReports: 0, otherMessages: 0 };
  readonly #voice: LanVoice;
  readonly #listener: Listener;
  readonly #packet = new Uint8Array(new ArrayBuffer(mtuBytes));
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  #versionTold = 3;

  constructor(voice: LanVoice, seed: number) {
    this.#voice = voice;
    this.#listener = new Listener({ family: 4, mtuBytes }, new Prng(seed));
  }

  /** What the control endpoint shows: a version below 3 makes source-specific joins impossible. */
  get status(): { readonly igmpVersion: number; readonly ssmImpossible: number } {
    const { version, ssmImpossible } = this.#listener;
    return { igmpVersion: version, ssmImpossible };
  }

  get listenerCounts(): Readonly<Record<string, number>> {
    return this.#listener.counts;
  }

  /**
   * The group is wanted so by other sites; replaces what stood. Sources that they exclude are not
   * told (RFC 5790 §4): the ingress drops them, and pimd takes no report that names some.
   */
  onWant(want: Want): void {
    this.#listener.onWant(want.mode === "exclude" ? { ...want, sources: [] } : want);
  }

  onUnwanted(group: Address): void {
    this.#listener.onUnwanted(group);
  }

  /** An IGMP packet that the router, or its kernel, sent into the tunnel. */
  onIgmp(bytes: Uint8Array, from: number, to: number, nowMs: number): void {
    const packet = parseIgmp(bytes, from, to);
    if (typeof packet === "string") {
      return this.#count(`igmp-${packet}`);
    }
    const { message } = packet;
    switch (message.kind) {
      case "query":
        this.#listener.onQuery(message, nowMs);
        return this.#speak(nowMs);
      case "report":
      case "report3":
      case "leave":
        return this.#count("othersReports");
      case "other":
        return this.#count("otherMessages");
      default:
        return unreachable(message);
    }
  }

  onDeadline(nowMs: number): void {
    this.#listener.onDeadline(nowMs);
    this.#speak(nowMs);
  }

  nextDeadlineMs(): number {
    return this.#listener.nextDeadlineMs();
  }

  takeEffect(): Effect | undefined {
    return this.#effects.take();
  }

  // A host on a tunnel has no connections.

  onConnected(): void {}
  onDialFailed(): void {}
  onBytes(): void {}
  onClosed(): void {}
  outbox(): undefined {
    return undefined;
  }

  #speak(nowMs: number): void {
    if (this.#listener.nextDeadlineMs() <= nowMs) this.#listener.onDeadline(nowMs);
    const listener = this.#listener;
    for (let report = listener.takeReport(); report; report = listener.takeReport()) {
      this.#voice.send(this.#packet, this.#write(report));
    }
    const { igmpVersion, ssmImpossible } = this.status;
    if (igmpVersion === this.#versionTold) return;
    this.#versionTold = igmpVersion;
    const level = igmpVersion === 3 ? "info" : "warning";
    const text =
      igmpVersion === 3
        ? "the site's router asks in IGMPv3 again: source-specific joins are possible"
        : `the site's router asks in IGMPv${igmpVersion}: no source-specific join is possible ` +
          `(${ssmImpossible} wanted now). Set it to IGMPv3 on the tunnel.`;
    this.#effects.push({ kind: "log", level, text });
  }

  #write(report: ListenerReport): number {
    const { address: source } = this.#voice;
    switch (report.kind) {
      case "report3":
        return writeReport3(this.#packet, { source, records: report.records });
      case "report": {
        const write = report.version === 1 ? writeReport1 : writeReport2;
        return write(this.#packet, { source, group: report.group });
      }
      case "leave":
        return writeLeave2(this.#packet, { source, group: report.group });
      default:
        return unreachable(report);
    }
  }

  #count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }
}
