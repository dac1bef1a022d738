/**
 * How the emulated WAN is watched and changed while it runs: a few requests on a Unix socket.
 *
 *     GET /healthz                    with the number of packets the kernel did not take
 *     GET /v1/pairs                   every pair of ports with its shape and counts
 *     PUT /v1/pairs/site1/site2       one direction; keys left out stay as they are
 */
import { LabFault } from "./fault.ts";
import type { PairLine, PairShape } from "./matrix.ts";
import { delayMsMax, rateMbitMax } from "./matrix.ts";
import type { PairCounts, PairState } from "./wan.ts";

/** What the emulator reads when it starts. */
export type WanSetup = {
  readonly ports: readonly string[];
  /** Between any two sites, where `pairs` has nothing; the Manager's port has no delay. */
  readonly base: PairShape;
  readonly pairs: readonly PairLine[];
  readonly seed: number;
};

export const wanFile = (directory: string): string => `${directory}/wan.json`;

export type PairReport = PairState & PairCounts & { readonly from: string; readonly to: string };

export type PairChange = {
  readonly delayMs?: number;
  readonly lossPercent?: number;
  readonly rateMbit?: number;
  readonly partitioned?: boolean;
};

/** What the emulator offers over HTTP; tests fake it. */
export interface WanCommands {
  pairs(): readonly PairReport[];
  /** Packets that were due, or came in, and could not be passed on. */
  readonly unsent: number;
  /** False when one of the names is no port. */
  change(from: string, to: string, change: PairChange): boolean;
}

const bodyBytesMax = 4_096;
const requestMs = 5_000;

/** Answers one request. */
export async function answerWan(wan: WanCommands, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/healthz") {
    return Response.json({ status: "ok", unsent: wan.unsent });
  }
  if (request.method === "GET" && pathname === "/v1/pairs") return Response.json(wan.pairs());
  const [, from, to] = /^\/v1\/pairs\/([^/]+)\/([^/]+)$/.exec(pathname) ?? [];
  if (request.method !== "PUT" || from === undefined || to === undefined) {
    return problem(404, "not-found", `no ${request.method} ${pathname}`);
  }
  const body = await request.text();
  if (body.length > bodyBytesMax) return problem(413, "too-large", "the body is too large");
  const change = parseChange(body);
  if (typeof change === "string") return problem(400, "bad-request", change);
  if (from === to || !wan.change(from, to, change)) {
    return problem(404, "no-such-pair", `the WAN has no pair ${from} ${to}`);
  }
  return new Response(null, { status: 204 });
}

/** RFC 9457. */
const problem = (status: number, name: string, detail: string): Response =>
  Response.json(
    { type: `/problems/${name}`, title: name, status, detail },
    { status, headers: { "content-type": "application/problem+json" } },
  );

const numbersMax = { delayMs: delayMsMax, lossPercent: 100, rateMbit: rateMbitMax } as const;

/** The change that a body asks for, or what is wrong with it. */
export function parseChange(body: string): PairChange | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return "the body must be JSON";
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "the body must be an object";
  }
  for (const [key, item] of Object.entries(value)) {
    if (key === "partitioned" && typeof item === "boolean") continue;
    if (key === "partitioned") return "partitioned must be true or false";
    if (!Object.hasOwn(numbersMax, key)) return `unknown key ${key}`;
    const max = numbersMax[key as keyof typeof numbersMax];
    if (typeof item === "number" && item >= 0 && item <= max) continue;
    return `${key} must be a number from 0 to ${max}`;
  }
  return value;
}

/** Asks the emulator behind a socket for its pairs. */
export async function getPairs(socket: string): Promise<PairReport[]> {
  const response = await ask(socket, "/v1/pairs", "GET");
  return (await response.json()) as PairReport[];
}

/** Changes one direction. */
export async function putPair(
  socket: string,
  from: string,
  to: string,
  change: PairChange,
): Promise<void> {
  await ask(socket, `/v1/pairs/${from}/${to}`, "PUT", JSON.stringify(change));
}

async function ask(
  socket: string,
  path: string,
  method: "GET" | "PUT",
  body?: string,
): Promise<Response> {
  const response = await fetch(`http://localhost${path}`, {
    unix: socket,
    method,
    signal: AbortSignal.timeout(requestMs),
    ...(body !== undefined && { body }),
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new LabFault("unreachable", `the WAN emulator does not answer on ${socket}: ${why}`);
  });
  if (response.ok) return response;
  const { detail } = (await response.json()) as { detail: string };
  throw new LabFault(response.status === 404 ? "usage" : "failed", detail);
}
