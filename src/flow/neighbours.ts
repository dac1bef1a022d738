/**
 * Which other Routers this one dials, and when. A neighbour is known by its endpoint, from the
 * configuration or from its site's row; its site by the first greeting. A site that is linked is
 * not dialled; one that is not is dialled again after a delay that doubles, with jitter, so that
 * sites which lost each other do not come back in step.
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
};

export class Neighbours {
  readonly #own: string;
  readonly #prng: Prng;
  readonly #byEndpoint = new Map<string, Neighbour>();
  /** Endpoints that lead to this site itself. */
  readonly #self = new Set<string>();

  constructor(own: string, contacts: readonly string[], prng: Prng, nowMs: number) {
    this.#own = own;
    this.#prng = prng;
    for (const endpoint of contacts) this.#add(endpoint, undefined, true, nowMs);
  }

  /** The sites that rows name, replacing what an earlier call named. */
  onSites(sites: readonly { site: string; endpoint: string }[], nowMs: number): void {
    const named = new Map(sites.map(({ site, endpoint }) => [endpoint, site]));
    for (const [endpoint, neighbour] of this.#byEndpoint) {
      const stays = neighbour.configured || neighbour.dial.kind !== "waiting";
      if (!named.has(endpoint) && !stays) this.#byEndpoint.delete(endpoint);
    }
    for (const [endpoint, site] of named) {
      const known = this.#byEndpoint.get(endpoint);
      if (known) known.site = site;
      else if (site !== this.#own) this.#add(endpoint, site, false, nowMs);
    }
  }

  /** A link to `site` stands, whoever opened it. */
  onLinked(site: string, endpoint: string | undefined): void {
    const dialled = endpoint === undefined ? undefined : this.#byEndpoint.get(endpoint);
    if (dialled) dialled.site = site;
    for (const neighbour of this.#byEndpoint.values()) {
      if (neighbour.site !== site) continue;
      neighbour.dial = { kind: "linked" };
      neighbour.delayMs = limits.redialMinMs;
    }
  }

  /** The link to `site` is gone: dial again soon. */
  onUnlinked(site: string, nowMs: number): void {
    for (const neighbour of this.#byEndpoint.values()) {
      if (neighbour.site === site) this.#wait(neighbour, nowMs);
    }
  }

  /** A dial ended without a link; `self` when it met this very site. */
  onDialFailed(endpoint: string, nowMs: number, self = false): void {
    const neighbour = this.#byEndpoint.get(endpoint);
    if (self) this.#self.add(endpoint);
    if (self) this.#byEndpoint.delete(endpoint);
    else if (neighbour && neighbour.dial.kind === "dialling") this.#wait(neighbour, nowMs);
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

  #add(endpoint: string, site: string | undefined, configured: boolean, nowMs: number): void {
    if (this.#self.has(endpoint) || this.#byEndpoint.size === limits.linksMax) return;
    const delayMs = limits.redialMinMs;
    const dial: Dial = { kind: "waiting", atMs: nowMs + this.#prng.fraction() * delayMs };
    this.#byEndpoint.set(endpoint, { endpoint, site, dial, delayMs, configured });
  }

  #wait(neighbour: Neighbour, nowMs: number): void {
    neighbour.dial = { kind: "waiting", atMs: nowMs + this.#prng.around(neighbour.delayMs, 0.5) };
    neighbour.delayMs = Math.min(neighbour.delayMs * 2, limits.redialMaxMs);
  }
}
