import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { framesFor, isSettling, lossesAt, sitesWanting } from "../../src/demo/control.ts";

const answers: Readonly<Record<string, object>> = {
  "/v1/counters": {
    router: {
      dropped: { noEntry: 1, notParent: 2, ownIngress: 4, noLink: 8, queueFull: 16 },
    },
    gateway: { egress: { packets: 100, delivered: 90 } },
    eavesdropper: { lan0: { igmpPackets: 3, ringDropped: 0 } },
  },
  "/v1/rows": {
    rows: [
      { site: "site1", wants: [] },
      { site: "site2", wants: [{ group: "233.252.0.9" }, { group: "233.252.0.1" }] },
    ],
  },
  "/v1/gateway": { settling: true },
};

const directory = mkdtempSync(`${tmpdir()}/fd-`);
const socket = `${directory}/edge.sock`;
let server: ReturnType<typeof Bun.serve> | undefined;

beforeAll(() => {
  server = Bun.serve({
    unix: socket,
    fetch: ({ url }) => Response.json(answers[new URL(url).pathname]),
  });
});

afterAll(async () => {
  await server?.stop(true);
  rmSync(directory, { recursive: true });
});

test("packets that came, whatever became of them, and none that were to go on", async () => {
  expect(await framesFor(socket)).toBe(107);
});

test("what was lost, and where", async () => {
  expect(await lossesAt(socket)).toEqual({
    "router.dropped.noEntry": 1,
    "router.dropped.notParent": 2,
    "router.dropped.ownIngress": 4,
    "router.dropped.noLink": 8,
    "router.dropped.queueFull": 16,
  });
});

test("who wants a group", async () => {
  expect(await sitesWanting(socket, "233.252.0.1")).toEqual(["site2"]);
  expect(await sitesWanting(socket, "233.252.0.2")).toEqual([]);
});

test("whether a Gateway settles", async () => {
  expect(await isSettling(socket)).toBe(true);
});

test("a role that does not answer is a fault with the socket's name", async () => {
  const missing = `${directory}/none.sock`;
  await expect(framesFor(missing)).rejects.toThrow(`${missing} does not answer /v1/counters`);
});
