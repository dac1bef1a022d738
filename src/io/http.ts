/**
 * HTTP at the process's edge: control endpoints on a unix socket (whose file mode is the
 * permission) and on TCP, and the Manager's requests to others.
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { parseEndpoint } from "../base/address.ts";
import { limits } from "../limits.ts";
import { SystemError } from "./libc.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

const socketMode = 0o660;

/** Serves on a unix socket; a file left by a dead process is replaced. Throws `SystemError`. */
export async function serveUnix(path: string, fetch: Fetch): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) {
    if (!lstatSync(path).isSocket()) {
      throw new SystemError(
        `${path} is no socket`,
        "EEXIST",
        "Remove it, or choose another path with control.socket.",
      );
    }
    if (await answers(path)) {
      throw new SystemError(
        `another process serves ${path}`,
        "EADDRINUSE",
        "Stop it, or choose another path with control.socket.",
      );
    }
    unlinkSync(path);
  }
  const umask = process.umask(0o777 & ~socketMode);
  try {
    // The types know `idleTimeout` for TCP only.
    const { idleTimeout: _, ...unixBounds } = bounds;
    const server = Bun.serve({ unix: path, fetch, ...unixBounds });
    chmodSync(path, socketMode);
    return () => {
      void server.stop(true);
      if (existsSync(path)) unlinkSync(path);
    };
  } finally {
    process.umask(umask);
  }
}

/** Serves on TCP. Throws `SystemError`. */
export function serveTcp(endpoint: string, fetch: Fetch): () => void {
  const { host, port } = parseEndpoint(endpoint) ?? { host: "127.0.0.1", port: 0 };
  try {
    const server = Bun.serve({ hostname: host, port, fetch, ...bounds });
    return () => void server.stop(true);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new SystemError(
      `cannot serve control endpoints on ${endpoint}`,
      code,
      "Choose another address or port with control.listen.",
    );
  }
}

const bounds = {
  maxRequestBodySize: limits.bodyBytesMax,
  // A long poll is silent for as long as nothing changes.
  idleTimeout: Math.ceil(limits.longPollMs / 1000) + 5,
  development: false,
} as const;

/** Whether a process listens there, be it too busy to answer; a dead one's file refuses. */
async function answers(path: string): Promise<boolean> {
  try {
    await fetch("http://localhost/healthz", { unix: path, signal: AbortSignal.timeout(1_000) });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ECONNREFUSED";
  }
}

export type HttpRequest = {
  readonly method: string;
  readonly url: string;
  readonly body?: object;
  readonly token: string | undefined;
  readonly timeoutMs: number;
};

/** Sends one request with JSON; the answer's status and body, or why there was none. */
export async function request(
  of: HttpRequest,
): Promise<{ kind: "body"; status: number; body: unknown } | { kind: "failed"; reason: string }> {
  try {
    const response = await fetch(of.url, {
      method: of.method,
      signal: AbortSignal.timeout(of.timeoutMs),
      headers: {
        accept: "application/json",
        ...(of.token && { authorization: `Bearer ${of.token}` }),
        ...(of.body && { "content-type": "application/json" }),
      },
      ...(of.body && { body: JSON.stringify(of.body) }),
    });
    return { kind: "body", status: response.status, body: await response.json() };
  } catch (error) {
    return { kind: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}
