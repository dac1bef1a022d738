/**
 * The Eavesdropper of one LAN: hears IGMP and the headers of data, composes the cores of `lan/`,
 * and tells its Gateway who listens and who sends: a snapshot when the connection stands, then
 * changes. It forwards nothing. On the LAN it sends queries where it is the querier, and router
 * advertisements (RFC 4286) where it is asked to.
 */
import type { Address } from "../base/address.ts";
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Link, type LinkOwner } from "../flow/link.ts";
import type { Outbox } from "../flow/outbox.ts";
import { type Finding, Findings } from "../lan/findings.ts";
import {
  type IgmpVersion,
  leaveRecord,
  Membership,
  type MembershipRecord,
  reportRecord,
} from "../lan/membership.ts";
import { type LanNews, lanMessages } from "../lan/news.ts";
import { Querier, type QuerierMode } from "../lan/querier.ts";
import { RouterDiscovery, type RouterDiscoveryMode } from "../lan/router-discovery.ts";
import { type Sender, Senders } from "../lan/senders.ts";
import { limits } from "../limits.ts";
import { type IgmpPacket, parseIgmp } from "../wire/igmp.ts";
import { writeQuery } from "../wire/igmp-write.ts";
import { encodeMessage, type LanSender, type MessageOf } from "../wire/message.ts";
import { parseMrd, writeMrd } from "../wire/mrd.ts";
import type { Want } from "../wire/want.ts";
import type { Effect, LanVoice, Node, Port } from "./node.ts";

export type EavesdropperOptions = {
  readonly fabric: string;
  readonly site: string;
  readonly lan: string;
  readonly incarnation: number;
  readonly gateway: string;
  readonly querier: QuerierMode;
  readonly routerDiscovery: RouterDiscoveryMode;
  readonly seed: number;
};

type Channel = { readonly source: Address; readonly group: Address };

export class Eavesdropper implements Node, LinkOwner {
  readonly counters: Record<string, number> = {
    igmpPackets: 0,
    queriesSent: 0,
    advertisementsSent: 0,
  };
  readonly #options: EavesdropperOptions;
  readonly #voice: LanVoice;
  readonly #membership: Membership;
  readonly #querier: Querier;
  readonly #discovery: RouterDiscovery;
  readonly #findings: Findings;
  readonly #senders: Senders;
  readonly #prng: Prng;
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  readonly #packet = new Uint8Array(limits.packetBytesMax);
  readonly #waiting: MessageOf<"lan">[] = [];
  #link: Link | undefined;
  #dialMs: number;
  #ratesMs: number;

  constructor(options: EavesdropperOptions, voice: LanVoice, nowMs: number) {
    this.#options = options;
    this.#voice = voice;
    this.#prng = new Prng(options.seed);
    this.#senders = new Senders(options.seed);
    const { querier: mode, routerDiscovery } = options;
    // Where nobody asks, nobody refreshes: members must then not lapse by the clock.
    this.#membership = new Membership(mode === "off" ? "keep" : "lapse");
    const timers = this.#membership;
    this.#querier = new Querier({ mode, address: voice.address, timers }, nowMs);
    const intervalMs = limits.advertisementIntervalMs;
    const discovery = { mode: routerDiscovery, intervalMs, querying: timers, prng: this.#prng };
    this.#discovery = new RouterDiscovery(discovery, nowMs);
    this.#findings = new Findings({ timers }, nowMs);
    this.#dialMs = nowMs;
    this.#ratesMs = nowMs + limits.senderRateWindowMs;
  }

  get lan(): string {
    return this.#options.lan;
  }

  get gatewayLinked(): boolean {
    return this.#link?.isUp === true;
  }

  // Questions of the control path.

  status(): object {
    return {
      lan: this.lan,
      gateway: this.gatewayLinked ? "linked" : "not linked",
      querier: this.#querier.state,
      groups: this.#membership.groupCount,
      senders: this.#senders.size,
    };
  }

  groups(nowMs: number): object[] {
    return [...this.#membership.wants()].map((want) => ({
      lan: this.lan,
      ...want,
      igmpVersion: this.#membership.versionOf(want.group, nowMs),
      reporters: this.#membership.reporters(want.group).map(({ reporter }) => reporter),
    }));
  }

  senders(nowMs: number): object[] {
    return this.#senders.senders(nowMs).map((sender) => ({
      lan: this.lan,
      source: sender.source,
      group: sender.group,
      packetsPerSecond: Math.round(sender.packetsPerSecond * 10) / 10,
      bitsPerSecond: Math.round(sender.bitsPerSecond),
      packets: sender.packets,
      silentMs: Math.round(nowMs - sender.lastMs),
    }));
  }

  records(): Readonly<Record<string, number>> {
    return this.#membership.counts;
  }

  /** What is wrong on the LAN as far as it shows here, the oldest first. */
  findings(nowMs: number): (Finding & { readonly lan: string })[] {
    return this.#findings.findings(nowMs).map((finding) => ({ lan: this.lan, ...finding }));
  }

  // Facts from the LAN.

  onIgmp(bytes: Uint8Array, length: number, nowMs: number): void {
    this.#count("igmpPackets");
    const packet = parseIgmp(bytes, 0, length);
    if (typeof packet === "string") return this.#count(`fault-${packet}`);
    this.#onIgmpPacket(packet, nowMs);
    if (packet.message.kind === "other") this.#onOther(bytes, length, nowMs);
    this.#settle(nowMs);
  }

  /** The header of one data packet; call `onDataRead` after the last of a batch. */
  onData(source: number, group: number, bytes: number, ttl: number, nowMs: number): void {
    this.#senders.onPacket(source, group, bytes, nowMs);
    this.#findings.onDataTtl(ttl, source, group, nowMs);
  }

  /** The process ends: say so where switches listen to our advertisements. */
  onExit(): void {
    this.#discovery.onExit();
    this.#advertise();
  }

  onDataRead(nowMs: number): void {
    this.#settle(nowMs);
  }

  // Facts from the loop.

  onConnected(port: Port, _tag: string | undefined, nowMs: number): void {
    const { fabric, site, lan, incarnation } = this.#options;
    const hello = { kind: "eavesdropper", fabric, name: `${site}/${lan}`, incarnation } as const;
    this.#link = new Link(port, { hello, owner: this, dialled: true }, nowMs);
  }

  onDialFailed(_tag: string, nowMs: number): void {
    this.#dialMs = nowMs + this.#prng.around(limits.redialMinMs * 2, 0.5);
  }

  onBytes(port: Port, bytes: Uint8Array, nowMs: number): void {
    if (this.#link?.port !== port) return;
    this.#link.onBytes(bytes, nowMs);
    this.#checkLink();
  }

  onClosed(port: Port, nowMs: number): void {
    if (this.#link?.port !== port) return;
    this.#link = undefined;
    this.onDialFailed("", nowMs);
  }

  onDeadline(nowMs: number): void {
    this.#membership.onDeadline(nowMs);
    this.#querier.onDeadline(nowMs);
    this.#discovery.onDeadline(nowMs);
    this.#findings.onDeadline(nowMs);
    this.#senders.onDeadline(nowMs);
    this.#link?.onDeadline(nowMs);
    this.#checkLink();
    if (nowMs >= this.#dialMs && !this.#link) {
      this.#dialMs = Number.POSITIVE_INFINITY;
      this.#effects.push({ kind: "dial", endpoint: this.#options.gateway, tag: "gateway" });
    }
    if (nowMs >= this.#ratesMs) {
      this.#ratesMs = nowMs + limits.senderRateWindowMs;
      this.#tell({ senders: this.#senders.senders(nowMs).map(lanSender) });
    }
    this.#settle(nowMs);
  }

  nextDeadlineMs(): number {
    return Math.min(
      this.#membership.nextDeadlineMs(),
      this.#querier.nextDeadlineMs(),
      this.#discovery.nextDeadlineMs(),
      this.#findings.nextDeadlineMs(),
      this.#senders.nextDeadlineMs(),
      this.#link?.nextDeadlineMs() ?? this.#dialMs,
      this.#ratesMs,
    );
  }

  takeEffect(): Effect | undefined {
    return this.#effects.take();
  }

  outbox(port: Port): Outbox | undefined {
    return this.#link?.port === port ? this.#link.outbox : undefined;
  }

  // What the link reports.

  welcome(): undefined {
    return undefined;
  }

  onLinkUp(_link: Link, nowMs: number): void {
    const wants = [...this.#membership.wants()];
    this.#tell({ wants, senders: this.#senders.senders(nowMs).map(lanSender) }, true);
  }

  onLinkData(link: Link): void {
    link.close("an Eavesdropper takes no packets");
  }

  onLinkMessage(): void {
    this.#count("messagesRefused");
  }

  onLinkNeighbour(link: Link): void {
    link.close("an Eavesdropper has no neighbours");
  }

  #onIgmpPacket({ message, source, routerAlert }: IgmpPacket, nowMs: number): void {
    switch (message.kind) {
      case "query":
        // First the timers of that query, then the silence that is reckoned by them.
        this.#membership.onQuery(message, nowMs);
        this.#findings.onQuery({ ...message, source, isOurs: false }, nowMs);
        // Without Router Alert only version 1 takes part in elections (RFC 9776 §9.1).
        if (routerAlert || message.version === 1)
          this.#querier.onQueryHeard(source, message, nowMs);
        return;
      case "report":
        return this.#onRecord(reportRecord(message.group), source, message.version, nowMs);
      case "leave":
        return this.#onRecord(leaveRecord(message.group), source, 2, nowMs);
      case "report3":
        for (const record of message.records) this.#onRecord(record, source, 3, nowMs);
        return;
      case "other":
        return this.#count("otherIgmp");
    }
  }

  #onRecord(
    record: MembershipRecord,
    reporter: Address,
    version: IgmpVersion,
    nowMs: number,
  ): void {
    const { group, type, sources } = record;
    const outcome = this.#membership.onRecord(record, reporter, version, nowMs);
    this.#findings.onRecord({ group, reporter, version, outcome }, nowMs);
    const leaves = type === "to-in" && sources.length === 0 && outcome === "accepted";
    if (leaves) this.#findings.onLeave(group, nowMs);
  }

  /** A switch that looks for routers gets its answer (RFC 4286 §4). */
  #onOther(bytes: Uint8Array, length: number, nowMs: number): void {
    const packet = parseMrd(bytes, 0, length);
    if (typeof packet === "string" || packet.message.kind !== "solicitation") return;
    this.#discovery.onSolicitation(nowMs);
  }

  /** After any fact: queries go out, and what changed goes to the Gateway. */
  #settle(nowMs: number): void {
    const wants: Want[] = [];
    const lapsed: Address[] = [];
    for (let e = this.#membership.takeEffect(); e; e = this.#membership.takeEffect()) {
      if (e.kind === "query") {
        this.#querier.onSpecificQuery(e.group, e.sources, nowMs);
      } else {
        const want = this.#membership.want(e.group);
        this.#findings.onWant(e.group, want !== undefined);
        if (want) wants.push(want);
        else lapsed.push(e.group);
      }
    }
    this.#sendQueries(nowMs);
    this.#advertise();
    const appeared: LanSender[] = [];
    const silent: Channel[] = [];
    for (let e = this.#senders.takeEffect(); e; e = this.#senders.takeEffect()) {
      const { source, group } = e;
      if (e.kind === "silent") silent.push({ source, group });
      else appeared.push({ source, group, packetsPerSecond: 0, bitsPerSecond: 0 });
    }
    this.#tell({ wants, lapsed, senders: appeared, silent });
  }

  #sendQueries(nowMs: number): void {
    for (let query = this.#querier.takeQuery(); query; query = this.#querier.takeQuery()) {
      const source = this.#voice.address;
      this.#membership.onQuery(query, nowMs);
      this.#findings.onQuery({ ...query, source, isOurs: true }, nowMs);
      const version = query.version === 3 ? 3 : 2;
      this.#voice.send(this.#packet, writeQuery(this.#packet, { ...query, source, version }));
      this.#count("queriesSent");
    }
  }

  #advertise(): void {
    for (let e = this.#discovery.takeEffect(); e; e = this.#discovery.takeEffect()) {
      const source = this.#voice.address;
      const message =
        e.kind === "advertise"
          ? { ...e, kind: "advertisement" as const }
          : { kind: "termination" as const };
      this.#voice.send(this.#packet, writeMrd(this.#packet, { source, message }));
      this.#count("advertisementsSent");
    }
  }

  /** Tells the Gateway; `full` is a new beginning, which makes void what still waits. */
  #tell(news: LanNews, full = false): void {
    if (this.#link?.isUp !== true) return;
    if (full) this.#waiting.length = 0;
    this.#waiting.push(...lanMessages(news, full));
    this.#send();
  }

  /** A large snapshot goes as the connection takes it; the rest waits for the next fact. */
  #send(): void {
    const link = this.#link;
    if (link?.isUp !== true) return;
    while (this.#waiting.length > 0 && link.hasRoom) {
      link.sendMessage(0, encodeMessage(this.#waiting.shift() as MessageOf<"lan">));
    }
    if (this.#waiting.length > limits.effectsMax) link.close("the Gateway takes too little");
  }

  #checkLink(): void {
    const link = this.#link;
    const reason = link?.takeClosed();
    if (!link || reason === undefined) return;
    const text = `connection to the Gateway is down: ${reason}`;
    this.#effects.push({ kind: "log", level: "warning", text });
    this.#effects.push({ kind: "close", port: link.port });
  }

  #count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }
}

const lanSender = (sender: Sender): LanSender => ({
  source: sender.source,
  group: sender.group,
  packetsPerSecond: sender.packetsPerSecond,
  bitsPerSecond: sender.bitsPerSecond,
});
