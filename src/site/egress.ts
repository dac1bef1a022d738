/**
 * From the overlay onto the site's LANs: each arriving packet is re-emitted as it is, to the LANs
 * with listeners, unless it must not enter: no sound IP packet, a scope that never crosses, a
 * source that belongs to this site (it would be our own packet coming back), a channel that the
 * site's policy keeps out, nobody who wants it.
 */
import { limits } from "../limits.ts";
import { frameHeaderBytes, framePayloadBytes, frameSite } from "../wire/frame.ts";
import { ipv4Fault, ipv4TotalBytes } from "../wire/ipv4.ts";
import { ipv6Fault, ipv6TotalBytes } from "../wire/ipv6.ts";
import { wantsSource } from "../wire/want.ts";
import { Decisions, ipVersion, LastPacket, type PacketChannel } from "./decisions.ts";
import type { SiteMembership } from "./membership.ts";
import { isMartian, type Ownership } from "./ownership.ts";
import type { Policy } from "./policy.ts";
import { mayCross } from "./scope.ts";

/** Puts the packet at `bytes[from, from + length)` on the LANs of the bit mask. */
export type LanTarget = (lans: number, bytes: Uint8Array, from: number, length: number) => void;

const causes = ["notIp", "scope", "martian", "ownSource", "denied", "noMember"] as const;
type Cause = (typeof causes)[number];
const ownSource = causes.indexOf("ownSource");

/** Who decides what comes out, and the names of the LANs in the order of the mask. */
export type EgressRules = {
  readonly ownership: Ownership;
  readonly policy: Policy;
  readonly membership: SiteMembership;
  readonly lans: readonly string[];
};

/** Decisions: the drop causes, then the LAN masks from `firstMask` on. */
const firstMask = causes.length;

export class Egress {
  readonly drops: Record<Cause, number> = {
    notIp: 0,
    scope: 0,
    martian: 0,
    ownSource: 0,
    denied: 0,
    noMember: 0,
  };
  readonly counters = { packets: 0, bytes: 0, delivered: 0 };
  /** The last packet of our own that came back: by which site's ingress. */
  readonly returned = new LastPacket();
  readonly #rules: EgressRules;
  readonly #decisions = new Decisions((channel) => this.#decisionFor(channel));
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
        if (decision === ownSource) this.returned.take(bytes, packet, frameSite(bytes, at));
      } else {
        this.counters.delivered++;
        target(decision - firstMask, bytes, packet, length);
      }
      at = packet + length;
    }
  }

  #decide(bytes: Uint8Array, packet: number, end: number): number {
    return isSound(bytes, packet, end)
      ? this.#decisions.of(bytes, packet)
      : causes.indexOf("notIp");
  }

  #decisionFor({ source, group }: PacketChannel): number {
    if (!mayCross(group)) return causes.indexOf("scope");
    if (isMartian(source)) return causes.indexOf("martian");
    const { ownership, policy, membership } = this.#rules;
    if (ownership.owns(source)) return ownSource;
    if (!policy.admits("in", source, group)) return causes.indexOf("denied");
    if (this.#settling) return firstMask + this.#everyLan();
    const want = membership.want(group);
    if (!want || !wantsSource(want, source)) return causes.indexOf("noMember");
    return firstMask + this.#maskOf([...membership.lansWanting(group)]);
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

/** Whether `bytes[packet, end)` is one whole IP packet; it came from another site. */
function isSound(bytes: Uint8Array, packet: number, end: number): boolean {
  if (packet < end && ipVersion(bytes, packet) === 6) {
    const isWhole = ipv6Fault(bytes, packet, end) === undefined;
    return isWhole && ipv6TotalBytes(bytes, packet) === end - packet;
  }
  const isWhole = ipv4Fault(bytes, packet, end) === undefined;
  return isWhole && ipv4TotalBytes(bytes, packet) === end - packet;
}
