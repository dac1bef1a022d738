/**
 * From the site into the overlay: each packet that the site interface hands over gets its Flow ID
 * and sequence, or a cause why it does not cross. A channel that remote sites want but the Manager
 * has not yet given a flow waits, within bounds, so that a new sender's first packets are not lost.
 */
import { limits } from "../limits.ts";
import { frameHeaderBytes, framePayloadBytes, writeDataHeader } from "../wire/frame.ts";
import { ipv4TotalBytes } from "../wire/ipv4.ts";
import { ipv6TotalBytes } from "../wire/ipv6.ts";
import { channelText, type FlowAssignment } from "../wire/plan.ts";
import { wantsSource } from "../wire/want.ts";
import { Decisions, ipVersion, type PacketChannel } from "./decisions.ts";
import type { Ownership } from "./ownership.ts";
import type { RemoteWants } from "./remote.ts";
import { mayCross } from "./scope.ts";

/** Where stamped frames go: `bytes[from, to)` holds `frames` whole data frames, borrowed. */
export type FrameTarget = (bytes: Uint8Array, from: number, to: number, frames: number) => void;

const causes = ["notIp", "scope", "notOwned", "unwanted", "holdFull", "holdExpired"] as const;
type Cause = (typeof causes)[number];

/**
 * Decisions: the drop causes, then hold, then the flows from `firstFlow` on.
 */
const hold = causes.length;
const firstFlow = hold + 1;

/** RFC 791 §3.1: five words; RFC 8200 §3: ten. */
const ipv4HeaderBytesMin = 20;
const ipv6HeaderBytesMin = 40;

type Held = { readonly frame: Uint8Array; readonly atMs: number };

type Flow = { readonly id: number; sequence: number; bytes: number };

export class Ingress {
  readonly drops: Record<Cause, number> = {
    notIp: 0,
    scope: 0,
    notOwned: 0,
    unwanted: 0,
    holdFull: 0,
    holdExpired: 0,
  };
  readonly counters = { packets: 0, bytes: 0, stamped: 0, held: 0 };
  readonly #site: number;
  readonly #ownership: Ownership;
  readonly #remote: RemoteWants;
  readonly #decisions = new Decisions((channel) => this.#decisionFor(channel));
  #flows: Flow[] = [];
  #assignments: readonly FlowAssignment[] = [];
  readonly #flowOfChannel = new Map<string, number>();
  #held: Held[] = [];
  #heldBytes = 0;
  /** Channels seen here since the last call of `takeSeen`, as a new sender shows itself. */
  #seen = new Map<string, PacketChannel>();

  constructor(site: number, ownership: Ownership, remote: RemoteWants) {
    this.#site = site;
    this.#ownership = ownership;
    this.#remote = remote;
  }

  get assignments(): readonly FlowAssignment[] {
    return this.#assignments;
  }

  get heldBytes(): number {
    return this.#heldBytes;
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
  onFlows(assignments: readonly FlowAssignment[], target: FrameTarget): void {
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
    this.#release(target);
  }

  /** Remote wants changed: decide anew. */
  onRemoteChanged(): void {
    this.#decisions.clear();
  }

  /**
   * Stamps the packets in `bytes[0, to)`, each behind a data header with room for the stamp, and
   * hands runs of them on.
   */
  onPackets(bytes: Uint8Array, to: number, nowMs: number, target: FrameTarget): void {
    let runFrom = 0;
    let frames = 0;
    let at = 0;
    while (at < to) {
      const packet = at + frameHeaderBytes;
      const end = packet + framePayloadBytes(bytes, at);
      const decision = this.#decide(bytes, packet, end);
      this.counters.packets++;
      this.counters.bytes += end - packet;
      if (decision >= firstFlow) {
        this.#stamp(bytes, at, end - packet, this.#flows[decision - firstFlow] as Flow);
        frames++;
      } else {
        if (frames > 0) target(bytes, runFrom, at, frames);
        frames = 0;
        runFrom = end;
        if (decision === hold) this.#hold(bytes, at, end, nowMs);
        else this.drops[causes[decision] as Cause]++;
      }
      at = end;
    }
    if (frames > 0) target(bytes, runFrom, to, frames);
  }

  onDeadline(nowMs: number): void {
    const staying = this.#held.findIndex(({ atMs }) => atMs + limits.ingressHoldMs > nowMs);
    const expired = this.#held.splice(0, staying < 0 ? this.#held.length : staying);
    for (const { frame } of expired) this.#heldBytes -= frame.length;
    this.drops.holdExpired += expired.length;
  }

  nextDeadlineMs(): number {
    const oldest = this.#held[0];
    return oldest ? oldest.atMs + limits.ingressHoldMs : Number.POSITIVE_INFINITY;
  }

  #decide(bytes: Uint8Array, packet: number, end: number): number {
    return isWhole(bytes, packet, end)
      ? this.#decisions.of(bytes, packet)
      : causes.indexOf("notIp");
  }

  #decisionFor(channel: PacketChannel): number {
    const { source, group } = channel;
    if (!mayCross(group)) return causes.indexOf("scope");
    if (!this.#ownership.owns(source)) return causes.indexOf("notOwned");
    const want = this.#remote.get(group);
    if (!want || !wantsSource(want, source)) return causes.indexOf("unwanted");
    const key = channelText(channel);
    if (this.#seen.size < limits.channelsPerSiteMax) this.#seen.set(key, channel);
    const flow = this.#flowOfChannel.get(key) ?? this.#flowOfChannel.get(channelText({ group }));
    return flow === undefined ? hold : firstFlow + flow;
  }

  #stamp(bytes: Uint8Array, at: number, payloadBytes: number, flow: Flow): void {
    writeDataHeader(bytes, at, payloadBytes, flow.id, this.#site, flow.sequence++);
    flow.bytes += payloadBytes;
    this.counters.stamped++;
  }

  #hold(bytes: Uint8Array, at: number, end: number, nowMs: number): void {
    if (this.#heldBytes + end - at > limits.ingressHoldBytes) {
      this.drops.holdFull++;
      return;
    }
    const frame = bytes.slice(at, end);
    this.#held.push({ frame, atMs: nowMs });
    this.#heldBytes += frame.length;
    this.counters.held++;
  }

  /** Sends held packets whose channel now has a flow, in the order they came. */
  #release(target: FrameTarget): void {
    const staying: Held[] = [];
    for (const held of this.#held) {
      const { frame } = held;
      const decision = this.#decisions.of(frame, frameHeaderBytes);
      if (decision === hold) {
        staying.push(held);
        continue;
      }
      this.#heldBytes -= frame.length;
      if (decision < firstFlow) {
        this.drops[causes[decision] as Cause]++;
        continue;
      }
      const flow = this.#flows[decision - firstFlow] as Flow;
      this.#stamp(frame, 0, frame.length - frameHeaderBytes, flow);
      target(frame, 0, frame.length, 1);
    }
    this.#held = staying;
  }
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
