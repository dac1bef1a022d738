/** Asks the roles of this host on their control sockets, as anybody could with curl. */
import { accessSync, constants, existsSync } from "node:fs";
import { basename } from "node:path";
import * as v from "valibot";
import type { RoleFacts, Unseen } from "./facts.ts";

const answerMs = 3_000;
const socketRoot = "/run/fastcast";

const text = v.string();
const count = v.number();

// Fields that the doctor does not read may change: a role of another version still has an answer.
const Health = v.object({ roles: v.array(text), faults: v.array(text) });
const LanFindings = v.object({
  findings: v.array(
    v.object({ lan: v.optional(text, "site"), code: text, evidence: text, fix: text }),
  ),
});
const Rows = v.object({ rows: v.array(v.object({ site: text, prefixes: v.array(text) })) });
const GatewayStatus = v.object({
  // Kinds without a tunnel or a routing table of their own say none.
  interface: v.object({
    tun: v.optional(text, ""),
    table: v.optional(v.union([text, count]), ""),
  }),
});
const Counters = v.object({
  gateway: v.optional(v.object({ interface: v.record(text, count) })),
  eavesdropper: v.optional(v.record(text, v.object({ ringDropped: count }))),
});

/** The socket that the configuration names, or those that stand where roles put them. */
export const socketsOf = (named: string | undefined): string[] =>
  named !== undefined
    ? [named].filter((socket) => existsSync(socket))
    : existsSync(socketRoot)
      ? [...new Bun.Glob("*.sock").scanSync({ cwd: socketRoot, absolute: true, onlyFiles: false })]
      : [];

/** What the process behind a socket says; what it does not say goes to `unseen`. */
export async function askRole(socket: string, unseen: Unseen[]): Promise<RoleFacts | undefined> {
  if (!isAllowed(socket)) {
    unseen.push({ what: `the role behind ${socket}`, why: "this user may not use its socket" });
    return undefined;
  }
  const health = await get(socket, "/healthz", Health);
  if ("fault" in health) return silentRole(socket, health.fault);
  const { roles, faults } = health.value;
  const ask = async <Schema extends v.GenericSchema>(
    path: string,
    schema: Schema,
    role?: string,
  ): Promise<v.InferOutput<Schema> | undefined> => {
    if (role !== undefined && !roles.includes(role)) return undefined;
    const answer = await get(socket, path, schema);
    if (!("fault" in answer)) return answer.value;
    unseen.push({ what: `${path} of ${socket}`, why: answer.fault });
    return undefined;
  };
  const findings = await ask("/v1/findings", LanFindings, finder(roles));
  const rows = await ask("/v1/rows", Rows, "gateway");
  const status = await ask("/v1/gateway", GatewayStatus, "gateway");
  const counters = await ask("/v1/counters", Counters);
  return {
    socket,
    roles,
    faults,
    findings: findings?.findings ?? [],
    rows: rows?.rows ?? [],
    gateway: status && counters?.gateway && gatewayFacts(status, counters.gateway.interface),
    rings: Object.entries(counters?.eavesdropper ?? {}).map(([lan, { ringDropped }]) => ({
      lan,
      dropped: ringDropped,
    })),
  };
}

/** A role that has findings, if the process has one. */
const finder = (roles: readonly string[]): string =>
  roles.includes("gateway") ? "gateway" : "eavesdropper";

const gatewayFacts = (
  status: v.InferOutput<typeof GatewayStatus>,
  counters: Readonly<Record<string, number>>,
): NonNullable<RoleFacts["gateway"]> => ({
  tun: status.interface.tun,
  table: String(status.interface.table),
  capturedPackets: counters.capturedPackets ?? 0,
  tunDropped: counters.tunDropped ?? 0,
  tooLong: counters["emitted-tooLong"] ?? 0,
  refused: counters["emitted-refused"] ?? 0,
});

/** A file without anybody behind it: the role has died, or hangs. */
const silentRole = (socket: string, fault: string): RoleFacts => ({
  socket,
  roles: [basename(socket, ".sock")],
  faults: [`${socket} is there, but does not answer: ${fault}`],
  findings: [],
  rows: [],
  gateway: undefined,
  rings: [],
});

async function get<Schema extends v.GenericSchema>(
  socket: string,
  path: string,
  schema: Schema,
): Promise<{ readonly value: v.InferOutput<Schema> } | { readonly fault: string }> {
  try {
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(`http://fastcast${path}`, { unix: socket, signal });
    const parsed = v.safeParse(schema, await response.json());
    if (parsed.success) return { value: parsed.output };
    return { fault: `status ${response.status}, in another shape than this version's` };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What the runtime says of a refusal speaks of URLs; its code says enough.
    const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
    return { fault: code ?? error.message };
  }
}

function isAllowed(socket: string): boolean {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error) return false;
    throw error;
  }
}
