import { Hono } from "hono";
import { answer } from "./answer.ts";
import type { RoleControl } from "./app.ts";

/** What the Eavesdroppers of a process offer over HTTP, one for each LAN. */
export interface EavesdropperCommands {
  health(): "ok" | string;
  status(): object;
  counters(): object;
  /** Groups with listeners, by LAN. */
  groups(): object[];
  /** Sources, by LAN, with their rates. */
  senders(): object[];
  /** What is wrong on the LANs, each with its evidence and what to do. */
  findings(): object[];
}

export function eavesdropperControl(eavesdropper: EavesdropperCommands): RoleControl {
  const routes = new Hono()
    .get("/eavesdropper", (c) => answer(c, eavesdropper.status()))
    .get("/eavesdropper/groups", (c) => answer(c, { groups: eavesdropper.groups() }))
    .get("/eavesdropper/senders", (c) => answer(c, { senders: eavesdropper.senders() }));
  return {
    role: "eavesdropper",
    health: () => eavesdropper.health(),
    status: () => eavesdropper.status(),
    counters: () => eavesdropper.counters(),
    findings: () => eavesdropper.findings(),
    routes,
  };
}
