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
import { type Site, Sites } from "../plan/sites.ts";
import type { SiteRow } from "../wire/message.ts";
import { compareEpochs, type Entry, type Epoch } from "../wire/plan.ts";
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
  troubleOf,
  type RowsBody,
  rowsBody,
} from "./manager-http.ts";

/** One HTTP request; the answer is `onAnswer` with the same id. */
export type ManagerEffect =
  | ({ readonly kind: "request"; readonly id: number; readonly timeoutMs: number } & Request)
  /** What must survive a restart has changed: write it before the next effect is carried out. */
  | { readonly kind: "save"; readonly term: number; readonly state: ManagerState }
  | { readonly kind: "log"; readonly level: "info" | "warning"; readonly text: string };

export type ManagerState = { readonly nextFlow: number; readonly flows: readonly Flow[] };

export type ManagerOptions = {
  readonly epoch: Epoch;
  /** Base URLs of Gateways' control endpoints. */
  readonly contacts: readonly string[];
  readonly applications: Applications;
  readonly state: ManagerState;
};

type Purpose =
  | { readonly kind: "rows"; readonly url: string }
  | { readonly kind: "router"; readonly site: Site }
  | { readonly kind: "gateway"; readonly site: Site }
  | { readonly kind: "action"; readonly action: Action };

export class Manager {
  readonly counters: Record<string, number> = {
    plans: 0,
    changesSent: 0,
    requestsFailed: 0,
    refusals: 0,
  };
  readonly #options: ManagerOptions;
  #epoch: Epoch;
  readonly #book: FlowBook;
  readonly #rollout = new Rollout();
  readonly #sites = new Sites();
  readonly #effects = new Ring<ManagerEffect>(limits.effectsMax);
  readonly #pending = new Map<number, Purpose>();
  #lastId = 0;
  #planned: readonly PlannedFlow[] = [];
  #unplanned: readonly Unplanned[] = [];
  #planMs = Number.POSITIVE_INFINITY;
  #rowsMs: number;
  #rowsFrom: { url: string; incarnation: number; changes: number } | undefined;
  #contact = 0;
  #outranked = false;
  #trouble: string | undefined;

  constructor(options: ManagerOptions, nowMs: number) {
    this.#options = options;
    this.#epoch = options.epoch;
    this.#book = new FlowBook(options.state.flows, options.state.nextFlow);
    this.#rowsMs = nowMs;
  }

  // Questions of the control path.

  get epoch(): Epoch {
    return this.#epoch;
  }

  get applications(): Applications["all"] {
    return this.#options.applications.all;
  }

  /** Why there are no rows, as far as it is known. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get readsFrom(): string | undefined {
    return this.#rowsFrom?.url;
  }

  sites(): object[] {
    return this.#sites.views();
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
        this.#onContact(purpose.url, answer);
        break;
      case "router":
        this.#onRouter(purpose.site, ok ? routerStatus(answer.body) : undefined, nowMs);
        break;
      case "gateway":
        this.#onGateway(purpose.site, ok ? gatewayStatus(answer.body) : undefined, nowMs);
        break;
      case "action":
        this.#onAction(purpose.action, ok ? answer.body : undefined, answer, nowMs);
        break;
    }
    this.#act(nowMs);
  }

  onDeadline(nowMs: number): void {
    if (nowMs >= this.#rowsMs) this.#askRows();
    for (const site of this.#sites) {
      if (site.polling > 0 || nowMs < site.nextPollMs) continue;
      site.nextPollMs = nowMs + limits.pollIntervalMs;
      this.#poll(site);
    }
    if (nowMs >= this.#planMs) this.#plan();
    this.#act(nowMs);
  }

  nextDeadlineMs(): number {
    let next = Math.min(this.#rowsMs, this.#planMs, this.#rollout.nextDeadlineMs());
    for (const { polling, nextPollMs } of this.#sites) {
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
    const known = [...this.#sites].map(({ row }) => row.gatewayControl);
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
    for (const site of this.#sites) site.named = false;
    for (const row of body.rows) this.#onRow(row, nowMs);
    this.#dropGone();
    this.#rollout.onSites(this.#sites.names());
    this.#planSoon(nowMs);
  }

  /** Says why a contact is of no use, once for each reason. */
  #onContact(url: string, answer: Answer): void {
    const trouble = `${url}: ${troubleOf(answer)}`;
    if (this.#rowsFrom) this.#trouble = undefined;
    else if (this.#trouble !== trouble) {
      this.#trouble = trouble;
      this.#log("warning", `no rows from ${trouble}`);
    }
  }

  /** The Gateway that tells the rows may have just started: what it lacks is unknown, not gone. */
  #onRow(told: SiteRow, nowMs: number): void {
    const known = this.#sites.get(told.site);
    const row = known && told.settling ? settledRow(known.row, told) : told;
    // A Router without a control endpoint is never asked, so nothing may wait for its answer.
    if (row.routerControl === "") this.#rollout.onRouterLost(row.site);
    else if (!known?.row.routerControl) this.#rollout.onRouterNew(row.site);
    if (known && told.incarnation > known.row.incarnation) this.#onNewLife(known, nowMs);
    if (!known) this.#sites.add(row, nowMs);
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
    for (const site of this.#sites) {
      const name = site.row.site;
      if (site.named || this.#sites.isAlive(site)) continue;
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
    const wasThere = this.#sites.isAlive(site);
    if (status && status.site === name) {
      if (String(linkedSites(site.links)) !== String(linkedSites(status.links))) {
        this.#planSoon(nowMs);
      }
      site.routerFailures = 0;
      this.#onEpoch(status.epoch, name);
      site.links = status.links;
      this.#rollout.onRouter(name, status);
      this.#rollout.onLinks(name, linkedSites(status.links));
    } else if (++site.routerFailures === limits.pollFailuresMax) {
      site.links = [];
      this.#rollout.onRouterLost(name);
      this.#log("warning", `the Router of ${name} does not answer`);
      // Its links no longer speak for its neighbours either.
      this.#planSoon(nowMs);
    }
    if (this.#sites.isAlive(site) !== wasThere) this.#planSoon(nowMs);
  }

  #onGateway(site: Site, status: GatewayStatus | undefined, nowMs: number): void {
    site.polling--;
    const name = site.row.site;
    if (this.#sites.get(name) !== site) return;
    if (status && status.site === name) {
      site.gatewayFailures = 0;
      this.#onEpoch(status.epoch, name);
      this.#rollout.onGateway(name, status);
    } else if (++site.gatewayFailures === limits.pollFailuresMax) {
      this.#rollout.onGatewayLost(name);
      this.#log("warning", `the Gateway of ${name} does not answer`);
      this.#planSoon(nowMs);
    }
  }

  #onAction(action: Action, body: unknown, answer: Answer, nowMs: number): void {
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
    if (entries) this.#onEntries(action.site, entries, nowMs);
    this.#rollout.onDone(action, true, { ...(entries && { entries }), ...(flows && { flows }) });
  }

  /** Our state was lost when Routers hold Flow IDs that we would give out again. */
  #onEntries(site: string, entries: readonly Entry[], nowMs: number): void {
    const highest = entries.reduce((most, { flow }) => Math.max(most, flow), 0);
    const isOurs = highest < this.#book.nextFlow && !this.#rollout.contradicts(site, entries);
    if (isOurs) return;
    this.#log("warning", `${site} holds flows up to ${highest} that this Manager does not know`);
    this.#book.restartAbove(highest);
    this.#planSoon(nowMs);
  }

  /**
   * A higher epoch than ours is in force. From an earlier life of this Manager, whose state was
   * lost: go beyond it. From another Manager: ours is refused, and people must stop one of them.
   */
  #onEpoch(seen: Epoch | undefined, at: string): void {
    if (!seen || compareEpochs(seen, this.#epoch) <= 0) return;
    if (seen.manager === this.#epoch.manager) {
      this.#epoch = { term: seen.term + 1, manager: seen.manager };
      return this.#save();
    }
    if (this.#outranked) return;
    this.#outranked = true;
    this.#log(
      "warning",
      `${at} obeys Manager ${seen.manager} of term ${seen.term}: stop one of us`,
    );
  }

  #save(): void {
    const state = { nextFlow: this.#book.nextFlow, flows: [...this.#book.flows] };
    this.#effects.push({ kind: "save", term: this.#epoch.term, state });
  }

  #planSoon(nowMs: number): void {
    this.#planMs = Math.min(this.#planMs, nowMs + limits.planHoldMs);
  }

  #plan(): void {
    this.#planMs = Number.POSITIVE_INFINITY;
    this.#dropGone();
    const before = this.#book.nextFlow;
    const wanted = demands(this.#sites.living(), this.#options.applications);
    const { flows, unplanned } = this.#book.plan(wanted, { rttMs: this.#sites.rtts() });
    for (const { demand, reason } of unplanned) {
      this.#log("warning", `no tree for ${demand.channel.group} from ${demand.ingress}: ${reason}`);
    }
    this.#planned = flows;
    this.#unplanned = unplanned;
    this.#count("plans");
    if (this.#book.nextFlow !== before) this.#save();
    this.#rollout.onPlan(flows);
  }

  #act(nowMs: number): void {
    for (const action of this.#rollout.actions(nowMs)) {
      const row = this.#sites.get(action.site)?.row;
      if (!row) continue;
      this.#request({ kind: "action", action }, requestOf(action, row, this.#epoch));
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

const linkedSites = (links: RouterStatus["links"]): string[] =>
  links.map(({ site }) => site).sort();
