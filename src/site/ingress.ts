/**
 * From the site into the overlay: each packet that the site interface hands over gets its Flow ID
 * and sequence, or a cause why it does not cross. A channel that remote sites want but the Manager
 * has not yet given a flow waits, within bounds, so that a new sender's first packets are not lost.
 */
import { limits } from "../limits.ts";
import { frameHeaderBytes, framePayloadBytes, writeDataHeader } from "../wire/frame.ts";
import { ipv4Destination, ipv4TotalBytes } from "../wire/ipv4.ts";
import { ipv6DestinationWord, ipv6TotalBytes } from "../wire/ipv6.ts";
import { channelText, type FlowAssignment } from "../wire/plan.ts";
import { wantsSource } from "../wire/want.ts";
import { channelOf, Decisions, ipVersion, LastPacket, type PacketChannel } from "./decisions.ts";
import { Hold } from "./hold.ts";
import type { Ownership } from "./ownership.ts";
import type { Claims } from "./claims.ts";
import type { Policy } from "./policy.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { RemoteWants } from "./remote.ts";
import { mayCross } from "./scope.ts";

/** Where stamped frames go: `bytes[from, to)` holds `frames` whole data frames, borrowed. */
export type FrameTarget = (bytes: Uint8Array, from: number, to: number, frames: number) => void;

const causes = [
  "notIp",
  "scope",
  "foreignSource",
  "notOwned",
  "denied",
  "unwanted",
  "sourceCap",
  "rateLimit",
  "holdFull",
  "holdExpired",
] as const;
type Cause = (typeof causes)[number];

/** Who decides what enters. */
export type IngressRules = {
  readonly ownership: Ownership;
  readonly claims: Claims;
  readonly policy: Policy;
  readonly remote: RemoteWants;
  readonly rateLimit?: RateLimit | undefined;
};

/**
 * Decisions: the drop causes, then hold, then the flows from `firstFlow` on.
 */
const hold = causes.length;
const firstFlow = hold + 1;
const rateLimited = causes.indexOf("rateLimit");
const foreign = causes.indexOf("foreignSource");
const notOwned = causes.indexOf("notOwned");

/** RFC 791 §3.1: five words; RFC 8200 §3: ten. */
const ipv4HeaderBytesMin = 20;
const ipv6HeaderBytesMin = 40;

type Flow = { readonly id: number; sequence: number; bytes: number };

export class Ingress {
  readonly drops: Record<Cause, number> = {
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
  readonly counters = { packets: 0, bytes: 0, stamped: 0, held: 0 };
  /** The last packets that were refused for their source. */
  readonly strangers = { foreign: new LastPacket(), notOwned: new LastPacket() };
  readonly #site: number;
  readonly #rules: IngressRules;
  readonly #decisions = new Decisions((channel) => this.#decisionOf(channel));
  #flows: Flow[] = [];
  #assignments: readonly FlowAssignment[] = [];
  readonly #flowOfChannel = new Map<string, number>();
  readonly #hold = new Hold();
  /** Channels seen here since the last call of `takeSeen`, as a new sender shows itself. */
  #seen = new Map<string, PacketChannel>();
  /** Channels beyond the site's bound; the row has refused them. */
  #refused: ReadonlyMap<string, unknown> = new Map();

  constructor(site: number, rules: IngressRules) {
    this.#site = site;
    this.#rules = rules;
  }

  get assignments(): readonly FlowAssignment[] {
    return this.#assignments;
  }

  get heldBytes(): number {
    return this.#hold.bytes;
  }

  get hasSeen(): boolean {
    return this.#seen.size > 0;
  }

  /** What each flow carried since it was assigned. */
  flowCounters(): { flow: number; packets: number; bytes: number }[] {
    return this.#flows.map(({ id, sequence, bytes }) => ({ flow: id, packets: sequence, bytes }));
  }

  /** Channels that remote sites want, first seen since the last call. */
  takeSeen(): PacketChannel[] {
    const seen = [...this.#seen.values()];
    this.#seen.clear();
    return seen;
  }

  /** Takes the Manager's whole list; flows that stay keep their sequence. Held packets may go. */
  onFlows(assignments: readonly FlowAssignment[], nowMs: number, target: FrameTarget): void {
    const standing = new Map(this.#flows.map((flow) => [flow.id, flow]));
    this.#assignments = assignments;
    this.#flowOfChannel.clear();
    this.#flows = assignments.map(({ flow: id, channels }, index) => {
      for (const channel of channels) this.#flowOfChannel.set(channelText(channel), index);
      const flow = standing.get(id) ?? { id, sequence: 0, bytes: 0 };
      standing.set(id, flow);
      return flow;
    });
    this.onRemoteChanged();
    const isReady = (channel: PacketChannel): boolean => this.#decisionFor(channel) !== hold;
    this.#hold.onReady(isReady, nowMs);
    this.#release(nowMs, target);
  }

  /** The channels that the site's bound leaves out, by `channelText`. */
  onRefused(refused: ReadonlyMap<string, unknown>): void {
    this.#refused = refused;
    this.#decisions.clear();
  }

  /** Remote wants or claims changed: decide anew. */
  onRemoteChanged(): void {
    this.#decisions.clear();
  }

  /**
   * Stamps the packets in `bytes[0, to)`, each behind a data header with room for the stamp, and
   * hands runs of them on.
   */
  onPackets(bytes: Uint8Array, to: number, nowMs: number, target: FrameTarget): void {
    if (this.#hold.bytes > 0) this.#release(nowMs, target);
    let runFrom = 0;
    let frames = 0;
    let at = 0;
    while (at < to) {
      const packet = at + frameHeaderBytes;
      const end = packet + framePayloadBytes(bytes, at);
      const decision = this.#limited(this.#decide(bytes, packet, end), bytes, packet, end, nowMs);
      this.counters.packets++;
      this.counters.bytes += end - packet;
      if (decision >= firstFlow) {
        this.#stamp(bytes, at, end - packet, this.#flows[decision - firstFlow] as Flow);
        frames++;
      } else {
        if (frames > 0) target(bytes, runFrom, at, frames);
        frames = 0;
        runFrom = end;
        if (decision === hold) this.#keep(bytes, at, end, nowMs);
        else this.#drop(decision, bytes, packet);
      }
      at = end;
    }
    if (frames > 0) target(bytes, runFrom, to, frames);
  }

  onDeadline(nowMs: number, target: FrameTarget): void {
    this.#release(nowMs, target);
    this.drops.holdExpired += this.#hold.expire(nowMs);
  }

  nextDeadlineMs(): number {
    return this.#hold.nextDeadlineMs();
  }

  #decide(bytes: Uint8Array, packet: number, end: number): number {
    return isWhole(bytes, packet, end)
      ? this.#decisions.of(bytes, packet)
      : causes.indexOf("notIp");
  }

  /** Whatever would leave is charged to the rate limits, once. */
  #limited(
    decision: number,
    bytes: Uint8Array,
    packet: number,
    end: number,
    nowMs: number,
  ): number {
    const { rateLimit } = this.#rules;
    if (rateLimit === undefined || decision < hold) return decision;
    return takes(rateLimit, bytes, packet, end, nowMs) ? decision : rateLimited;
  }

  #drop(decision: number, bytes: Uint8Array, packet: number): void {
    this.drops[causes[decision] as Cause]++;
    if (decision === foreign) this.strangers.foreign.take(bytes, packet);
    if (decision === notOwned) this.strangers.notOwned.take(bytes, packet);
  }

  /** Behind packets of its channel that still wait, a packet waits too. */
  #decisionOf(channel: PacketChannel): number {
    const settled = this.#decisionFor(channel);
    return settled >= firstFlow && this.#hold.has(channel) ? hold : settled;
  }

  #decisionFor(channel: PacketChannel): number {
    const { source, group } = channel;
    if (!mayCross(group)) return causes.indexOf("scope");
    const { ownership, claims, policy, remote } = this.#rules;
    if (!ownership.owns(source))
      return claims.claimantOf(source) === undefined ? notOwned : foreign;
    if (!policy.admits("out", source, group)) return causes.indexOf("denied");
    const want = remote.get(group);
    if (!want || !wantsSource(want, source)) return causes.indexOf("unwanted");
    const key = channelText(channel);
    // A refused one shows itself too: it waits for a place in the row.
    if (this.#seen.size < limits.channelsPerSiteMax) this.#seen.set(key, channel);
    if (this.#refused.has(key)) return causes.indexOf("sourceCap");
    const flow = this.#flowOfChannel.get(key) ?? this.#flowOfChannel.get(channelText({ group }));
    return flow === undefined ? hold : firstFlow + flow;
  }

  #stamp(bytes: Uint8Array, at: number, payloadBytes: number, flow: Flow): void {
    writeDataHeader(bytes, at, payloadBytes, flow.id, this.#site, flow.sequence++);
    flow.bytes += payloadBytes;
    this.counters.stamped++;
  }

  #keep(bytes: Uint8Array, at: number, end: number, nowMs: number): void {
    const frame = bytes.slice(at, end);
    const channel = channelOf(frame, frameHeaderBytes);
    if (this.#hold.push(channel, frame, nowMs)) this.counters.held++;
    else this.drops.holdFull++;
  }

  /** Sends held packets whose time has come; a channel without any goes its straight way again. */
  #release(nowMs: number, target: FrameTarget): void {
    const emptied = this.#hold.release(nowMs, (channel, frame) => {
      const decision = this.#decisionFor(channel);
      if (decision >= firstFlow) {
        const flow = this.#flows[decision - firstFlow] as Flow;
        this.#stamp(frame, 0, frame.length - frameHeaderBytes, flow);
        target(frame, 0, frame.length, 1);
      } else {
        this.drops[causes[decision] ?? "holdExpired"]++;
      }
    });
    if (emptied) this.#decisions.clear();
  }
}

function takes(
  rateLimit: RateLimit,
  bytes: Uint8Array,
  packet: number,
  end: number,
  nowMs: number,
): boolean {
  if (ipVersion(bytes, packet) === 4) {
    return rateLimit.takes(ipv4Destination(bytes, packet), end - packet, nowMs);
  }
  const upper =
    ipv6DestinationWord(bytes, packet, 0) ^
    ipv6DestinationWord(bytes, packet, 1) ^
    ipv6DestinationWord(bytes, packet, 2);
  const lower = ipv6DestinationWord(bytes, packet, 3);
  return rateLimit.takes(lower, end - packet, nowMs, upper >>> 0);
}

/** Whether `bytes[packet, end)` is one packet as the kernel, which checked it, hands it over. */
function isWhole(bytes: Uint8Array, packet: number, end: number): boolean {
  const length = end - packet;
  if (length < ipv4HeaderBytesMin) return false;
  switch (ipVersion(bytes, packet)) {
    case 4:
      return ipv4TotalBytes(bytes, packet) === length;
    case 6:
      return length >= ipv6HeaderBytesMin && ipv6TotalBytes(bytes, packet) === length;
    default:
      return false;
  }
}
