/**
 * The Manager: composes the cores of `plan/` and `almrp/`. It reads the rows of all sites from a
 * Gateway, asks Routers for their links, plans flows and trees, and rolls them out over the control
 * endpoints. It is off the data path: when it is gone, packets flow on.
 */
import { Ring } from "../base/ring.ts";
import { limits } from "../limits.ts";
import { Applications, demands } from "../plan/demand.ts";
import { FlowBook, type Flow, type PlannedFlow, type Unplanned } from "../plan/flows.ts";
import { type Action, Rollout } from "../plan/rollout.ts";
import type { SiteRow } from "../wire/message.ts";
import type { Entry, Epoch, FlowAssignment } from "../wire/plan.ts";

/** One HTTP request; the answer is `onAnswer` with the same id. */
export type ManagerEffect =
  | {
      readonly kind: "request";
      readonly id: number;
      readonly method: "GET" | "POST" | "PUT";
      /** `http://address:port/path`. */
      readonly url: string;
      readonly body?: object;
      readonly timeoutMs: number;
    }
  /** What must survive a restart has changed: write it before the next effect is carried out. */
  | { readonly kind: "save"; readonly state: ManagerState }
  | { readonly kind: "log"; readonly level: "info" | "warning"; readonly text: string };

export type ManagerState = { readonly nextFlow: number; readonly flows: readonly Flow[] };

export type Answer =
  | { readonly kind: "body"; readonly status: number; readonly body: unknown }
  | { readonly kind: "failed"; readonly reason: string };

export type RouterStatus = {
  readonly site: string;
  readonly incarnation: number;
  readonly epoch?: Epoch | undefined;
  readonly entriesHash: string;
  readonly links: readonly { readonly site: string; readonly rttMs?: number | undefined }[];
};

export type GatewayStatus = {
  readonly site: string;
  readonly incarnation: number;
  readonly epoch?: Epoch | undefined;
  readonly flowsHash: string;
};

export type ManagerOptions = {
  readonly epoch: Epoch;
  /** Base URLs of Gateways' control endpoints. */
  readonly contacts: readonly string[];
  readonly applications: Applications;
  readonly state: ManagerState;
};

type Site = {
  row: SiteRow;
  routerFailures: number;
  gatewayFailures: number;
  links: RouterStatus["links"];
  nextPollMs: number;
  polling: number;
};

type Purpose =
  | { readonly kind: "rows"; readonly url: string }
  | { readonly kind: "router"; readonly site: string }
  | { readonly kind: "gateway"; readonly site: string }
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
        this.#onRows(purpose.url, ok ? (answer.body as RowsBody) : undefined, nowMs);
        break;
      case "router":
        this.#onRouter(purpose.site, ok ? (answer.body as RouterStatus) : undefined, nowMs);
        break;
      case "gateway":
        this.#onGateway(purpose.site, ok ? (answer.body as GatewayStatus) : undefined, nowMs);
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
    this.#request({ kind: "rows", url }, "GET", `${url}/v1/rows${query}`, undefined, true);
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
    const named = new Set(body.rows.map(({ site }) => site));
    for (const site of this.#sites.keys()) {
      if (named.has(site)) continue;
      this.#sites.delete(site);
      this.#rollout.onRouterLost(site);
      this.#rollout.onGatewayLost(site);
    }
    for (const row of body.rows) {
      const known = this.#sites.get(row.site);
      if (known) known.row = row;
      else this.#sites.set(row.site, newSite(row, nowMs));
    }
    this.#planSoon(nowMs);
  }

  #poll(site: Site): void {
    const { routerControl, gatewayControl, site: name } = site.row;
    for (const [kind, at] of [
      ["router", routerControl],
      ["gateway", gatewayControl],
    ] as const) {
      if (at === "") continue;
      site.polling++;
      this.#request({ kind, site: name }, "GET", `http://${at}/v1/${kind}`);
    }
  }

  #onRouter(name: string, status: RouterStatus | undefined, nowMs: number): void {
    const site = this.#sites.get(name);
    if (!site) return;
    site.polling--;
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
    }
    if (this.#isAlive(site) !== wasThere) this.#planSoon(nowMs);
  }

  #onGateway(name: string, status: GatewayStatus | undefined, nowMs: number): void {
    const site = this.#sites.get(name);
    if (!site) return;
    site.polling--;
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
    if (body === undefined) {
      const why = answer.kind === "failed" ? answer.reason : `status ${answer.status}`;
      this.#log("warning", `${action.kind} at ${action.site} failed: ${why}`);
      this.#rollout.onDone(action, false);
      // What it holds is read again at the next poll.
      if (action.kind.endsWith("entries")) this.#rollout.onRouterLost(action.site);
      else this.#rollout.onGatewayLost(action.site);
      return;
    }
    if (action.kind === "read-entries") {
      this.#rollout.onDone(action, true, { entries: (body as { entries: Entry[] }).entries });
    } else if (action.kind === "read-flows") {
      this.#rollout.onDone(action, true, { flows: (body as { flows: FlowAssignment[] }).flows });
    } else {
      this.#rollout.onDone(action, true);
    }
  }

  #planSoon(nowMs: number): void {
    this.#planMs = Math.min(this.#planMs, nowMs + limits.planHoldMs);
  }

  #plan(): void {
    this.#planMs = Number.POSITIVE_INFINITY;
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

  /** A site whose Router neither answers nor is linked to any that does is left out of trees. */
  #isAlive(site: Site): boolean {
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
      const { epoch } = this.#options;
      const purpose = { kind: "action", action } as const;
      const entriesUrl = `http://${row.routerControl}/v1/entries`;
      const flowsUrl = `http://${row.gatewayControl}/v1/flows`;
      switch (action.kind) {
        case "read-entries":
          this.#request(purpose, "GET", entriesUrl);
          break;
        case "read-flows":
          this.#request(purpose, "GET", flowsUrl);
          break;
        case "change-entries": {
          const { install, remove } = action;
          this.#request(purpose, "POST", entriesUrl, { epoch, install, remove });
          this.#count("changesSent");
          break;
        }
        case "assign-flows":
          this.#request(purpose, "PUT", flowsUrl, { epoch, flows: action.flows });
          this.#count("changesSent");
          break;
      }
    }
  }

  #request(
    purpose: Purpose,
    method: "GET" | "POST" | "PUT",
    url: string,
    body?: object,
    long = false,
  ): void {
    const id = ++this.#lastId;
    const timeoutMs = limits.requestTimeoutMs + (long ? limits.longPollMs : 0);
    this.#pending.set(id, purpose);
    this.#effects.push({ kind: "request", id, method, url, timeoutMs, ...(body && { body }) });
  }

  #log(level: "info" | "warning", text: string): void {
    this.#effects.push({ kind: "log", level, text });
  }

  #count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }
}

export type RowsBody = {
  readonly incarnation: number;
  readonly changes: number;
  readonly rows: readonly SiteRow[];
};

const newSite = (row: SiteRow, nowMs: number): Site => ({
  row,
  routerFailures: 0,
  gatewayFailures: 0,
  links: [],
  nextPollMs: nowMs,
  polling: 0,
});

const linkedSites = (links: RouterStatus["links"]): string[] =>
  links.map(({ site }) => site).sort();
