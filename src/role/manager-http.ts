/**
 * What a Manager asks of Gateways and Routers over HTTP, and what it reads from them. Whoever
 * answers at a control endpoint is another process, perhaps of another version or no FastCast at
 * all: an answer that has not the shape that the Manager reads is no answer.
 */
import { unreachable } from "../base/assert.ts";
import type { Action } from "../plan/rollout.ts";
import type { SiteRow } from "../wire/message.ts";
import type { Entry, Epoch, FlowAssignment } from "../wire/plan.ts";

/** One HTTP request; `url` is `http://address:port/path`. */
export type Request = {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly body?: object;
};

/** The request that carries out an action at the site of this row. */
export function requestOf(action: Action, row: SiteRow, epoch: Epoch): Request {
  const entriesUrl = `http://${row.routerControl}/v1/entries`;
  const flowsUrl = `http://${row.gatewayControl}/v1/flows`;
  switch (action.kind) {
    case "read-entries":
      return { method: "GET", url: entriesUrl };
    case "read-flows":
      return { method: "GET", url: flowsUrl };
    case "change-entries": {
      const { install, remove } = action;
      return { method: "POST", url: entriesUrl, body: { epoch, install, remove } };
    }
    case "assign-flows":
      return { method: "PUT", url: flowsUrl, body: { epoch, flows: action.flows } };
    default:
      return unreachable(action);
  }
}

export type Answer =
  | { readonly kind: "body"; readonly status: number; readonly body: unknown }
  | { readonly kind: "failed"; readonly reason: string };

/** Why an answer to the question for rows is of no use, and what to do. */
export const troubleOf = (answer: Answer): string => {
  if (answer.kind === "failed") return `${answer.reason}; see manager.contacts`;
  if (answer.status === 401) return "status 401: control.token differs from that Gateway's";
  return `status ${answer.status}, not the rows of a Gateway of this version`;
};

export type RowsBody = {
  readonly incarnation: number;
  readonly changes: number;
  readonly rows: readonly SiteRow[];
};

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

export const rowsBody = (body: unknown): RowsBody | undefined =>
  has(body, { incarnation: "number", changes: "number" }) && all(body, "rows", isRow)
    ? (body as RowsBody)
    : undefined;

export const routerStatus = (body: unknown): RouterStatus | undefined =>
  has(body, { site: "string", incarnation: "number", entriesHash: "string" }) &&
  isEpoch(body) &&
  all(body, "links", isLink)
    ? (body as RouterStatus)
    : undefined;

export const gatewayStatus = (body: unknown): GatewayStatus | undefined =>
  has(body, { site: "string", incarnation: "number", flowsHash: "string" }) && isEpoch(body)
    ? (body as GatewayStatus)
    : undefined;

export const entriesBody = (body: unknown): readonly Entry[] | undefined =>
  all(body, "entries", isEntry) ? (body as { entries: Entry[] }).entries : undefined;

export const flowsBody = (body: unknown): readonly FlowAssignment[] | undefined =>
  all(body, "flows", isFlow) ? (body as { flows: FlowAssignment[] }).flows : undefined;

/** Terms that a next one can follow; a role that has met no Manager tells none. */
const termMax = 2 ** 52;

function isEpoch(body: object): boolean {
  const { epoch } = body as { epoch?: unknown };
  if (epoch === undefined) return true;
  if (!has(epoch, { term: "number", manager: "string" })) return false;
  const { term } = epoch as Epoch;
  return Number.isInteger(term) && term >= 1 && term < termMax;
}

const isRow = (row: unknown): boolean =>
  has(row, {
    site: "string",
    zone: "string",
    incarnation: "number",
    sequence: "number",
    router: "string",
    routerControl: "string",
    gatewayControl: "string",
    settling: "boolean",
  }) &&
  all(row, "prefixes", isText) &&
  all(row, "wants", (want) => has(want, { group: "string", mode: "string" }) && hasSources(want)) &&
  all(row, "sends", (channel) => has(channel, { source: "string", group: "string" }));

const isLink = (link: unknown): boolean =>
  has(link, { site: "string" }) && isDelay((link as { rttMs?: unknown }).rttMs);

/** Undefined before the first measurement. */
const isDelay = (ms: unknown): boolean =>
  ms === undefined || (typeof ms === "number" && Number.isFinite(ms) && ms >= 0);

const isEntry = (entry: unknown): boolean =>
  has(entry, { flow: "number", ingress: "string", local: "boolean" }) &&
  isFlowId((entry as { flow: number }).flow) &&
  all(entry, "children", isText);

/** 32 bits, the last left free: from one beyond it no next Flow ID could be given. */
const isFlowId = (flow: number): boolean =>
  Number.isInteger(flow) && flow >= 1 && flow < 0xffff_ffff;

const isFlow = (flow: unknown): boolean =>
  has(flow, { flow: "number" }) &&
  all(flow, "channels", (channel) => has(channel, { group: "string" }));

const hasSources = (want: unknown): boolean => all(want, "sources", isText);

const isText = (value: unknown): boolean => typeof value === "string";

function has(value: unknown, fields: Readonly<Record<string, string>>): value is object {
  if (typeof value !== "object" || value === null) return false;
  const held = value as Readonly<Record<string, unknown>>;
  return Object.entries(fields).every(([name, type]) => typeof held[name] === type);
}

/** Whether the field is a list of such items. */
function all(value: unknown, field: string, isItem: (item: unknown) => boolean): boolean {
  if (!has(value, {})) return false;
  const items = (value as Readonly<Record<string, unknown>>)[field];
  return Array.isArray(items) && items.every(isItem);
}
