import { type Context, Hono } from "hono";
import { limits } from "../limits.ts";
import { answer, bodyOf, isProblem, problem, refused } from "./answer.ts";
import type { RoleControl } from "./app.ts";
import { FlowsBody } from "./schema.ts";

/** What a Gateway offers over HTTP. */
export interface GatewayCommands {
  health(): "ok" | string;
  /** Site, incarnation, epoch, fingerprint of the flows, the site interface. */
  status(): object;
  counters(): object;
  /** Groups that this site wants, and those that others want of it. */
  groups(): object;
  senders(): object[];
  lans(): object[];
  flows(): object[];
  /** The rules and limits of the site, and what they refuse. */
  policy(): object;
  /** What is wrong between the sites, each with its evidence and what to do. */
  findings(): object[];
  /** The rows of all sites, with what `after` counts. */
  rows(): { incarnation: number; changes: number; rows: object[] };
  /** Calls once at the next change of the rows; the answer cancels. */
  watchRows(onChange: () => void): () => void;
  assign(body: FlowsBody): "assigned" | "stale-epoch" | "table-full";
}

const remedies = {
  "stale-epoch": "Another Manager with a higher epoch is at work: stop this one.",
  "table-full": `A Gateway takes at most ${limits.channelsPerSiteMax} channels.`,
} as const;

export function gatewayControl(gateway: GatewayCommands): RoleControl {
  const routes = new Hono()
    .get("/gateway", (c) => answer(c, gateway.status()))
    .get("/groups", (c) => answer(c, gateway.groups()))
    .get("/senders", (c) => answer(c, { senders: gateway.senders() }))
    .get("/lans", (c) => answer(c, { lans: gateway.lans() }))
    .get("/policy", (c) => answer(c, gateway.policy()))
    .get("/rows", (c) => rows(c, gateway))
    .get("/flows", (c) => answer(c, { flows: gateway.flows() }))
    .put("/flows", async (c) => {
      const body = await bodyOf(c, FlowsBody);
      if (isProblem(body)) return problem(c, body);
      const outcome = gateway.assign(body);
      if (outcome === "assigned") return answer(c, { outcome });
      const status = outcome === "table-full" ? 507 : 409;
      const detail = `the flows stay as they were: ${outcome}`;
      return problem(c, refused(status, outcome, detail, remedies[outcome]));
    });
  return {
    role: "gateway",
    health: () => gateway.health(),
    status: () => gateway.status(),
    counters: () => gateway.counters(),
    findings: () => gateway.findings(),
    routes,
  };
}

/**
 * All rows at once; with `?incarnation=I&after=N` (from an earlier answer) the answer waits until
 * they have changed, at most 25 s.
 */
async function rows(c: Context, gateway: GatewayCommands): Promise<Response> {
  const now = gateway.rows();
  const seen =
    Number(c.req.query("after")) === now.changes &&
    Number(c.req.query("incarnation")) === now.incarnation;
  if (seen) await changeOrTimeout(gateway, c.req.raw.signal);
  return answer(c, gateway.rows());
}

function changeOrTimeout(gateway: GatewayCommands, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      clearTimeout(timer);
      resolve();
    };
    const cancel = gateway.watchRows(done);
    const timer = setTimeout(done, limits.longPollMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
