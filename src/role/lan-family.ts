/**
 * One IP family of one LAN: composes the cores of `lan/` that hear reports and queries, and speaks
 * as querier and to switches. Each family has cores of its own, because each has its own querier
 * (RFC 9777 §7.6 elects among link-local addresses), whose values and presence rule the timers.
 */
import type { Address, Family } from "../base/address.ts";
import type { Prng } from "../base/prng.ts";
import { type Finding, Findings } from "../lan/findings.ts";
import {
  type IgmpVersion,
  leaveRecord,
  Membership,
  type MembershipRecord,
  reportRecord,
} from "../lan/membership.ts";
import { Querier, type QuerierMode } from "../lan/querier.ts";
import { RouterDiscovery, type RouterDiscoveryMode } from "../lan/router-discovery.ts";
import { limits } from "../limits.ts";
import type { MembershipPacket } from "../wire/membership-message.ts";
import { parseMrd, writeMrd } from "../wire/mrd.ts";
import type { Want } from "../wire/want.ts";
import { type MembershipCodec, membershipCodecs } from "./membership-codec.ts";
import type { LanVoice } from "./node.ts";

export type LanFamilyOptions = {
  readonly family: Family;
  readonly querier: QuerierMode;
  readonly routerDiscovery: RouterDiscoveryMode;
  readonly prng: Prng;
  /** Undefined where this host has no address to speak from: then we only listen. */
  readonly voice: LanVoice | undefined;
  readonly count: (what: string) => void;
};

export class LanFamily {
  readonly family: Family;
  readonly membership: Membership;
  readonly querier: Querier;
  readonly findings: Findings;
  readonly #codec: MembershipCodec;
  readonly #voice: LanVoice | undefined;
  readonly #discovery: RouterDiscovery;
  readonly #count: (what: string) => void;
  readonly #packet = new Uint8Array(limits.packetBytesMax);

  constructor(options: LanFamilyOptions, nowMs: number) {
    const { family, voice, prng, count } = options;
    this.family = family;
    this.#codec = membershipCodecs[family];
    this.#voice = voice;
    this.#count = count;
    const mode = voice ? options.querier : "off";
    // Where nobody asks, nobody refreshes: members must then not lapse by the clock.
    this.membership = new Membership(mode === "off" ? "keep" : "lapse");
    const timers = this.membership;
    const address = voice?.address ?? unspecified[family];
    this.querier = new Querier({ mode, address, timers }, nowMs);
    const intervalMs = limits.advertisementIntervalMs;
    const discovery = voice ? options.routerDiscovery : "off";
    this.#discovery = new RouterDiscovery(
      { mode: discovery, intervalMs, querying: timers, prng },
      nowMs,
    );
    this.findings = new Findings({ timers }, nowMs);
  }

  /** What of the LAN's wants may concern other sites. */
  *wants(): Generator<Want> {
    for (const want of this.membership.wants()) if (!staysOnLink(want.group)) yield want;
  }

  groups(nowMs: number): object[] {
    return [...this.membership.wants()].map((want) => ({
      ...want,
      ...this.#versionOf(want.group, nowMs),
      reporters: this.membership.reporters(want.group).map(({ reporter }) => reporter),
    }));
  }

  foundNow(nowMs: number): (Finding & { readonly family: Family })[] {
    return this.findings.findings(nowMs).map((one) => ({ family: this.family, ...one }));
  }

  // Facts.

  /** A packet of IGMP or MLD. */
  onPacket(bytes: Uint8Array, length: number, nowMs: number): void {
    const { protocol } = this.#codec;
    this.#count(`${protocol}Packets`);
    const packet = this.#codec.parse(bytes, length);
    if (typeof packet === "string") return this.#count(`${protocol}-fault-${packet}`);
    this.#onMessage(packet, nowMs);
    if (packet.message.kind === "other") this.#onOther(bytes, length, nowMs);
  }

  /** The process ends: say so where switches listen to our advertisements. */
  onExit(): void {
    this.#discovery.onExit();
    this.#advertise();
  }

  onDeadline(nowMs: number): void {
    this.membership.onDeadline(nowMs);
    this.querier.onDeadline(nowMs);
    this.#discovery.onDeadline(nowMs);
    this.findings.onDeadline(nowMs);
  }

  nextDeadlineMs(): number {
    return Math.min(
      this.membership.nextDeadlineMs(),
      this.querier.nextDeadlineMs(),
      this.#discovery.nextDeadlineMs(),
      this.findings.nextDeadlineMs(),
    );
  }

  /** After any fact: queries go out, and what changed is added to the lists. */
  settle(wants: Want[], lapsed: Address[], nowMs: number): void {
    for (let e = this.membership.takeEffect(); e; e = this.membership.takeEffect()) {
      if (e.kind === "query") this.querier.onSpecificQuery(e.group, e.sources, nowMs);
      else if (!staysOnLink(e.group)) this.#onChanged(e.group, wants, lapsed);
    }
    this.#sendQueries(nowMs);
    this.#advertise();
  }

  #onChanged(group: Address, wants: Want[], lapsed: Address[]): void {
    const want = this.membership.want(group);
    this.findings.onWant(group, want !== undefined);
    if (want) wants.push(want);
    else lapsed.push(group);
  }

  #versionOf(group: Address, nowMs: number): object {
    const igmpVersion = this.membership.versionOf(group, nowMs);
    return this.family === 4 ? { igmpVersion } : { mldVersion: igmpVersion - 1 };
  }

  #onMessage({ message, source, routerAlert }: MembershipPacket, nowMs: number): void {
    switch (message.kind) {
      case "query":
        // First the timers of that query, then the silence that is reckoned by them.
        this.membership.onQuery(message, nowMs);
        this.findings.onQuery({ ...message, source, isOurs: false }, nowMs);
        // Without Router Alert only version 1 takes part in elections (RFC 9776 §9.1).
        if (routerAlert || message.version === 1) this.querier.onQueryHeard(source, message, nowMs);
        return;
      case "report":
        return this.#onRecord(reportRecord(message.group), source, message.version, nowMs);
      case "leave":
        return this.#onRecord(leaveRecord(message.group), source, 2, nowMs);
      case "report3":
        for (const record of message.records) this.#onRecord(record, source, 3, nowMs);
        return;
      case "other":
        return this.#count(this.family === 4 ? "otherIgmp" : "otherMld");
    }
  }

  #onRecord(
    record: MembershipRecord,
    reporter: Address,
    version: IgmpVersion,
    nowMs: number,
  ): void {
    const { group, type, sources } = record;
    const outcome = this.membership.onRecord(record, reporter, version, nowMs);
    this.findings.onRecord({ group, reporter, version, outcome }, nowMs);
    const leaves = type === "to-in" && sources.length === 0 && outcome === "accepted";
    if (leaves) this.findings.onLeave(group, nowMs);
  }

  /** A switch that looks for routers gets its answer (RFC 4286 §4). */
  #onOther(bytes: Uint8Array, length: number, nowMs: number): void {
    const packet = parseMrd(bytes, 0, length);
    if (typeof packet === "string" || packet.message.kind !== "solicitation") return;
    this.#discovery.onSolicitation(nowMs);
  }

  #sendQueries(nowMs: number): void {
    const voice = this.#voice;
    if (!voice) return;
    for (let query = this.querier.takeQuery(); query; query = this.querier.takeQuery()) {
      const source = voice.address;
      this.membership.onQuery(query, nowMs);
      this.findings.onQuery({ ...query, source, isOurs: true }, nowMs);
      voice.send(this.#packet, this.#codec.writeQuery(this.#packet, query, source));
      this.#count("queriesSent");
    }
  }

  #advertise(): void {
    const voice = this.#voice;
    if (!voice) return;
    for (let e = this.#discovery.takeEffect(); e; e = this.#discovery.takeEffect()) {
      const message =
        e.kind === "advertise"
          ? { ...e, kind: "advertisement" as const }
          : { kind: "termination" as const };
      const { address: source } = voice;
      voice.send(this.#packet, writeMrd(this.#packet, { source, message }));
      this.#count("advertisementsSent");
    }
  }
}

const unspecified: Readonly<Record<Family, Address>> = {
  4: "0.0.0.0" as Address,
  6: "::" as Address,
};

/**
 * ffx2::/16: reported on IPv6 LANs by every host, for its own addresses at least (RFC 4861 §7.2.1),
 * and of no meaning beyond. Of IPv4 `Membership` takes no such record.
 */
const staysOnLink = (group: Address): boolean => /^ff[0-9a-f]2:/.test(group);
