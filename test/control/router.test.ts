import { expect, test } from "bun:test";
import { routerControl } from "../../src/control/router.ts";
import { appOf, epoch, fakeRouter, get, problemOf, send } from "./control.ts";

const entry = { flow: 1, ingress: "berlin", children: ["paris"], local: false };
const change = { epoch, install: [entry], remove: [7] };

test("questions", async () => {
  const app = appOf([routerControl(fakeRouter("installed"))]);
  expect(await get(app, "/v1/router")).toEqual({ site: "berlin", rttMs: 1.5, infinite: null });
  expect(await get(app, "/v1/links")).toEqual({ links: [{ site: "paris" }] });
  expect(await get(app, "/v1/entries")).toEqual({ entries: [{ flow: 1 }] });
  expect(await get(app, "/v1/counters")).toEqual({ router: { linksLost: 2 } });
});

test("a change reaches the Router as it was sent", async () => {
  const router = fakeRouter("installed");
  const app = appOf([routerControl(router)]);
  const response = await send(app, "POST", "/v1/entries", change);
  expect(await response.json()).toEqual({ outcome: "installed" });
  expect(router.changes).toEqual([change]);
});

test.each([
  ["stale-epoch", 409],
  ["flow-in-use", 409],
  ["table-full", 507],
] as const)("%s is a %d", async (outcome, status) => {
  const app = appOf([routerControl(fakeRouter(outcome))]);
  expect(await problemOf(await send(app, "POST", "/v1/entries", change))).toEqual([
    status,
    outcome,
  ]);
});

test("a body that is none reaches no Router", async () => {
  const router = fakeRouter("installed");
  const app = appOf([routerControl(router)]);
  for (const body of [
    {},
    { ...change, more: 1 },
    { ...change, install: [{ ...entry, flow: 0 }] },
  ]) {
    expect(await problemOf(await send(app, "POST", "/v1/entries", body))).toEqual([
      400,
      "body-invalid",
    ]);
  }
  expect(router.changes).toEqual([]);
});
