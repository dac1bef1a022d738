import { Hono } from "hono";
import { answer } from "./answer.ts";
import type { RoleControl } from "./app.ts";

/** What a Manager offers over HTTP. */
export interface ManagerCommands {
  health(): "ok" | string;
  status(): object;
  counters(): object;
  sites(): object[];
  /** Epoch, flows with their trees, and what could not be planned. */
  plan(): object;
  applications(): object[];
}

export function managerControl(manager: ManagerCommands): RoleControl {
  const routes = new Hono()
    .get("/manager", (c) => answer(c, manager.status()))
    .get("/sites", (c) => answer(c, { sites: manager.sites() }))
    .get("/plan", (c) => answer(c, manager.plan()))
    .get("/applications", (c) => answer(c, { applications: manager.applications() }));
  return {
    role: "manager",
    health: () => manager.health(),
    status: () => manager.status(),
    counters: () => manager.counters(),
    routes,
  };
}
