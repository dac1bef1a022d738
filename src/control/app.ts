/**
 * The control endpoints of one process: the routes of its roles under one roof, with an index, health
 * and counters. It knows roles by the interfaces that it declares, never by their cores.
 */
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { bodyLimit } from "hono/body-limit";
import { limits } from "../limits.ts";
import { answer, problem, refused } from "./answer.ts";

/** What each role of the process contributes. */
export interface RoleControl {
  readonly role: string;
  /** `ok`, or what is missing in words. */
  health(): "ok" | string;
  /** What the role is and holds, in short. */
  status(): object;
  counters(): object;
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
    const detail = `${error.name}: ${error.message}`;
    const body = { type: "/problems/internal", title: "internal", status: 500, detail };
    return c.json(body, 500);
  });
  app.notFound((c) =>
    problem(c, refused(404, "not-found", `no ${c.req.method} ${c.req.path}`, "See `GET /`.")),
  );
  const { token } = options;
  if (token !== undefined) app.use(bearerAuth({ token }));
  app.use(bodyLimit({ maxSize: limits.bodyBytesMax }));
  app.get("/", (c) => answer(c, index(roles, options)));
  app.get("/healthz", (c) => answer(c, healthOf(roles)));
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
  for (const role of roles) app.route("/v1", role.routes);
  return app;
}

function healthOf(roles: readonly RoleControl[]): object {
  const faults = roles.flatMap((role) => {
    const health = role.health();
    return health === "ok" ? [] : [`${role.role}: ${health}`];
  });
  return { ok: faults.length === 0, roles: roles.map(({ role }) => role), faults };
}

const byRole = (roles: readonly RoleControl[], of: (role: RoleControl) => object): object =>
  Object.fromEntries(roles.map((role) => [role.role, of(role)]));

const index = (roles: readonly RoleControl[], { site, version }: AppOptions): object => ({
  fastcast: version,
  site,
  endpoints: [
    "GET /healthz",
    "GET /v1/status",
    "GET /v1/counters",
    ...new Set(
      roles.flatMap(({ routes }) =>
        routes.routes.map(({ method, path }) => `${method} /v1${path}`),
      ),
    ),
  ],
});
