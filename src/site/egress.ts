/**
 * From the overlay onto the site's LANs: each arriving packet is re-emitted as it is, to the LANs
 * with listeners, unless it must not enter: no sound IPv4 packet, a scope that never crosses, a
 * source that belongs to this site (it would be our own packet coming back), a channel that the
 * site's policy keeps out, nobody who wants it.
 */
import { limits } from "../limits.ts";
import { frameHeaderBytes, framePayloadBytes, frameSite } from "../wire/frame.ts";
import {
  ipv4Destination,
  ipv4Fault,
  ipv4Source,
  ipv4SourceIsMartian,
  ipv4TotalBytes,
} from "../wire/ipv4.ts";
import { wantsSource } from "../wire/want.ts";
import { ChannelTable } from "./channel-table.ts";
import type { SiteMembership } from "./membership.ts";
import { channelOf, type Ownership } from "./ownership.ts";
import type { Policy } from "./policy.ts";
import { mayCross } from "./scope.ts";

/** Puts the packet at `bytes[from, from + length)` on the LANs of the bit mask. */
export type LanTarget = (lans: number, bytes: Uint8Array, from: number, length: number) => void;

const causes = ["notIpv4", "scope", "martian", "ownSource", "denied", "noMember"] as const;
type Cause = (typeof causes)[number];
const ownSource = causes.indexOf("ownSource");

/** Who decides what comes out, and the names of the LANs in the order of the mask. */
export type EgressRules = {
  readonly ownership: Ownership;
  readonly policy: Policy;
  readonly membership: SiteMembership;
  readonly lans: readonly string[];
};

/** Decisions in the channel table: the drop causes, then the LAN masks from `firstMask` on. */
const firstMask = causes.length;
const decisionSlots = 32_768;

export class Egress {
  readonly drops: Record<Cause, number> = {
    notIpv4: 0,
    scope: 0,
    martian: 0,
    ownSource: 0,
    denied: 0,
    noMember: 0,
  };
  readonly counters = { packets: 0, bytes: 0, delivered: 0 };
  /** The last packet of our own that came back, as numbers: by which site's ingress. */
  readonly returned = { source: 0, group: 0, site: 0 };
  readonly #rules: EgressRules;
  readonly #decisions = new ChannelTable(decisionSlots);
  /** Until the site knows its members, every LAN gets what the Manager sends here. */
  #settling = true;

  constructor(rules: EgressRules) {
    this.#rules = rules;
  }

  /** Members changed, or the time of settling is over. */
  onMembersChanged(settling: boolean): void {
    this.#settling = settling;
    this.#decisions.clear();
  }

  /** Delivers the packets of the whole data frames in `bytes[from, to)`. */
  onFrames(bytes: Uint8Array, from: number, to: number, target: LanTarget): void {
    let at = from;
    while (at < to) {
      const packet = at + frameHeaderBytes;
      const length = framePayloadBytes(bytes, at);
      const decision = this.#decide(bytes, packet, packet + length);
      this.counters.packets++;
      this.counters.bytes += length;
      if (decision < firstMask) {
        this.drops[causes[decision] as Cause]++;
        if (decision === ownSource) this.#onReturned(bytes, at);
      } else {
        this.counters.delivered++;
        target(decision - firstMask, bytes, packet, length);
      }
      at = packet + length;
    }
  }

  #onReturned(bytes: Uint8Array, at: number): void {
    this.returned.source = ipv4Source(bytes, at + frameHeaderBytes);
    this.returned.group = ipv4Destination(bytes, at + frameHeaderBytes);
    this.returned.site = frameSite(bytes, at);
  }

  #decide(bytes: Uint8Array, packet: number, end: number): number {
    if (
      ipv4Fault(bytes, packet, end) !== undefined ||
      ipv4TotalBytes(bytes, packet) !== end - packet
    )
      return causes.indexOf("notIpv4");
    const source = ipv4Source(bytes, packet);
    const group = ipv4Destination(bytes, packet);
    const known = this.#decisions.get(source, group);
    if (known >= 0) return known;
    const decision = this.#decisionFor(source, group);
    if (!this.#decisions.set(source, group, decision)) {
      this.#decisions.clear();
      this.#decisions.set(source, group, decision);
    }
    return decision;
  }

  #decisionFor(source: number, group: number): number {
    if (!mayCross(group)) return causes.indexOf("scope");
    if (ipv4SourceIsMartian(source)) return causes.indexOf("martian");
    const { ownership, policy, membership } = this.#rules;
    if (ownership.owns(source)) return ownSource;
    if (!policy.admits("in", source, group)) return causes.indexOf("denied");
    if (this.#settling) return firstMask + this.#everyLan();
    const channel = channelOf(source, group);
    const want = membership.want(channel.group);
    if (!want || !wantsSource(want, channel.source)) return causes.indexOf("noMember");
    return firstMask + this.#maskOf([...membership.lansWanting(channel.group)]);
  }

  /** A LAN that an Eavesdropper elsewhere reports under another name may be any of ours. */
  #maskOf(wanting: readonly string[]): number {
    let mask = 0;
    for (const name of wanting) {
      const lan = this.#rules.lans.indexOf(name);
      if (lan < 0) return this.#everyLan();
      mask |= 1 << lan;
    }
    return mask === 0 ? this.#everyLan() : mask;
  }

  #everyLan(): number {
    return 2 ** Math.min(this.#rules.lans.length, limits.lansPerSiteMax) - 1;
  }
}
