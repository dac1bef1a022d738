import { Hono } from "hono";
import { answer, bodyOf, isProblem, problem, refused } from "./answer.ts";
import type { RoleControl } from "./app.ts";
import { EntryChangeBody } from "./schema.ts";

/** What a Router offers over HTTP. */
export interface RouterCommands {
  health(): "ok" | string;
  /** Site, incarnation, epoch, fingerprint of the entries, links with their RTT. */
  status(): object;
  counters(): object;
  links(): object[];
  entries(): object[];
  change(change: EntryChangeBody): "installed" | "stale-epoch" | "table-full" | "flow-in-use";
}

const remedies = {
  "stale-epoch": "Another Manager with a higher epoch is at work: stop this one.",
  "table-full": "Remove entries that are no longer used, or share flows.",
  "flow-in-use": "Give the changed tree a Flow ID of its own.",
} as const;

export function routerControl(router: RouterCommands): RoleControl {
  const routes = new Hono()
    .get("/router", (c) => answer(c, router.status()))
    .get("/links", (c) => answer(c, { links: router.links() }))
    .get("/entries", (c) => answer(c, { entries: router.entries() }))
    .post("/entries", async (c) => {
      const change = await bodyOf(c, EntryChangeBody);
      if (isProblem(change)) return problem(c, change);
      const outcome = router.change(change);
      if (outcome === "installed") return answer(c, { outcome });
      const status = outcome === "table-full" ? 507 : 409;
      const detail = `the entries stay as they were: ${outcome}`;
      return problem(c, refused(status, outcome, detail, remedies[outcome]));
    });
  return {
    role: "router",
    health: () => router.health(),
    status: () => router.status(),
    counters: () => router.counters(),
    routes,
  };
}
