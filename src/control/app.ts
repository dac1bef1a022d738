/**
 * The control endpoints of one process: the routes of its roles under one roof, with an index,
 * health and counters. It knows roles by the interfaces that it declares, never by their cores.
 */
import { type Context, Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { limits } from "../limits.ts";
import { answer, bodyTooLarge, problem, refused } from "./answer.ts";

/** What each role of the process contributes. */
export interface RoleControl {
  readonly role: string;
  /** `ok`, or what is missing in words. */
  health(): "ok" | string;
  /** What the role is and holds, in short. */
  status(): object;
  counters(): object;
  /** What is wrong as this role sees it, each with its evidence and what to do. */
  findings?(): object[];
  readonly routes: Hono;
}

export type AppOptions = {
  readonly site: string | undefined;
  readonly version: string;
  /** When set, every request must carry it; for listeners that others can reach. */
  readonly token: string | undefined;
};

export function controlApp(roles: readonly RoleControl[], options: AppOptions): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    if (error instanceof HTTPException) return unauthorized(c, error);
    const detail = `${error.name}: ${error.message}`;
    const body = { type: "/problems/internal", title: "internal", status: 500, detail };
    return c.json(body, 500);
  });
  app.notFound((c) =>
    problem(c, refused(404, "not-found", `no ${c.req.method} ${c.req.path}`, "See `GET /`.")),
  );
  const { token } = options;
  if (token !== undefined) app.use(bearerAuth({ token }));
  app.use(bodyLimit({ maxSize: limits.bodyBytesMax, onError: (c) => problem(c, bodyTooLarge) }));
  app.get("/", (c) => answer(c, index(roles, options)));
  app.get("/healthz", (c) => {
    const health = healthOf(roles);
    return answer(c, health, health.ok ? 200 : 503);
  });
  app.get("/v1/status", (c) =>
    answer(
      c,
      byRole(roles, (role) => role.status()),
    ),
  );
  app.get("/v1/counters", (c) =>
    answer(
      c,
      byRole(roles, (role) => role.counters()),
    ),
  );
  if (findsSomething(roles)) {
    app.get("/v1/findings", (c) => answer(c, { findings: roles.flatMap(findingsOf) }));
  }
  for (const role of roles) app.route("/v1", role.routes);
  return app;
}

/** What `bearerAuth` throws: no token, a wrong one (401), or a header that is none (400). */
function unauthorized(c: Context, error: HTTPException): Response {
  const challenge = error.getResponse().headers.get("www-authenticate");
  if (challenge !== null) c.header("www-authenticate", challenge);
  const status = error.status === 400 ? 400 : 401;
  const detail = "this listener wants the token of the fabric's control endpoints";
  const remedy = "Send `Authorization: Bearer TOKEN` with the value of control.token.";
  return problem(c, refused(status, "unauthorized", detail, remedy));
}

function healthOf(roles: readonly RoleControl[]): {
  ok: boolean;
  roles: string[];
  faults: string[];
} {
  const faults = roles.flatMap((role) => {
    const health = role.health();
    return health === "ok" ? [] : [`${role.role}: ${health}`];
  });
  return { ok: faults.length === 0, roles: roles.map(({ role }) => role), faults };
}

const byRole = (roles: readonly RoleControl[], of: (role: RoleControl) => object): object =>
  Object.fromEntries(roles.map((role) => [role.role, of(role)]));

const findsSomething = (roles: readonly RoleControl[]): boolean =>
  roles.some((role) => role.findings !== undefined);

const findingsOf = (role: RoleControl): object[] =>
  (role.findings?.() ?? []).map((finding) => ({ role: role.role, ...finding }));

const index = (roles: readonly RoleControl[], { site, version }: AppOptions): object => ({
  fastcast: version,
  site,
  endpoints: [
    "GET /healthz",
    "GET /v1/status",
    "GET /v1/counters",
    ...(findsSomething(roles) ? ["GET /v1/findings"] : []),
    ...new Set(
      roles.flatMap(({ routes }) =>
        routes.routes.map(({ method, path }) => `${method} /v1${path}`),
      ),
    ),
  ],
});
