/**
 * What every site knows of every site: one row per site, written by its own Gateway only, spread by
 * gossip (van Renesse, Birman, Vogels: "Astrolabe", ACM TOCS 21(2), 2003; here one flat zone). A
 * new row is flooded at once over the links that exist; every two seconds a random neighbour gets a
 * digest, which repairs whatever was lost. (incarnation, sequence) orders the rows of one site;
 * clocks never do. A row is recorded before it is passed on, so an echo ends where it began.
 *
 * Absent is unknown, not gone: a row that is not refreshed expires after 90 s, and what is known of
 * its version stays, so that an old copy cannot bring it back. Digests name such versions too: a
 * site that comes back with a clock behind learns from them how far it must go.
 */
import { Deadlines } from "../base/deadlines.ts";
import type { Prng } from "../base/prng.ts";
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";
import type { MessageOf, RowVersion, SiteRow } from "../wire/message.ts";
import { channelText } from "../wire/plan.ts";
import { unionOfWants } from "../wire/want.ts";

type GossipMessage = MessageOf<"digest"> | MessageOf<"rows">;

export type GossipEffect = {
  readonly kind: "send";
  readonly to: number;
  readonly message: GossipMessage;
};

/**
 * A row as it is known here: as its site sent it, and as it is read. A site that has just started
 * does not know its members yet, so what was known of it before still counts.
 */
export type KnownRow = {
  readonly row: SiteRow;
  readonly view: SiteRow;
  readonly heardMs: number;
};

/** Versions in one digest, so that it fits a message; rows left out are sent again and refused. */
const digestRowsMax = 700;

type Version = Pick<SiteRow, "incarnation" | "sequence">;

export const isNewer = (a: Version, b: Version | undefined): boolean =>
  b === undefined ||
  a.incarnation > b.incarnation ||
  (a.incarnation === b.incarnation && a.sequence > b.sequence);

export class Rows {
  readonly counters = { rowsAccepted: 0, rowsOld: 0, rowsOwn: 0, rowsRefused: 0, rowsExpired: 0 };
  readonly #own: string;
  readonly #prng: Prng;
  readonly #rows = new Map<string, KnownRow>();
  /** The highest version seen of each site, also of expired ones. */
  readonly #versions = new Map<string, Version>();
  readonly #expiry = new Deadlines<string>();
  readonly #neighbours = new Set<number>();
  readonly #effects = new Ring<GossipEffect>(limits.effectsMax);
  #ownHeard: Version | undefined;
  #gossipMs: number;
  #changes = 0;

  constructor(own: string, prng: Prng, nowMs: number) {
    this.#own = own;
    this.#prng = prng;
    this.#gossipMs = nowMs + limits.gossipIntervalMs;
  }

  /** Rises with every change of any row: what readers wait for. */
  get changes(): number {
    return this.#changes;
  }

  /** The highest version of our own row that others told us of. */
  get ownVersionHeard(): Version | undefined {
    return this.#ownHeard;
  }

  *[Symbol.iterator](): IterableIterator<KnownRow> {
    for (const known of this.#rows.values()) yield known;
  }

  /** Rows of all sites but our own. */
  *others(): IterableIterator<SiteRow> {
    for (const { view } of this.#rows.values()) if (view.site !== this.#own) yield view;
  }

  /** Our own row changed (or is due to be refreshed): its version is the caller's to raise. */
  publish(row: SiteRow, nowMs: number): void {
    this.#record(row, nowMs);
    this.#flood([row], undefined);
  }

  onNeighbourUp(neighbour: number): void {
    this.#neighbours.add(neighbour);
    this.#send(neighbour, this.#digest(true));
  }

  onNeighbourDown(neighbour: number): void {
    this.#neighbours.delete(neighbour);
  }

  /** The way to all neighbours is gone. */
  onNoNeighbours(): void {
    this.#neighbours.clear();
  }

  onMessage(from: number, message: GossipMessage, nowMs: number): void {
    if (message.kind === "digest") return this.#onDigest(from, message);
    const fresh = message.rows.filter((row) => this.#accept(row, nowMs));
    if (fresh.length > 0) this.#flood(fresh, from);
  }

  onDeadline(nowMs: number): void {
    for (const site of this.#expiry.takeDue(nowMs)) {
      this.#rows.delete(site);
      this.counters.rowsExpired++;
      this.#changes++;
    }
    if (nowMs < this.#gossipMs) return;
    this.#gossipMs = nowMs + this.#prng.around(limits.gossipIntervalMs, 0.2);
    const neighbours = [...this.#neighbours];
    if (neighbours.length > 0) this.#send(this.#prng.pick(neighbours), this.#digest(true));
  }

  nextDeadlineMs(): number {
    return Math.min(this.#gossipMs, this.#expiry.nextMs());
  }

  takeEffect(): GossipEffect | undefined {
    return this.#effects.take();
  }

  #accept(row: SiteRow, nowMs: number): boolean {
    if (row.site === this.#own) {
      this.counters.rowsOwn++;
      if (isNewer(row, this.#ownHeard)) this.#ownHeard = row;
      return false;
    }
    if (!isNewer(row, this.#versions.get(row.site))) {
      this.counters.rowsOld++;
      return false;
    }
    if (!this.#versions.has(row.site) && this.#versions.size >= limits.sitesMax) {
      this.counters.rowsRefused++;
      return false;
    }
    this.counters.rowsAccepted++;
    this.#record(row, nowMs);
    return true;
  }

  #record(row: SiteRow, nowMs: number): void {
    this.#versions.set(row.site, { incarnation: row.incarnation, sequence: row.sequence });
    const before = this.#rows.get(row.site)?.view;
    const view = row.settling && before ? settledRow(before, row) : row;
    this.#rows.set(row.site, { row, view, heardMs: nowMs });
    if (row.site !== this.#own) this.#expiry.set(row.site, nowMs + limits.rowExpiryMs);
    this.#changes++;
  }

  /** Sends what the other lacks; asks back when the other has more. */
  #onDigest(from: number, digest: MessageOf<"digest">): void {
    const theirs = new Map(digest.rows.map((version) => [version.site, version]));
    const own = theirs.get(this.#own);
    if (own && isNewer(own, this.#ownHeard)) this.#ownHeard = own;
    const lacking: SiteRow[] = [];
    for (const { row } of this.#rows.values()) {
      if (isNewer(row, theirs.get(row.site))) lacking.push(row);
    }
    this.#sendRows(from, lacking);
    const more = digest.rows.some((version) => isNewer(version, this.#versions.get(version.site)));
    if (digest.reply && more) this.#send(from, this.#digest(false));
  }

  #digest(reply: boolean): MessageOf<"digest"> {
    const rows: RowVersion[] = [];
    for (const [site, version] of this.#versions) {
      if (rows.length === digestRowsMax) break;
      rows.push({ site, ...version });
    }
    return { kind: "digest", reply, rows };
  }

  #flood(rows: readonly SiteRow[], except: number | undefined): void {
    for (const neighbour of this.#neighbours) {
      if (neighbour !== except) this.#sendRows(neighbour, rows);
    }
  }

  /** One row per message: a row may be as large as a message. */
  #sendRows(to: number, rows: readonly SiteRow[]): void {
    for (const row of rows) this.#send(to, { kind: "rows", rows: [row] });
  }

  #send(to: number, message: GossipMessage): void {
    if (!this.#effects.push({ kind: "send", to, message })) this.counters.rowsRefused++;
  }
}

/** The new row with what the site wanted and sent before, and where it was reached. */
export function settledRow(before: SiteRow, row: SiteRow): SiteRow {
  const wants = new Map(before.wants.map((want) => [want.group, want]));
  for (const want of row.wants) {
    const known = wants.get(want.group);
    wants.set(want.group, known ? unionOfWants(known, want) : want);
  }
  const sends = new Map(
    [...before.sends, ...row.sends].map((channel) => [channelText(channel), channel]),
  );
  return {
    ...row,
    router: row.router || before.router,
    routerControl: row.routerControl || before.routerControl,
    wants: [...wants.values()],
    sends: [...sends.values()],
  };
}
