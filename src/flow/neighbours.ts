/**
 * Which other Routers this one dials, and when. A neighbour is known by its endpoint, from the
 * configuration or from its site's row; its site by the first greeting. A site that is linked is
 * not dialled; one that is not is dialled again after a delay that doubles, with jitter, so that
 * sites which lost each other do not come back in step. Only a link that has stood for a while
 * makes the delay short again: one that ends at once, again and again, costs few dials.
 */
import type { Prng } from "../base/prng.ts";
import { limits } from "../limits.ts";

type Dial =
  | { readonly kind: "waiting"; readonly atMs: number }
  | { readonly kind: "dialling" }
  | { readonly kind: "linked" };

type Neighbour = {
  readonly endpoint: string;
  site: string | undefined;
  dial: Dial;
  delayMs: number;
  readonly configured: boolean;
  /** Whether a row names it now. */
  named: boolean;
};

export class Neighbours {
  readonly #own: string;
  readonly #prng: Prng;
  readonly #byEndpoint = new Map<string, Neighbour>();
  /** Sites that are linked, whoever dialled, and since when. */
  readonly #linkedMs = new Map<string, number>();
  /** Endpoints that lead to this site itself. */
  readonly #self = new Set<string>();

  constructor(own: string, contacts: readonly string[], prng: Prng, nowMs: number) {
    this.#own = own;
    this.#prng = prng;
    for (const endpoint of contacts) this.#add(endpoint, undefined, nowMs);
  }

  /** Endpoints known, for those who watch over bounds. */
  get size(): number {
    return this.#byEndpoint.size;
  }

  /** The sites that rows name, replacing what an earlier call named. */
  onSites(sites: readonly { site: string; endpoint: string }[], nowMs: number): void {
    const named = new Map(sites.map(({ site, endpoint }) => [endpoint, site]));
    for (const [endpoint, neighbour] of this.#byEndpoint) {
      neighbour.named = named.has(endpoint);
      const stays = neighbour.named || neighbour.configured || neighbour.dial.kind === "dialling";
      if (!stays) this.#byEndpoint.delete(endpoint);
    }
    for (const [endpoint, site] of named) {
      const known = this.#byEndpoint.get(endpoint);
      if (known) this.#rename(known, site, nowMs);
      else if (site !== this.#own) this.#add(endpoint, site, nowMs);
    }
  }

  /** A link to `site` stands, whoever opened it. */
  onLinked(site: string, endpoint: string | undefined, nowMs: number): void {
    if (!this.#linkedMs.has(site)) this.#linkedMs.set(site, nowMs);
    const dialled = endpoint === undefined ? undefined : this.#byEndpoint.get(endpoint);
    if (dialled) dialled.site = site;
    for (const neighbour of this.#byEndpoint.values()) {
      if (neighbour.site === site) neighbour.dial = { kind: "linked" };
    }
  }

  /** The link to `site` is gone: dial again soon. */
  onUnlinked(site: string, nowMs: number): void {
    const sinceMs = this.#linkedMs.get(site) ?? nowMs;
    const stood = nowMs - sinceMs >= limits.redialMaxMs;
    this.#linkedMs.delete(site);
    for (const neighbour of this.#byEndpoint.values()) {
      if (neighbour.site !== site) continue;
      if (stood) neighbour.delayMs = limits.redialMinMs;
      this.#wait(neighbour, nowMs);
    }
  }

  /** A dial ended without a link; `self` when it met this very site. */
  onDialFailed(endpoint: string, nowMs: number, self = false): void {
    const neighbour = this.#byEndpoint.get(endpoint);
    if (self) {
      if (this.#self.size < limits.linksMax) this.#self.add(endpoint);
      this.#byEndpoint.delete(endpoint);
    } else if (neighbour?.dial.kind === "dialling") this.#wait(neighbour, nowMs);
  }

  /** An endpoint that is due to be dialled; it counts as dialling from now on. */
  takeDue(nowMs: number): string | undefined {
    for (const neighbour of this.#byEndpoint.values()) {
      if (neighbour.dial.kind !== "waiting" || neighbour.dial.atMs > nowMs) continue;
      neighbour.dial = { kind: "dialling" };
      return neighbour.endpoint;
    }
    return undefined;
  }

  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dial } of this.#byEndpoint.values()) {
      if (dial.kind === "waiting") next = Math.min(next, dial.atMs);
    }
    return next;
  }

  /** Without a site it comes from the configuration. */
  #add(endpoint: string, site: string | undefined, nowMs: number): void {
    if (this.#self.has(endpoint) || this.#byEndpoint.size === limits.linksMax) return;
    const delayMs = limits.redialMinMs;
    const dial: Dial =
      site !== undefined && this.#linkedMs.has(site)
        ? { kind: "linked" }
        : { kind: "waiting", atMs: nowMs + this.#prng.fraction() * delayMs };
    const configured = site === undefined;
    this.#byEndpoint.set(endpoint, {
      endpoint,
      site,
      dial,
      delayMs,
      configured,
      named: !configured,
    });
  }

  /** A row says whose endpoint it is; it may have been another site's before. */
  #rename(neighbour: Neighbour, site: string, nowMs: number): void {
    if (neighbour.site === site) return;
    neighbour.site = site;
    if (neighbour.dial.kind === "dialling") return;
    if (this.#linkedMs.has(site)) neighbour.dial = { kind: "linked" };
    else if (neighbour.dial.kind === "linked") this.#wait(neighbour, nowMs);
  }

  /** The next dial, later each time; an endpoint that nobody names any more is forgotten. */
  #wait(neighbour: Neighbour, nowMs: number): void {
    if (!neighbour.configured && !neighbour.named) {
      this.#byEndpoint.delete(neighbour.endpoint);
      return;
    }
    neighbour.dial = { kind: "waiting", atMs: nowMs + this.#prng.around(neighbour.delayMs, 0.5) };
    neighbour.delayMs = Math.min(neighbour.delayMs * 2, limits.redialMaxMs);
  }
}
