import { expect, test } from "bun:test";
import { managerControl } from "../../src/control/manager.ts";
import { appOf, get } from "./control.ts";

test("questions", async () => {
  const app = appOf([
    managerControl({
      health: () => "ok",
      status: () => ({ readsFrom: undefined, sites: 2 }),
      counters: () => ({ plans: 1 }),
      sites: () => [{ site: "berlin" }],
      plan: () => ({ flows: [], unplanned: [] }),
      applications: () => [{ name: "prices" }],
    }),
  ]);
  expect(await get(app, "/v1/manager")).toEqual({ sites: 2 });
  expect(await get(app, "/v1/sites")).toEqual({ sites: [{ site: "berlin" }] });
  expect(await get(app, "/v1/plan")).toEqual({ flows: [], unplanned: [] });
  expect(await get(app, "/v1/applications")).toEqual({ applications: [{ name: "prices" }] });
  expect(await get(app, "/v1/status")).toEqual({ manager: { sites: 2 } });
});
