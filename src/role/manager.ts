/**
 * The Manager: composes the cores of `plan/` and `almrp/`. It reads the rows of all sites from a
 * Gateway, asks Routers for their links, plans flows and trees, and rolls them out over the control
 * endpoints. It is off the data path: when it is gone, packets flow on.
 */
import { isNewer, settledRow } from "../astrolabe/rows.ts";
import { Ring } from "../base/ring.ts";

import { limits } from "../limits.ts";
import { type Applications, demands } from "../plan/demand.ts";
import { FlowBook, type Flow, type PlannedFlow, type Unplanned } from "../plan/flows.ts";
import { type Action, Rollout } from "../plan/rollout.ts";
import type { SiteRow } from "../wire/message.ts";
import type { Epoch } from "../wire/plan.ts";
import {
  type Answer,
  entriesBody,
  flowsBody,
  type GatewayStatus,
  gatewayStatus,
  type Request,
  requestOf,
  type RouterStatus,
  routerStatus,
  type RowsBody,
  rowsBody,
} from "./manager-http.ts";

/** One HTTP request; the answer is `onAnswer` with the same id. */
export type ManagerEffect =
  | ({ readonly kind: "request"; readonly id: number; readonly timeoutMs: number } & Request)
  /** What must survive a restart has changed: write it before the next effect is carried out. */
  | { readonly kind: "save"; readonly state: ManagerState }
  | { readonly kind: "log"; readonly level: "info" | "warning"; readonly text: string };

export type ManagerState = { readonly nextFlow: number; readonly flows: readonly Flow[] };

export type ManagerOptions = {
  readonly epoch: Epoch;
  /** Base URLs of Gateways' control endpoints. */
  readonly contacts: readonly string[];
  readonly applications: Applications;
  readonly state: ManagerState;
};

type Site = {
  row: SiteRow;
  /** Whether the last rows named it. One that is missing there may still be at work. */
  named: boolean;
  routerFailures: number;
  gatewayFailures: number;
  links: RouterStatus["links"];
  nextPollMs: number;
  polling: number;
};

type Purpose =
  | { readonly kind: "rows"; readonly url: string }
  | { readonly kind: "router"; readonly site: Site }
  | { readonly kind: "gateway"; readonly site: Site }
  | { readonly kind: "action"; readonly action: Action };

/** Failed polls in a row after which a role counts as gone. */
const failuresMax = 2;

export class Manager {
  readonly counters: Record<string, number> = {
    plans: 0,
    changesSent: 0,
    requestsFailed: 0,
    refusals: 0,
  };
  readonly #options: ManagerOptions;
  readonly #book: FlowBook;
  readonly #rollout = new Rollout();
  readonly #sites = new Map<string, Site>();
  readonly #effects = new Ring<ManagerEffect>(limits.effectsMax);
  readonly #pending = new Map<number, Purpose>();
  #lastId = 0;
  #planned: readonly PlannedFlow[] = [];
  #unplanned: readonly Unplanned[] = [];
  #planMs = Number.POSITIVE_INFINITY;
  #rowsMs: number;
  #rowsFrom: { url: string; incarnation: number; changes: number } | undefined;
  #contact = 0;

  constructor(options: ManagerOptions, nowMs: number) {
    this.#options = options;
    this.#book = new FlowBook(options.state.flows, options.state.nextFlow);
    this.#rowsMs = nowMs;
  }

  // Questions of the control path.

  get epoch(): Epoch {
    return this.#options.epoch;
  }

  get applications(): Applications["all"] {
    return this.#options.applications.all;
  }

  get readsFrom(): string | undefined {
    return this.#rowsFrom?.url;
  }

  sites(): object[] {
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

  plan(): object {
    return {
      epoch: this.epoch,
      flows: this.#planned.map(({ flow, channels }) => ({
        flow: flow.flow,
        version: flow.version,
        almrp: flow.almrp,
        ingress: flow.ingress,
        receivers: flow.receivers,
        ready: this.#rollout.isReady(flow.flow),
        tree: Object.fromEntries(flow.parents),
        channels,
      })),
      unplanned: this.#unplanned.map(({ demand, reason }) => ({
        channel: demand.channel,
        ingress: demand.ingress,
        receivers: demand.receivers,
        reason,
      })),
    };
  }

  // Facts.

  onAnswer(id: number, answer: Answer, nowMs: number): void {
    const purpose = this.#pending.get(id);
    if (!purpose) return;
    this.#pending.delete(id);
    const ok = answer.kind === "body" && answer.status < 300;
    if (!ok) this.#count(answer.kind === "failed" ? "requestsFailed" : "refusals");
    switch (purpose.kind) {
      case "rows":
        this.#onRows(purpose.url, ok ? rowsBody(answer.body) : undefined, nowMs);
        break;
      case "router":
        this.#onRouter(purpose.site, ok ? routerStatus(answer.body) : undefined, nowMs);
        break;
      case "gateway":
        this.#onGateway(purpose.site, ok ? gatewayStatus(answer.body) : undefined, nowMs);
        break;
      case "action":
        this.#onAction(purpose.action, ok ? answer.body : undefined, answer);
        break;
    }
    this.#act(nowMs);
  }

  onDeadline(nowMs: number): void {
    if (nowMs >= this.#rowsMs) this.#askRows();
    for (const site of this.#sites.values()) {
      if (site.polling > 0 || nowMs < site.nextPollMs) continue;
      site.nextPollMs = nowMs + limits.pollIntervalMs;
      this.#poll(site);
    }
    if (nowMs >= this.#planMs) this.#plan();
    this.#act(nowMs);
  }

  nextDeadlineMs(): number {
    let next = Math.min(this.#rowsMs, this.#planMs, this.#rollout.nextDeadlineMs());
    for (const { polling, nextPollMs } of this.#sites.values()) {
      if (polling === 0) next = Math.min(next, nextPollMs);
    }
    return next;
  }

  takeEffect(): ManagerEffect | undefined {
    return this.#effects.take();
  }

  /** Asks a Gateway for rows: the next contact, or any that rows name, until one answers. */
  #askRows(): void {
    this.#rowsMs = Number.POSITIVE_INFINITY;
    const known = [...this.#sites.values()].map(({ row }) => row.gatewayControl);
    const urls = [...this.#options.contacts, ...known.filter(Boolean).map((at) => `http://${at}`)];
    if (urls.length === 0) return;
    const url = this.#rowsFrom?.url ?? (urls[this.#contact++ % urls.length] as string);
    const from = this.#rowsFrom;
    const query = from ? `?incarnation=${from.incarnation}&after=${from.changes}` : "";
    const request = { method: "GET", url: `${url}/v1/rows${query}` } as const;
    this.#request({ kind: "rows", url }, request, limits.longPollMs);
  }

  #onRows(url: string, body: RowsBody | undefined, nowMs: number): void {
    if (!body) {
      if (this.#rowsFrom) this.#log("warning", `${url} no longer tells the rows of the sites`);
      this.#rowsFrom = undefined;
      this.#rowsMs = nowMs + limits.pollIntervalMs;
      return;
    }
    if (this.#rowsFrom?.url !== url) this.#log("info", `reading the rows of the sites from ${url}`);
    this.#rowsFrom = { url, incarnation: body.incarnation, changes: body.changes };
    this.#rowsMs = nowMs;
    for (const site of this.#sites.values()) site.named = false;
    for (const row of body.rows) this.#onRow(row, nowMs);
    this.#dropGone();
    this.#rollout.onSites(this.#sites.keys());
    this.#planSoon(nowMs);
  }

  /** The Gateway that tells the rows may have just started: what it lacks is unknown, not gone. */
  #onRow(told: SiteRow, nowMs: number): void {
    const known = this.#sites.get(told.site);
    const row = known && told.settling ? settledRow(known.row, told) : told;
    // A Router without a control endpoint is never asked, so nothing may wait for its answer.
    if (row.routerControl === "") this.#rollout.onRouterLost(row.site);
    else if (!known?.row.routerControl) this.#rollout.onRouterNew(row.site);
    if (known && told.incarnation > known.row.incarnation) this.#onNewLife(known, nowMs);
    if (!known) this.#sites.set(row.site, newSite(row, nowMs));
    else if (!isNewer(known.row, told)) known.row = row;
    if (known) known.named = true;
  }

  /** The site's processes may have started anew, without the flows and entries they had. */
  #onNewLife(site: Site, nowMs: number): void {
    this.#rollout.forgetRouter(site.row.site);
    this.#rollout.onGatewayLost(site.row.site);
    site.nextPollMs = nowMs;
  }

  /**
   * A site is gone when no row names it, its Router does not answer and no other is linked to it.
   */
  #dropGone(): void {
    for (const [name, site] of this.#sites) {
      if (site.named || this.#isAlive(site)) continue;
      this.#sites.delete(name);
      this.#rollout.forgetRouter(name);
      this.#rollout.onGatewayLost(name);
    }
  }

  #poll(site: Site): void {
    const { routerControl, gatewayControl } = site.row;
    for (const [kind, at] of [
      ["router", routerControl],
      ["gateway", gatewayControl],
    ] as const) {
      if (at === "") continue;
      site.polling++;
      this.#request({ kind, site }, { method: "GET", url: `http://${at}/v1/${kind}` });
    }
  }

  #onRouter(site: Site, status: RouterStatus | undefined, nowMs: number): void {
    site.polling--;
    const name = site.row.site;
    if (this.#sites.get(name) !== site) return;
    const wasThere = this.#isAlive(site);
    if (status && status.site === name) {
      if (String(linkedSites(site.links)) !== String(linkedSites(status.links))) {
        this.#planSoon(nowMs);
      }
      site.routerFailures = 0;
      site.links = status.links;
      this.#rollout.onRouter(name, status);
    } else if (++site.routerFailures === failuresMax) {
      site.links = [];
      this.#rollout.onRouterLost(name);
      this.#log("warning", `the Router of ${name} does not answer`);
      // Its links no longer speak for its neighbours either.
      this.#planSoon(nowMs);
    }
    if (this.#isAlive(site) !== wasThere) this.#planSoon(nowMs);
  }

  #onGateway(site: Site, status: GatewayStatus | undefined, nowMs: number): void {
    site.polling--;
    const name = site.row.site;
    if (this.#sites.get(name) !== site) return;
    if (status && status.site === name) {
      site.gatewayFailures = 0;
      this.#rollout.onGateway(name, status);
    } else if (++site.gatewayFailures === failuresMax) {
      this.#rollout.onGatewayLost(name);
      this.#log("warning", `the Gateway of ${name} does not answer`);
      this.#planSoon(nowMs);
    }
  }

  #onAction(action: Action, body: unknown, answer: Answer): void {
    const entries = action.kind === "read-entries" ? entriesBody(body) : undefined;
    const flows = action.kind === "read-flows" ? flowsBody(body) : undefined;
    const isRead = action.kind.startsWith("read");
    if (isRead ? !entries && !flows : body === undefined) {
      const why = answer.kind === "failed" ? answer.reason : `status ${answer.status}`;
      this.#log("warning", `${action.kind} at ${action.site} failed: ${why}`);
      this.#rollout.onDone(action, false);
      // What it holds is read again at the next poll.
      if (action.kind.endsWith("entries")) this.#rollout.forgetRouter(action.site);
      else this.#rollout.onGatewayLost(action.site);
      return;
    }
    this.#rollout.onDone(action, true, { ...(entries && { entries }), ...(flows && { flows }) });
  }

  #planSoon(nowMs: number): void {
    this.#planMs = Math.min(this.#planMs, nowMs + limits.planHoldMs);
  }

  #plan(): void {
    this.#planMs = Number.POSITIVE_INFINITY;
    this.#dropGone();
    const before = this.#book.nextFlow;
    const rows = [...this.#sites.values()]
      .filter((site) => this.#isAlive(site))
      .map(({ row }) => row);
    const wanted = demands(rows, this.#options.applications);
    const { flows, unplanned } = this.#book.plan(wanted, { rttMs: this.#rtts() });
    for (const { demand, reason } of unplanned) {
      this.#log("warning", `no tree for ${demand.channel.group} from ${demand.ingress}: ${reason}`);
    }
    this.#planned = flows;
    this.#unplanned = unplanned;
    this.#count("plans");
    if (this.#book.nextFlow !== before) {
      const state = { nextFlow: this.#book.nextFlow, flows: [...this.#book.flows] };
      this.#effects.push({ kind: "save", state });
    }
    this.#rollout.onPlan(flows);
  }

  /**
   * A site whose Router neither answers nor is linked to any that does is left out of trees, as is
   * one whose Router cannot be told anything.
   */
  #isAlive(site: Site): boolean {
    if (site.row.routerControl === "") return false;
    if (site.routerFailures < failuresMax) return true;
    const { site: name } = site.row;
    for (const { links } of this.#sites.values()) {
      if (links.some((link) => link.site === name)) return true;
    }
    return false;
  }

  #rtts(): Map<string, Map<string, number>> {
    return new Map(
      [...this.#sites].map(([name, { links }]) => [
        name,
        new Map(links.flatMap(({ site, rttMs }) => (rttMs === undefined ? [] : [[site, rttMs]]))),
      ]),
    );
  }

  #act(nowMs: number): void {
    for (const action of this.#rollout.actions(nowMs)) {
      const row = this.#sites.get(action.site)?.row;
      if (!row) continue;
      this.#request({ kind: "action", action }, requestOf(action, row, this.#options.epoch));
      if (!action.kind.startsWith("read")) this.#count("changesSent");
    }
  }

  #request(purpose: Purpose, request: Request, waitMs = 0): void {
    const id = ++this.#lastId;
    const timeoutMs = limits.requestTimeoutMs + waitMs;
    this.#pending.set(id, purpose);
    this.#effects.push({ kind: "request", id, timeoutMs, ...request });
  }

  #log(level: "info" | "warning", text: string): void {
    this.#effects.push({ kind: "log", level, text });
  }

  #count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }
}

const newSite = (row: SiteRow, nowMs: number): Site => ({
  row,
  named: true,
  routerFailures: 0,
  gatewayFailures: 0,
  links: [],
  nextPollMs: nowMs,
  polling: 0,
});

const linkedSites = (links: RouterStatus["links"]): string[] =>
  links.map(({ site }) => site).sort();
