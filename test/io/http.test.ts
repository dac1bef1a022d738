import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request, serveTcp, serveUnix } from "../../src/io/http.ts";
import { SystemError } from "../../src/io/libc.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "fastcast-http-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const hello = (): Response => Response.json({ hello: true });

async function refusal(of: Promise<unknown>): Promise<SystemError> {
  const error = await of.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SystemError);
  return error as SystemError;
}

describe("a unix socket", () => {
  test("is for owner and group only, and gone after the end", async () => {
    const path = join(directory, "deep", "role.sock");
    const stop = await serveUnix(path, hello);
    expect(lstatSync(path).mode & 0o777).toBe(0o660);
    const response = await fetch("http://localhost/", { unix: path });
    expect(await response.json()).toEqual({ hello: true });
    stop();
    expect(existsSync(path)).toBe(false);
  });

  test("that a dead process left is replaced", async () => {
    const path = join(directory, "stale.sock");
    const code = `require("net").createServer().listen(${JSON.stringify(path)}, () =>
      process.kill(process.pid, "SIGKILL"))`;
    Bun.spawnSync([process.execPath, "-e", code]);
    expect(lstatSync(path).isSocket()).toBe(true);
    const stop = await serveUnix(path, hello);
    expect((await fetch("http://localhost/", { unix: path })).status).toBe(200);
    stop();
  });

  test("that another process serves is refused, even if it is too busy to answer", async () => {
    const path = join(directory, "live.sock");
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    const error = await refusal(serveUnix(path, hello));
    expect(error.code).toBe("EADDRINUSE");
    expect(error.message).toContain("control.socket");
    expect(lstatSync(path).isSocket()).toBe(true);
    silent.close();
  });

  test("is never put in place of a file", async () => {
    const path = join(directory, "precious");
    writeFileSync(path, "kept");
    expect((await refusal(serveUnix(path, hello))).message).toContain("no socket");
    expect(readFileSync(path, "utf8")).toBe("kept");
  });
});

test("a TCP port in use is an error with its remedy", () => {
  const first = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: hello });
  expect(() => serveTcp(`127.0.0.1:${first.port}`, hello)).toThrow(/EADDRINUSE.*control\.listen/);
  void first.stop(true);
});

describe("requests of a Manager", () => {
  test("carry token and JSON, and answer status and body", async () => {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (asked) =>
        Response.json(
          { token: asked.headers.get("authorization"), body: await asked.json() },
          { status: 409 },
        ),
    });
    const url = `http://127.0.0.1:${server.port}/`;
    const of = { method: "POST", url, body: { a: 1 }, token: "t", timeoutMs: 5_000 };
    const body = { token: "Bearer t", body: { a: 1 } };
    expect(await request(of)).toEqual({ kind: "body", status: 409, body });
    await server.stop(true);
    expect(await request(of)).toMatchObject({ kind: "failed" });
  });

  test("what answers with something else than JSON has failed", async () => {
    const fetch = (): Response => new Response("<html>");
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
    const url = `http://127.0.0.1:${server.port}/`;
    const of = { method: "GET", url, token: undefined, timeoutMs: 5_000 };
    expect(await request(of)).toMatchObject({ kind: "failed" });
    await server.stop(true);
  });
});
