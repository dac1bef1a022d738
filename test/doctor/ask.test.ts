import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { controlApp } from "../../src/control/app.ts";
import { eavesdropperControl } from "../../src/control/eavesdropper.ts";
import { gatewayControl } from "../../src/control/gateway.ts";
import { askRole, socketsOf } from "../../src/doctor/ask.ts";
import type { Unseen } from "../../src/doctor/facts.ts";

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/fd-`);
});

afterAll(() => rmSync(directory, { recursive: true }));

const finding = { lan: "eth1", code: "NO_QUERIER", evidence: "255 s", fix: "enable it" };
const silent = { health: () => "ok", status: () => ({}), counters: () => ({}) };

/** The endpoints of a site, with what its roles would answer. */
const site = controlApp(
  [
    gatewayControl({
      health: () => "not linked to the Router",
      status: () => ({ interface: { kind: "routed", tun: "fc0", table: 7010 } }),
      counters: () => ({ interface: { capturedPackets: 9, tunDropped: 2, "emitted-tooLong": 1 } }),
      groups: () => ({}),
      senders: () => [],
      lans: () => [],
      flows: () => [],
      rows: () => ({
        incarnation: 1,
        changes: 1,
        rows: [{ site: "berlin", prefixes: ["192.0.2.0/24"], ageMs: 1 }],
      }),
      watchRows: () => () => {},
      assign: () => "assigned",
      policy: () => ({}),
      findings: () => [{ code: "DUPLICATE_LAN", evidence: "9 packets", fix: "separate them" }],
    }),
    eavesdropperControl({
      ...silent,
      counters: () => ({ eth1: { records: {}, ringDropped: 4 } }),
      groups: () => [],
      senders: () => [],
      findings: () => [{ ...finding, forMs: 1, seenMsAgo: 1 }],
    }),
  ],
  { site: "berlin", version: "0", token: undefined },
);

test("a site is asked for health, findings, rows and counters", async () => {
  const socket = `${directory}/site.sock`;
  const server = Bun.serve({ unix: socket, fetch: site.fetch });
  const unseen: Unseen[] = [];
  const role = await askRole(socket, unseen);
  await server.stop(true);
  expect(unseen).toEqual([]);
  expect(role).toEqual({
    socket,
    roles: ["gateway", "eavesdropper"],
    faults: ["gateway: not linked to the Router"],
    findings: [
      { lan: "site", code: "DUPLICATE_LAN", evidence: "9 packets", fix: "separate them" },
      finding,
    ],
    rows: [{ site: "berlin", prefixes: ["192.0.2.0/24"] }],
    gateway: {
      tun: "fc0",
      table: "7010",
      capturedPackets: 9,
      tunDropped: 2,
      tooLong: 1,
      refused: 0,
    },
    rings: [{ lan: "eth1", dropped: 4 }],
  });
});

test("answers of another shape are not seen, and say so", async () => {
  const socket = `${directory}/odd.sock`;
  const odd = (request: Request): Response =>
    new URL(request.url).pathname === "/healthz"
      ? Response.json({ roles: ["eavesdropper"], faults: [] })
      : Response.json({ findings: "none" });
  const server = Bun.serve({ unix: socket, fetch: odd });
  const unseen: Unseen[] = [];
  const role = await askRole(socket, unseen);
  await server.stop(true);
  expect(role?.findings).toEqual([]);
  expect(unseen.map(({ what }) => what)).toEqual([`/v1/findings of ${socket}`]);
});

test("a socket with nobody behind it is a role that died", async () => {
  const socket = `${directory}/router.sock`;
  writeFileSync(socket, "");
  const role = await askRole(socket, []);
  expect(role?.roles).toEqual(["router"]);
  expect(role?.faults[0]).toBe(`${socket} is there, but does not answer: ECONNREFUSED`);
});

test("the configuration's socket is asked where it exists", () => {
  expect(socketsOf(`${directory}/none.sock`)).toEqual([]);
  const socket = `${directory}/one.sock`;
  writeFileSync(socket, "");
  expect(socketsOf(socket)).toEqual([socket]);
});
