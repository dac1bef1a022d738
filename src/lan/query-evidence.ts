/**
 * What queries, and their absence, tell of a LAN: whether a querier is there, is alone, and is
 * heard by hosts. Evidence in words for people; `findings.ts` keeps how long it lasts. Queries of
 * ours count as everybody's, so that two queriers are seen where we are one of them.
 */
import type { Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import { Evidence, seconds } from "./evidence.ts";
import { type IgmpVersion, lastMemberQueryTimeMs } from "./membership.ts";

/** A query heard or sent. */
export type QuerySeen = {
  readonly source: Address;
  readonly version: IgmpVersion;
  /** Undefined in a general query. */
  readonly group: Address | undefined;
  readonly maxResponseMs: number;
  readonly isOurs: boolean;
};

type Seen = { readonly query: QuerySeen; readonly lastMs: number };

/** A leave waits so long for its query (RFC 9776 §8.8), with room for one that is lost. */
const leaveAnswerMs = 2 * lastMemberQueryTimeMs;

/** So many changes from one querier to another, in two of its intervals, are no election. */
const alternationsMin = 3;

export class QueryEvidence {
  readonly #startMs: number;
  readonly #presentMs: () => number;
  /** General queries by source, oldest first. */
  readonly #queriers = new Map<Address, Seen>();
  #lastQueryMs: number;
  #lastElected: Address | undefined;
  #alternationsMs: readonly number[] = [];
  #lastReportMs = Number.NEGATIVE_INFINITY;
  #lastDataMs = Number.NEGATIVE_INFINITY;
  #unansweredQueries = 0;
  #unansweredMs = Number.POSITIVE_INFINITY;
  /** When a group was last asked for, and when its leave needs an answer; oldest first. */
  readonly #askedMs = new Map<Address, number>();
  readonly #leftMs = new Map<Address, number>();
  readonly #unasked = new Evidence<Address>();

  /** @param presentMs Other Querier Present Interval by the values observed */
  constructor(presentMs: () => number, nowMs: number) {
    this.#startMs = nowMs;
    this.#lastQueryMs = nowMs;
    this.#presentMs = presentMs;
  }

  onQuery(query: QuerySeen, nowMs: number): void {
    this.#closeLeaves(nowMs);
    if (query.group !== undefined) {
      this.#leftMs.delete(query.group);
      remember(this.#askedMs, query.group, nowMs, limits.leavesWatchedMax);
      return;
    }
    this.#leftMs.clear();
    this.#lastQueryMs = nowMs;
    remember(this.#queriers, query.source, { query, lastMs: nowMs }, limits.queriersPerLanMax);
    this.#noteElected(query.source, nowMs);
    this.#unansweredQueries++;
    if (this.#unansweredQueries === 2) this.#unansweredMs = nowMs + query.maxResponseMs;
  }

  /** A report of a host: no FastCast node. */
  onReport(nowMs: number): void {
    this.#lastReportMs = nowMs;
    this.#unansweredQueries = 0;
    this.#unansweredMs = Number.POSITIVE_INFINITY;
  }

  /** A host left a group that has other listeners, for all we know: somebody should ask. */
  onLeave(group: Address, nowMs: number): void {
    this.#closeLeaves(nowMs);
    const askedMs = this.#askedMs.get(group) ?? Number.NEGATIVE_INFINITY;
    // What was just asked is not asked again (RFC 9776 §6.6.3.1).
    if (nowMs - askedMs <= leaveAnswerMs || this.#leftMs.has(group)) return;
    remember(this.#leftMs, group, nowMs, limits.leavesWatchedMax);
  }

  onData(nowMs: number): void {
    this.#lastDataMs = nowMs;
  }

  noQuerier(nowMs: number): string | undefined {
    const limitMs = Math.max(defaultPresentMs, this.#presentMs());
    const silentMs = nowMs - this.#lastQueryMs;
    const life = [
      ...lately("reports", this.#lastReportMs, nowMs - limitMs, nowMs),
      ...lately("data", this.#lastDataMs, nowMs - limitMs, nowMs),
    ];
    if (silentMs < limitMs || life.length === 0) return undefined;
    const since = this.#queriers.size > 0 ? "" : ", nor any since we listen";
    return `no general query for ${seconds(silentMs)}${since}, but ${life.join(" and ")}`;
  }

  twoQueriers(nowMs: number): string | undefined {
    const [firstMs] = this.#alternationsMs;
    const spanMs = 2 * this.#presentMs();
    if (this.#alternationsMs.length < alternationsMin || firstMs === undefined) return undefined;
    if (firstMs < nowMs - spanMs) return undefined;
    const names = this.#present(nowMs, spanMs)
      .filter(({ query }) => query.source !== "0.0.0.0")
      .map(({ query, lastMs }) => `${nameOf(query)} (last ${seconds(nowMs - lastMs)} ago)`);
    const changes = `${alternationsMin} changes in ${seconds(nowMs - firstMs)}`;
    return `${names.join(" and ")} ask in turns: ${changes}`;
  }

  oldVersion(nowMs: number): string | undefined {
    const old = this.#present(nowMs, this.#presentMs()).findLast(
      ({ query }) => query.version < 3 && !query.isOurs,
    );
    if (old === undefined) return undefined;
    const { source, version } = old.query;
    const name = source.includes(":") ? "MLDv1" : `IGMPv${version}`;
    const ago = `${seconds(nowMs - old.lastMs)} ago`;
    return `${source} asked in ${name} ${ago}: hosts hide their sources`;
  }

  proxyOnly(nowMs: number): string | undefined {
    const present = this.#present(nowMs, this.#presentMs());
    const [first] = present;
    if (first === undefined || present.some(({ query }) => query.source !== "0.0.0.0")) {
      return undefined;
    }
    return `all general queries are from 0.0.0.0, the last ${seconds(nowMs - first.lastMs)} ago`;
  }

  reportsHidden(nowMs: number): string | undefined {
    if (nowMs <= this.#unansweredMs) return undefined;
    const reportMs = Math.max(this.#lastReportMs, this.#startMs);
    const count = this.#unansweredQueries;
    return `${count} general queries, but no report of a host for ${seconds(nowMs - reportMs)}`;
  }

  leavesUnasked(nowMs: number): string | undefined {
    this.#closeLeaves(nowMs);
    return this.#unasked.take(
      (count, group) => `${count} leaves without a query within 4 s, the last of ${group}`,
    );
  }

  #noteElected(source: Address, nowMs: number): void {
    if (source === "0.0.0.0") return; // a proxy query is in no election (RFC 4541 §2.1.1)
    if (this.#lastElected !== undefined && this.#lastElected !== source) {
      this.#alternationsMs = [...this.#alternationsMs, nowMs].slice(-alternationsMin);
    }
    this.#lastElected = source;
  }

  #closeLeaves(nowMs: number): void {
    for (const [group, leftMs] of this.#leftMs) {
      if (nowMs - leftMs <= leaveAnswerMs) return;
      this.#leftMs.delete(group);
      this.#unasked.onSight(group);
    }
  }

  #present(nowMs: number, withinMs: number): Seen[] {
    return [...this.#queriers.values()].filter(({ lastMs }) => nowMs - lastMs <= withinMs);
  }
}

/** RFC 9776 §8.5 with the default values. */
const defaultPresentMs =
  limits.robustness * limits.queryIntervalMs + limits.queryResponseIntervalMs / 2;

const nameOf = (query: QuerySeen): string => (query.isOurs ? `${query.source} (we)` : query.source);

function lately(what: string, lastMs: number, sinceMs: number, nowMs: number): string[] {
  return lastMs > sinceMs ? [`${what} ${seconds(nowMs - lastMs)} ago`] : [];
}

/** Sets the newest entry and forgets the oldest one above the bound. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): void {
  map.delete(key);
  for (const oldest of map.keys()) {
    if (map.size < max) break;
    map.delete(oldest);
  }
  map.set(key, value);
}
