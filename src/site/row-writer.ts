/**
 * Our own site's row: what it says, when it is published, and its version. Changes are gathered for
 * some milliseconds, and the row is refreshed while nothing changes. What the site's policy or its
 * bounds refuse is left out, and so is what does not fit: it is counted and can be shown. Groups
 * that are wanted come before senders, and what stands in the row before what is new.
 */
import { type Address, isSourceSpecific } from "../base/address.ts";
import { limits } from "../limits.ts";
import { rowBytes, type SiteRow } from "../wire/message.ts";
import { channelText } from "../wire/plan.ts";
import type { Want } from "../wire/want.ts";
import type { SiteMembership } from "./membership.ts";
import type { Policy } from "./policy.ts";
import { mayCross } from "./scope.ts";

type Version = Pick<SiteRow, "incarnation" | "sequence">;
type Channel = { readonly source: Address; readonly group: Address };

export type RowFrame = Pick<SiteRow, "site" | "zone" | "gatewayControl" | "prefixes">;

/** What a row may say at most. */
export type RowRules = {
  readonly policy: Policy;
  readonly groupsMax: number;
  /** Channels (S,G), since a source counts once for each of its groups. */
  readonly sourcesMax: number;
};

/** What the last row had to leave out, and why: groups wanted, and channels by `channelText`. */
export type Refused = {
  readonly deniedGroups: readonly Address[];
  readonly cappedGroups: readonly Address[];
  readonly deniedChannels: ReadonlyMap<string, Channel>;
  readonly cappedChannels: ReadonlyMap<string, Channel>;
};

export class RowWriter {
  /** Of the last row, besides `published`. */
  readonly counters = {
    published: 0,
    wantsDenied: 0,
    wantsOverCap: 0,
    wantsLeftOut: 0,
    sendsDenied: 0,
    sendsOverCap: 0,
    sendsLeftOut: 0,
  };
  readonly #frame: RowFrame;
  readonly #rules: RowRules;
  #refused: Refused = {
    deniedGroups: [],
    cappedGroups: [],
    deniedChannels: new Map(),
    cappedChannels: new Map(),
  };
  /** Channels of the last row: they keep their places. */
  #sending: ReadonlyMap<string, Channel> = new Map();
  /** What the Router says of itself. */
  #router: Pick<SiteRow, "router" | "routerControl"> = { router: "", routerControl: "" };
  #incarnation: number;
  #sequence = 0;
  #dueMs: number;
  #refreshMs: number;
  /** Channels seen at the ingress, kept as long as PIM keeps a silent source. */
  readonly #seen = new Map<string, Channel & { untilMs: number }>();

  constructor(frame: RowFrame, rules: RowRules, incarnation: number, nowMs: number) {
    this.#frame = frame;
    this.#rules = rules;
    this.#incarnation = incarnation;
    this.#dueMs = nowMs;
    this.#refreshMs = nowMs + limits.rowRefreshMs;
  }

  get refused(): Refused {
    return this.#refused;
  }

  /** Something the row says has changed. */
  onChanged(nowMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, nowMs + limits.rowIntervalMs);
  }

  onRouter(endpoint: string, control: string, nowMs: number): void {
    this.#router = { router: endpoint, routerControl: control };
    this.onChanged(nowMs);
  }

  /** Channels whose packets came through the site interface. */
  onSeen(channels: readonly Channel[], nowMs: number): void {
    for (const { source, group } of channels) {
      const key = channelText({ source, group });
      if (!this.#seen.has(key)) {
        if (this.#seen.size >= limits.channelsPerSiteMax) continue;
        // A new sender's packets are waiting: no gathering, unless it will hardly find a place.
        if (this.#sending.size < this.#rules.sourcesMax) this.#dueMs = nowMs;
        else this.onChanged(nowMs);
      }
      this.#seen.set(key, { source, group, untilMs: nowMs + limits.senderSilenceMs });
    }
  }

  /**
   * A row of ours from an earlier life with a clock ahead of this one's would win everywhere: go
   * beyond it. True when the row must be published anew.
   */
  outdoneBy(heard: Version | undefined): boolean {
    if (!heard || heard.incarnation < this.#incarnation) return false;
    if (heard.incarnation === this.#incarnation && heard.sequence <= this.#sequence) return false;
    this.#incarnation = heard.incarnation + 1;
    return true;
  }

  /** The row, when it is due to be published. */
  due(membership: SiteMembership, settling: boolean, nowMs: number): SiteRow | undefined {
    if (nowMs < this.nextDeadlineMs()) return undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#refreshMs = nowMs + limits.rowRefreshMs;
    this.#sequence++;
    this.counters.published++;
    const wants = this.#wants(membership);
    const sends = this.#sends(membership, nowMs);
    this.#refused = { ...wants.refused, ...sends.refused };
    this.counters.wantsDenied = this.#refused.deniedGroups.length;
    this.counters.wantsOverCap = this.#refused.cappedGroups.length;
    this.counters.sendsDenied = this.#refused.deniedChannels.size;
    this.counters.sendsOverCap = this.#refused.cappedChannels.size;
    return this.#fitted({
      ...this.#frame,
      ...this.#router,
      incarnation: this.#incarnation,
      sequence: this.#sequence,
      settling,
      wants: wants.wants,
      sends: sends.sends,
    });
  }

  nextDeadlineMs(): number {
    return Math.min(this.#dueMs, this.#refreshMs);
  }

  /** The oldest wants come first, so a group that is new never displaces one that stands. */
  #wants(membership: SiteMembership) {
    const wants: Want[] = [];
    const deniedGroups: Address[] = [];
    const cappedGroups: Address[] = [];
    for (const want of membership.wants()) {
      if (!mayCross(want.group)) continue;
      const admitted = this.#rules.policy.narrowed("in", want);
      if (!admitted) deniedGroups.push(want.group);
      else if (wants.length >= this.#rules.groupsMax) cappedGroups.push(want.group);
      else wants.push(bounded(admitted));
    }
    return { wants, refused: { deniedGroups, cappedGroups } };
  }

  #sends(membership: SiteMembership, nowMs: number) {
    const waiting = new Map<string, Channel>();
    const deniedChannels = new Map<string, Channel>();
    for (const [key, { source, group }] of this.#candidates(membership, nowMs)) {
      const channel = { source, group };
      (this.#admits(channel) ? waiting : deniedChannels).set(key, channel);
    }
    const sending = new Map<string, Channel>();
    for (const key of this.#sending.keys()) {
      const standing = waiting.get(key);
      if (standing) sending.set(key, standing);
      waiting.delete(key);
    }
    for (const [key, channel] of waiting) {
      if (sending.size >= this.#rules.sourcesMax) break;
      sending.set(key, channel);
      waiting.delete(key);
    }
    this.#sending = sending;
    return { sends: [...sending.values()], refused: { deniedChannels, cappedChannels: waiting } };
  }

  /** Channels heard on the LANs or seen at the ingress that may cross by their scope. */
  #candidates(membership: SiteMembership, nowMs: number): Map<string, Channel> {
    const candidates = new Map<string, Channel>();
    for (const [key, channel] of this.#seen) {
      if (channel.untilMs <= nowMs) this.#seen.delete(key);
      else candidates.set(key, channel);
    }
    for (const sender of membership.senders()) {
      if (mayCross(sender.group)) candidates.set(channelText(sender), sender);
    }
    return candidates;
  }

  #admits({ source, group }: Channel): boolean {
    return this.#rules.policy.admits("out", source, group);
  }

  #fitted(row: SiteRow): SiteRow {
    let fitted = row;
    while (rowBytes(fitted) > limits.rowBytesMax) {
      if (fitted.sends.length > 0) {
        fitted = { ...fitted, sends: fitted.sends.slice(0, fitted.sends.length >> 1) };
      } else {
        fitted = { ...fitted, wants: fitted.wants.slice(0, fitted.wants.length >> 1) };
      }
    }
    this.counters.sendsLeftOut = row.sends.length - fitted.sends.length;
    this.counters.wantsLeftOut = row.wants.length - fitted.wants.length;
    return fitted;
  }
}

/**
 * A want of several LANs may name more sources than a row may. Then it asks for more than its
 * listeners want, which the egress filters; only a source-specific group cannot, and loses some.
 */
function bounded(want: Want): Want {
  if (want.sources.length <= limits.sourcesPerGroupMax) return want;
  if (want.mode === "include" && !isSourceSpecific(want.group)) {
    return { ...want, mode: "exclude", sources: [] };
  }
  return { ...want, sources: want.sources.slice(0, limits.sourcesPerGroupMax) };
}
