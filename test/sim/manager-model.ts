/**
 * The Manager of the simulated fabric, its state file, and HTTP: requests and answers travel as
 * JSON text with a delay, and call the same commands as the control endpoints do.
 */
import { limits } from "../../src/limits.ts";
import { Applications } from "../../src/plan/demand.ts";
import { Manager, type ManagerEffect, type ManagerState } from "../../src/role/manager.ts";
import type { Answer } from "../../src/role/manager-http.ts";
import type { EntryChange, Epoch, FlowAssignment } from "../../src/wire/plan.ts";
import type { SiteModel } from "./site-model.ts";
import type { World } from "./world.ts";

type Request = Extract<ManagerEffect, { kind: "request" }>;

const failed: Answer = { kind: "failed", reason: "refused" };
const applications = new Applications(
  [{ name: "shared", groups: ["233.252.0.0/24"], almrp: "mst" }],
  "star",
);

export class ManagerModel {
  manager: Manager | undefined;
  state: ManagerState = { nextFlow: 1, flows: [] };
  readonly #world: World;
  #term = 0;

  constructor(world: World) {
    this.#world = world;
    this.start();
  }

  start(): void {
    const epoch = { term: ++this.#term, manager: "m" };
    const contacts = this.#world.sites.slice(0, 2).map(({ host }) => `http://${host}:7881`);
    const options = { epoch, contacts, applications, state: this.state };
    this.manager = new Manager(options, this.#world.nowMs);
  }

  crash(): void {
    this.manager = undefined;
  }

  nextDeadlineMs(): number {
    return this.manager?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
  }

  onDeadline(): void {
    const { nowMs } = this.#world;
    if (this.nextDeadlineMs() <= nowMs) this.manager?.onDeadline(nowMs);
  }

  drain(): boolean {
    const { manager } = this;
    let busy = false;
    for (let effect = manager?.takeEffect(); effect; effect = manager?.takeEffect()) {
      busy = true;
      if (effect.kind === "save") this.state = effect.state;
      if (effect.kind === "request") this.#send(effect);
    }
    return busy;
  }

  #send(request: Request): void {
    const { manager } = this;
    const delayMs = 1 + this.#world.prng.below(40);
    let open = true;
    const answer = (value: Answer): void => {
      if (!open) return;
      open = false;
      if (this.manager === manager) manager?.onAnswer(request.id, value, this.#world.nowMs);
    };
    const text = JSON.stringify(request.body);
    this.#world.after(delayMs, () => {
      this.#carryOut(request, text === undefined ? undefined : JSON.parse(text), (value) => {
        const json = JSON.stringify(value);
        this.#world.after(delayMs, () => answer(JSON.parse(json) as Answer));
      });
    });
    this.#world.after(request.timeoutMs, () => answer({ kind: "failed", reason: "timed out" }));
  }

  #carryOut(request: Request, body: unknown, answer: (value: Answer) => void): void {
    const url = new URL(request.url);
    const site = this.#world.sites.find(({ host }) => host === url.hostname);
    if (!site) return answer(failed);
    const isRouter = url.port === "7880";
    if (isRouter ? !site.router : !site.gateway) return answer(failed);
    const ok = (value: object): void => answer({ kind: "body", status: 200, body: value });
    switch (`${request.method} ${url.pathname}`) {
      case "GET /v1/rows":
        return this.#rows(site, url.searchParams, ok, answer);
      case "GET /v1/router":
        return ok(routerStatus(site, this.#world.nowMs));
      case "GET /v1/gateway":
        return ok(gatewayStatus(site));
      case "GET /v1/entries":
        return ok({ entries: site.router?.entryViews() });
      case "GET /v1/flows":
        return ok({ flows: site.gateway?.ingress.assignments });
      case "POST /v1/entries": {
        const outcome = site.router?.change(body as EntryChange);
        return answer({ kind: "body", status: outcome === "installed" ? 200 : 409, body: {} });
      }
      case "PUT /v1/flows": {
        const { epoch, flows } = body as { epoch: Epoch; flows: FlowAssignment[] };
        const outcome = site.gateway?.assign(epoch, flows, this.#world.nowMs);
        return answer({ kind: "body", status: outcome === "assigned" ? 200 : 409, body: {} });
      }
    }
    throw new TypeError(`no ${request.method} ${url.pathname}`);
  }

  /** The long poll: at once when something has changed, else at the next change. */
  #rows(
    site: SiteModel,
    query: URLSearchParams,
    ok: (value: object) => void,
    answer: (value: Answer) => void,
  ): void {
    const { gateway } = site;
    if (!gateway) return answer(failed);
    const now = (): void => {
      if (site.gateway !== gateway) return answer(failed);
      ok({
        incarnation: gateway.incarnation,
        changes: gateway.rows.changes,
        rows: [...gateway.rows].map(({ view }) => view),
      });
    };
    const seen =
      Number(query.get("after")) === gateway.rows.changes &&
      Number(query.get("incarnation")) === gateway.incarnation;
    if (!seen) return now();
    let waits = true;
    const once = (): void => {
      if (waits) now();
      waits = false;
    };
    gateway.watchRows(once);
    this.#world.after(limits.longPollMs, once);
    this.#watchCrash(site, gateway, once);
  }

  /** A connection to a process that dies breaks. */
  #watchCrash(site: SiteModel, gateway: object, broken: () => void): void {
    this.#world.after(250, () => {
      if (site.gateway === gateway) this.#watchCrash(site, gateway, broken);
      else broken();
    });
  }
}

function routerStatus({ router, name }: SiteModel, nowMs: number): object {
  return {
    site: name,
    incarnation: router?.incarnation,
    entriesHash: router?.entries.hash,
    links: router?.links(nowMs).filter(({ kind }) => kind === "router"),
  };
}

const gatewayStatus = ({ gateway, name }: SiteModel): object => ({
  site: name,
  incarnation: gateway?.incarnation,
  flowsHash: gateway?.assignmentsHash,
});
