/**
 * Our own site's row: what it says, when it is published, and its version. Changes are gathered for
 * some milliseconds, and the row is refreshed while nothing changes. What does not fit is left out
 * and counted; groups that are wanted come before senders.
 */
import { type Address, isSourceSpecific } from "../base/address.ts";
import { limits } from "../limits.ts";
import { rowBytes, type SiteRow } from "../wire/message.ts";
import type { Want } from "../wire/want.ts";
import type { SiteMembership } from "./membership.ts";
import { mayCross } from "./scope.ts";

type Version = Pick<SiteRow, "incarnation" | "sequence">;
type Channel = { readonly source: Address; readonly group: Address };

export type RowFrame = Pick<SiteRow, "site" | "zone" | "gatewayControl" | "prefixes">;

export class RowWriter {
  readonly counters = { published: 0, wantsLeftOut: 0, sendsLeftOut: 0 };
  readonly #frame: RowFrame;
  /** What the Router says of itself. */
  #router: Pick<SiteRow, "router" | "routerControl"> = { router: "", routerControl: "" };
  #incarnation: number;
  #sequence = 0;
  #dueMs: number;
  #refreshMs: number;
  /** Channels seen at the ingress, kept as long as PIM keeps a silent source. */
  readonly #seen = new Map<string, Channel & { untilMs: number }>();

  constructor(frame: RowFrame, incarnation: number, nowMs: number) {
    this.#frame = frame;
    this.#incarnation = incarnation;
    this.#dueMs = nowMs;
    this.#refreshMs = nowMs + limits.rowRefreshMs;
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
      const key = `${source} ${group}`;
      if (!this.#seen.has(key)) {
        if (this.#seen.size >= limits.channelsPerSiteMax) continue;
        // A new sender's packets are waiting: no gathering.
        this.#dueMs = nowMs;
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
    return this.#fitted({
      ...this.#frame,
      ...this.#router,
      incarnation: this.#incarnation,
      sequence: this.#sequence,
      settling,
      wants: [...membership.wants()].filter(({ group }) => mayCross(group)).map(bounded),
      sends: this.#sends(membership, nowMs),
    });
  }

  nextDeadlineMs(): number {
    return Math.min(this.#dueMs, this.#refreshMs);
  }

  #sends(membership: SiteMembership, nowMs: number): Channel[] {
    const sends = new Map<string, Channel>();
    for (const [key, { source, group, untilMs }] of this.#seen) {
      if (untilMs <= nowMs) this.#seen.delete(key);
      else sends.set(key, { source, group });
    }
    for (const { source, group } of membership.senders()) {
      if (mayCross(group)) sends.set(`${source} ${group}`, { source, group });
    }
    return [...sends.values()];
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
