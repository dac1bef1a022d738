import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import type { RoleControl } from "../../src/control/app.ts";
import { routerControl } from "../../src/control/router.ts";
import { appOf, fakeRouter, get, problemOf } from "./control.ts";

function broken(): Response {
  throw new RangeError("a defect");
}

const role = (name: string, health = "ok"): RoleControl => ({
  role: name,
  health: () => health,
  status: () => ({ of: name }),
  counters: () => ({ count: 1 }),
  routes: new Hono().get(`/${name}`, (c) => c.text(name)).get("/broken", broken),
});

describe("one roof", () => {
  test("the index lists every route, each once", async () => {
    const app = appOf([role("manager"), routerControl(fakeRouter("installed"))]);
    const index = (await get(app, "/")) as { endpoints: string[] };
    expect<unknown>(index).toEqual({
      fastcast: "1.2.3",
      site: "berlin",
      endpoints: [
        "GET /healthz",
        "GET /v1/status",
        "GET /v1/counters",
        "GET /v1/manager",
        "GET /v1/broken",
        "GET /v1/router",
        "GET /v1/links",
        "GET /v1/entries",
        "POST /v1/entries",
      ],
    });
    for (const endpoint of index.endpoints) {
      const [method, path] = endpoint.split(" ") as [string, string];
      expect((await app.request(path, { method })).status).not.toBe(404);
    }
  });

  test("health, status and counters by role", async () => {
    const app = appOf([role("a"), role("b", "not linked")]);
    expect(await get(app, "/healthz")).toEqual({
      ok: false,
      roles: ["a", "b"],
      faults: ["b: not linked"],
    });
    expect(await get(app, "/v1/status")).toEqual({ a: { of: "a" }, b: { of: "b" } });
    expect(await get(app, "/v1/counters")).toEqual({ a: { count: 1 }, b: { count: 1 } });
    expect(await get(appOf([role("a")]), "/healthz")).toMatchObject({ ok: true, faults: [] });
    expect((await appOf([role("a")]).request("/healthz")).status).toBe(200);
    expect((await app.request("/healthz")).status).toBe(503);
  });

  test("findings of all roles that look for any, each with its role", async () => {
    const finds = (name: string, codes: string[]): RoleControl => ({
      ...role(name),
      findings: () => codes.map((code) => ({ code })),
    });
    const app = appOf([finds("gateway", ["A"]), role("router"), finds("eavesdropper", ["B", "C"])]);
    expect(await get(app, "/v1/findings")).toEqual({
      findings: [
        { role: "gateway", code: "A" },
        { role: "eavesdropper", code: "B" },
        { role: "eavesdropper", code: "C" },
      ],
    });
    expect(await get(app, "/")).toMatchObject({
      endpoints: expect.arrayContaining(["GET /v1/findings"]),
    });
    expect((await appOf([role("router")]).request("/v1/findings")).status).toBe(404);
  });

  test("what is not there is a problem with a remedy", async () => {
    const app = appOf([role("a")]);
    expect(await problemOf(await app.request("/v1/nothing"))).toEqual([404, "not-found"]);
    expect(await problemOf(await app.request("/v1/a", { method: "DELETE" }))).toEqual([
      404,
      "not-found",
    ]);
  });

  test("a defect is a 500 that says what it is", async () => {
    const response = await appOf([role("a")]).request("/v1/broken");
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ detail: "RangeError: a defect" });
  });
});

describe("the token", () => {
  const app = appOf([role("a")], "secret-1");
  const request = (authorization?: string) =>
    app.request("/v1/a", authorization === undefined ? {} : { headers: { authorization } });

  test.each([
    [undefined, 401],
    ["Bearer wrong", 401],
    ["Bearer ", 400],
    ["Basic secret-1", 400],
  ] as const)("%p is refused with a remedy", async (authorization, status) => {
    const response = await request(authorization);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await problemOf(response)).toEqual([status, "unauthorized"]);
  });

  test("the right one opens everything, and nothing is open without it", async () => {
    expect((await request("Bearer secret-1")).status).toBe(200);
    for (const path of ["/", "/healthz", "/v1/counters", "/v1/nothing"]) {
      expect((await app.request(path)).status).toBe(401);
    }
  });
});
