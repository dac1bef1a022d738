/**
 * The sites of a fabric as a Manager sees them: their rows, which of their roles answer, and the
 * links that their Routers have, with the round trips measured on them.
 */
import { limits } from "../limits.ts";
import type { SiteRow } from "../wire/message.ts";

export type SiteLink = { readonly site: string; readonly rttMs?: number | undefined };

export type Site = {
  row: SiteRow;
  /** Whether the last rows named it. One that is missing there may still be at work. */
  named: boolean;
  /** Failed polls in a row. */
  routerFailures: number;
  gatewayFailures: number;
  links: readonly SiteLink[];
  nextPollMs: number;
  polling: number;
};

export class Sites {
  readonly #sites = new Map<string, Site>();

  get(name: string): Site | undefined {
    return this.#sites.get(name);
  }

  names(): IterableIterator<string> {
    return this.#sites.keys();
  }

  [Symbol.iterator](): IterableIterator<Site> {
    return this.#sites.values();
  }

  add(row: SiteRow, nowMs: number): void {
    this.#sites.set(row.site, {
      row,
      named: true,
      routerFailures: 0,
      gatewayFailures: 0,
      links: [],
      nextPollMs: nowMs,
      polling: 0,
    });
  }

  delete(name: string): void {
    this.#sites.delete(name);
  }

  /**
   * A site whose Router neither answers nor is linked to any that does is left out of trees, as is
   * one whose Router cannot be told anything.
   */
  isAlive(site: Site): boolean {
    if (site.row.routerControl === "") return false;
    if (site.routerFailures < limits.pollFailuresMax) return true;
    const { site: name } = site.row;
    for (const { links } of this.#sites.values()) {
      if (links.some((link) => link.site === name)) return true;
    }
    return false;
  }

  /** The rows of the sites that trees may use. */
  living(): SiteRow[] {
    return [...this.#sites.values()].filter((site) => this.isAlive(site)).map(({ row }) => row);
  }

  /** Round trips in ms, by the site that measured and the other one. */
  rtts(): Map<string, Map<string, number>> {
    return new Map(
      [...this.#sites].map(([name, { links }]) => [
        name,
        new Map(links.flatMap(({ site, rttMs }) => (rttMs === undefined ? [] : [[site, rttMs]]))),
      ]),
    );
  }

  /** For people. */
  views(): object[] {
    return [...this.#sites.values()].map(({ row, routerFailures, gatewayFailures, links }) => ({
      site: row.site,
      zone: row.zone,
      router: { endpoint: row.router, reachable: routerFailures === 0 },
      gateway: { reachable: gatewayFailures === 0 },
      prefixes: row.prefixes,
      groups: row.wants.length,
      sends: row.sends.length,
      links: links.map(({ site, rttMs }) => ({ site, rttMs })),
    }));
  }
}
