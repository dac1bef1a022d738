/**
 * The Eavesdropper of one LAN: hears IGMP, MLD and the headers of data, composes the cores of
 * `lan/`, and tells its Gateway who listens and who sends: a snapshot when the connection stands,
 * then changes. It forwards nothing. On the LAN it sends queries where it is the querier, and
 * router advertisements (RFC 4286) where it is asked to.
 */
import type { Address, Family } from "../base/address.ts";
import { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { Link, type LinkOwner } from "../flow/link.ts";
import type { Outbox } from "../flow/outbox.ts";
import type { Finding } from "../lan/findings.ts";
import { type LanNews, lanMessages } from "../lan/news.ts";
import type { QuerierMode } from "../lan/querier.ts";
import type { RouterDiscoveryMode } from "../lan/router-discovery.ts";
import { type Sender, Senders } from "../lan/senders.ts";
import { limits } from "../limits.ts";
import { encodeMessage, type LanSender, type MessageOf } from "../wire/message.ts";
import type { Want } from "../wire/want.ts";
import { LanFamily } from "./lan-family.ts";
import type { Effect, LanVoices, Node, Port } from "./node.ts";

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

export class Eavesdropper implements Node, LinkOwner {
  readonly counters: Record<string, number> = {
    igmpPackets: 0,
    mldPackets: 0,
    queriesSent: 0,
    advertisementsSent: 0,
  };
  readonly #options: EavesdropperOptions;
  readonly #ipv4: LanFamily;
  readonly #ipv6: LanFamily;
  readonly #senders: Readonly<Record<Family, Senders>>;
  readonly #prng: Prng;
  readonly #effects = new Ring<Effect>(limits.effectsMax);
  readonly #waiting: MessageOf<"lan">[] = [];
  #link: Link | undefined;
  #dialMs: number;
  #ratesMs: number;

  constructor(options: EavesdropperOptions, voices: LanVoices, nowMs: number) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#senders = { 4: new Senders(options.seed, 4), 6: new Senders(options.seed, 6) };
    const { querier, routerDiscovery } = options;
    const count = (what: string): void => this.#count(what);
    const common = { querier, routerDiscovery, prng: this.#prng, count };
    this.#ipv4 = new LanFamily({ ...common, family: 4, voice: voices.ipv4 }, nowMs);
    this.#ipv6 = new LanFamily({ ...common, family: 6, voice: voices.ipv6 }, nowMs);
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
      querier: this.#ipv4.querier.state,
      mldQuerier: this.#ipv6.querier.state,
      groups: this.#ipv4.membership.groupCount + this.#ipv6.membership.groupCount,
      senders: this.#senders[4].size + this.#senders[6].size,
    };
  }

  groups(nowMs: number): object[] {
    const groups = [...this.#ipv4.groups(nowMs), ...this.#ipv6.groups(nowMs)];
    return groups.map((group) => ({ lan: this.lan, ...group }));
  }

  senders(nowMs: number): object[] {
    return this.#allSenders(nowMs).map((sender) => ({
      lan: this.lan,
      source: sender.source,
      group: sender.group,
      packetsPerSecond: Math.round(sender.packetsPerSecond * 10) / 10,
      bitsPerSecond: Math.round(sender.bitsPerSecond),
      packets: sender.packets,
      silentMs: Math.round(nowMs - sender.lastMs),
    }));
  }

  /** Records by outcome: of IGMP, and of MLD. */
  records(): { readonly [protocol in "igmp" | "mld"]: Readonly<Record<string, number>> } {
    return { igmp: this.#ipv4.membership.counts, mld: this.#ipv6.membership.counts };
  }

  /** What is wrong on the LAN as far as it shows here, the oldest of each family first. */
  findings(nowMs: number): (Finding & { readonly lan: string; readonly family: Family })[] {
    const found = [...this.#ipv4.foundNow(nowMs), ...this.#ipv6.foundNow(nowMs)];
    return found.map((finding) => ({ lan: this.lan, ...finding }));
  }

  // Facts from the LAN.

  onIgmp(bytes: Uint8Array, length: number, nowMs: number): void {
    this.#ipv4.onPacket(bytes, length, nowMs);
    this.#settle(nowMs);
  }

  onMld(bytes: Uint8Array, length: number, nowMs: number): void {
    this.#ipv6.onPacket(bytes, length, nowMs);
    this.#settle(nowMs);
  }

  /** The header of one data packet of IPv4; call `onDataRead` after the last of a batch. */
  onData(source: number, group: number, bytes: number, ttl: number, nowMs: number): void {
    this.#senders[4].onPacket(source, group, bytes, nowMs);
    this.#ipv4.findings.onDataTtl(ttl, source, group, nowMs);
  }

  /** The same of IPv6: four words of the source, then four of the group, borrowed. */
  onData6(channel: Uint32Array, bytes: number, hopLimit: number, nowMs: number): void {
    this.#senders[6].onPacket6(channel, bytes, nowMs);
    this.#ipv6.findings.onDataHopLimit(hopLimit, channel, nowMs);
  }

  /** The process ends: say so where switches listen to our advertisements. */
  onExit(): void {
    this.#ipv4.onExit();
    this.#ipv6.onExit();
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
    this.#ipv4.onDeadline(nowMs);
    this.#ipv6.onDeadline(nowMs);
    this.#senders[4].onDeadline(nowMs);
    this.#senders[6].onDeadline(nowMs);
    this.#link?.onDeadline(nowMs);
    this.#checkLink();
    if (nowMs >= this.#dialMs && !this.#link) {
      this.#dialMs = Number.POSITIVE_INFINITY;
      this.#effects.push({ kind: "dial", endpoint: this.#options.gateway, tag: "gateway" });
    }
    if (nowMs >= this.#ratesMs) {
      this.#ratesMs = nowMs + limits.senderRateWindowMs;
      this.#tell({ senders: this.#allSenders(nowMs).map(lanSender) });
    }
    this.#settle(nowMs);
  }

  nextDeadlineMs(): number {
    return Math.min(
      this.#ipv4.nextDeadlineMs(),
      this.#ipv6.nextDeadlineMs(),
      this.#senders[4].nextDeadlineMs(),
      this.#senders[6].nextDeadlineMs(),
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
    const wants = [...this.#ipv4.wants(), ...this.#ipv6.wants()];
    this.#tell({ wants, senders: this.#allSenders(nowMs).map(lanSender) }, true);
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

  #allSenders(nowMs: number): Sender[] {
    return [...this.#senders[4].senders(nowMs), ...this.#senders[6].senders(nowMs)];
  }

  /** After any fact: queries go out, and what changed goes to the Gateway. */
  #settle(nowMs: number): void {
    const wants: Want[] = [];
    const lapsed: Address[] = [];
    this.#ipv4.settle(wants, lapsed, nowMs);
    this.#ipv6.settle(wants, lapsed, nowMs);
    const appeared: LanSender[] = [];
    const silent: { source: Address; group: Address }[] = [];
    for (const senders of [this.#senders[4], this.#senders[6]]) {
      for (let e = senders.takeEffect(); e; e = senders.takeEffect()) {
        const { source, group } = e;
        if (e.kind === "silent") silent.push({ source, group });
        else appeared.push({ source, group, packetsPerSecond: 0, bitsPerSecond: 0 });
      }
    }
    this.#tell({ wants, lapsed, senders: appeared, silent });
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
