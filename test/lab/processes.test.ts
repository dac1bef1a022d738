import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { endProcesses, isHealthy, logTail, roleEnvironment } from "../../src/lab/processes.ts";
import { sendSignal } from "../../src/lab/processes.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/lab-`);
});

afterEach(() => rmSync(directory, { recursive: true }));

test("a role does not inherit FastCast's variables", () => {
  const env = { PATH: "/bin", FASTCAST_SITE: "x", FASTCAST_LAB_DIR: "/tmp", HOME: "/root" };
  expect(roleEnvironment(env)).toEqual({ PATH: "/bin", HOME: "/root" });
});

test("a log's tail is its last lines", () => {
  const file = `${directory}/log`;
  expect(logTail(file)).toBe("(the log is empty)");
  writeFileSync(file, Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join(""));
  expect(logTail(file).split("\n")).toHaveLength(12);
  expect(logTail(file)).toEndWith("line 29");
});

test("healthy is what answers /healthz well", async () => {
  const socket = `${directory}/s`;
  expect(await isHealthy(socket)).toBe(false);
  let status = 503;
  const server = Bun.serve({ unix: socket, fetch: () => new Response(null, { status }) });
  expect(await isHealthy(socket)).toBe(false);
  status = 200;
  expect(await isHealthy(socket)).toBe(true);
  await server.stop(true);
  writeFileSync(socket, "");
  expect(await isHealthy(socket)).toBe(false);
});

test("processes end, and those that are gone are no fault", async () => {
  const child = Bun.spawn(["sleep", "600"]);
  await endProcesses(() => (child.exitCode === null && !child.killed ? [child.pid] : []));
  await child.exited;
  expect(child.signalCode).toBe("SIGTERM");
  expect(sendSignal(child.pid, 0)).toBe(false);
});
