/**
 * The Eavesdropper of one LAN: hears IGMP and the headers of data, composes the cores of `lan/`, and
 * tells its Gateway who listens and who sends: a snapshot when the connection stands, then changes.
 * It forwards nothing, and sends nothing on the LAN but queries, and those only where it is asked to
 * be the querier.
 */
import type { Address } from "../base/address.ts";
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Link, type LinkOwner } from "../flow/link.ts";
import type { Outbox } from "../flow/outbox.ts";
import { leaveRecord, Membership, reportRecord } from "../lan/membership.ts";
import { Querier, type QuerierMode } from "../lan/querier.ts";
import { type Sender, Senders } from "../lan/senders.ts";
import { limits } from "../limits.ts";
import { type IgmpMessage, parseIgmp } from "../wire/igmp.ts";
import { writeQuery } from "../wire/igmp-write.ts";
import { encodeMessage, type LanSender, type MessageOf } from "../wire/message.ts";
import type { Want } from "../wire/want.ts";
import type { Effect, LanVoice, Node, Port } from "./node.ts";

export type EavesdropperOptions = {
  readonly fabric: string;
  readonly site: string;
  readonly lan: string;
  readonly incarnation: number;
  readonly gateway: string;
  readonly querier: QuerierMode;
  readonly seed: number;
};

/** Records in one message to the Gateway: far below the bound of a message. */
const recordsPerMessage = 400;

type Channel = { readonly source: Address; readonly group: Address };

type LanNews = {
  readonly wants?: readonly Want[];
  readonly lapsed?: readonly Address[];
  readonly senders?: readonly LanSender[];
  readonly silent?: readonly Channel[];
};

export class Eavesdropper implements Node, LinkOwner {
  readonly counters: Record<string, number> = { igmpPackets: 0, queriesSent: 0 };
  readonly #options: EavesdropperOptions;
  readonly #voice: LanVoice;
  readonly #membership = new Membership();
  readonly #querier: Querier;
  readonly #senders: Senders;
  readonly #prng: Prng;
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  readonly #query = new Uint8Array(limits.packetBytesMax);
  #link: Link | undefined;
  #dialMs: number;
  #ratesMs: number;

  constructor(options: EavesdropperOptions, voice: LanVoice, nowMs: number) {
    this.#options = options;
    this.#voice = voice;
    this.#prng = new Prng(options.seed);
    this.#senders = new Senders(options.seed);
    const { address } = voice;
    this.#querier = new Querier(
      { mode: options.querier, address, timers: this.#membership },
      nowMs,
    );
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

  // Facts from the LAN.

  onIgmp(bytes: Uint8Array, length: number, nowMs: number): void {
    this.#count("igmpPackets");
    const packet = parseIgmp(bytes, 0, length);
    if (typeof packet === "string") return this.#count(`fault-${packet}`);
    this.#onIgmpMessage(packet.message, packet.source, nowMs);
    this.#settle(nowMs);
  }

  /** The header of one data packet; call `onDataRead` after the last of a batch. */
  onData(source: number, group: number, bytes: number, nowMs: number): void {
    this.#senders.onPacket(source, group, bytes, nowMs);
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

  #onIgmpMessage(message: IgmpMessage, source: Address, nowMs: number): void {
    switch (message.kind) {
      case "query":
        // First the timers of that query, then the silence that is reckoned by them.
        this.#membership.onQuery(message, nowMs);
        return this.#querier.onQueryHeard(source, message.group === undefined, nowMs);
      case "report":
        this.#membership.onRecord(reportRecord(message.group), source, message.version, nowMs);
        return;
      case "leave":
        this.#membership.onRecord(leaveRecord(message.group), source, 2, nowMs);
        return;
      case "report3":
        for (const record of message.records) {
          this.#membership.onRecord(record, source, 3, nowMs);
        }
        return;
      case "other":
        return this.#count("otherIgmp");
    }
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
        if (want) wants.push(want);
        else lapsed.push(e.group);
      }
    }
    this.#sendQueries(nowMs);
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
      this.#membership.onQuery(query, nowMs);
      const length = writeQuery(this.#query, { ...query, source: this.#voice.address, version: 3 });
      this.#voice.send(this.#query, length);
      this.#count("queriesSent");
    }
  }

  /** Tells the Gateway, in messages of bounded size; `full` makes the first one a new beginning. */
  #tell(news: LanNews, full = false): void {
    if (this.#link?.isUp !== true) return;
    const { wants = [], lapsed = [], senders = [], silent = [] } = news;
    const most = Math.max(wants.length, lapsed.length, senders.length, silent.length);
    if (most === 0 && !full) return;
    for (let from = 0; from < Math.max(most, 1); from += recordsPerMessage) {
      const part = <Item>(items: readonly Item[]): Item[] =>
        items.slice(from, from + recordsPerMessage);
      const message: MessageOf<"lan"> = {
        kind: "lan",
        full: full && from === 0,
        wants: part(wants),
        lapsed: part(lapsed),
        senders: part(senders),
        silent: part(silent),
      };
      this.#link.sendMessage(0, encodeMessage(message));
    }
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
