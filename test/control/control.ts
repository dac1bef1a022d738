import { controlApp, type RoleControl } from "../../src/control/app.ts";
import { decodeCbor } from "../../src/wire/cbor.ts";

export const appOf = (roles: readonly RoleControl[], token?: string) =>
  controlApp(roles, { site: "berlin", version: "1.2.3", token });

export type App = ReturnType<typeof appOf>;

export async function get(app: App, path: string): Promise<unknown> {
  return (await app.request(path)).json();
}

export const send = async (
  app: App,
  method: "PUT" | "POST",
  path: string,
  body: object | string,
): Promise<Response> =>
  app.request(path, {
    method,
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** The status, type and remedy of a problem: every one has a remedy. */
export async function problemOf(response: Response): Promise<[number, string]> {
  const problem = (await response.json()) as Record<string, string>;
  if (response.headers.get("content-type") !== "application/problem+json") {
    throw new TypeError(`no problem: ${JSON.stringify(problem)}`);
  }
  if (!problem.remedy || !problem.detail) throw new TypeError("a problem without a remedy");
  return [response.status, String(problem.title)];
}

export async function cborOf(response: Response): Promise<unknown> {
  const decoded = decodeCbor(new Uint8Array(await response.arrayBuffer()));
  return typeof decoded === "string" ? decoded : decoded.value;
}

export const epoch = { term: 1, manager: "m" };

/** A Router's commands with answers made up; `change` keeps what it was given. */
export function fakeRouter(outcome: "installed" | "stale-epoch" | "table-full" | "flow-in-use") {
  const changes: object[] = [];
  return {
    changes,
    health: () => "ok",
    status: () => ({ site: "berlin", rttMs: 1.5, missing: undefined, infinite: Infinity }),
    counters: () => ({ linksLost: 2 }),
    links: () => [{ site: "paris" }],
    entries: () => [{ flow: 1 }],
    change: (change: object) => {
      changes.push(change);
      return outcome;
    },
  };
}
