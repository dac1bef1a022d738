/**
 * The roles' processes: started in their namespaces, in sessions of their own so that they survive
 * the command that started them, watched through /proc, and asked for their health on their
 * sockets, which the root namespace reaches because sockets live in the file system.
 */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { LabFault } from "./fault.ts";
import type { Job } from "./machines.ts";
import { inNamespace } from "./namespaces.ts";
import { selfCommand } from "./self.ts";
import type { LabProcess } from "./state.ts";

const readyMs = 15_000;
const pollMs = 50;
const healthMs = 1_000;
const terminateMs = 3_000;
const killMs = 3_000;
const logTailLines = 12;

/** Starts a job; its output goes to the end of its log. */
export function startJob(job: Job): LabProcess {
  const log = openSync(job.log, "a", 0o600);
  try {
    const argv = inNamespace(job.namespace, [...selfCommand(), ...job.argv]);
    const env = roleEnvironment(process.env);
    const child = Bun.spawn(argv, { detached: true, stdio: ["ignore", log, log], cwd: "/", env });
    child.unref();
    return { ...job, pid: child.pid, startTicks: startTicksOf(child.pid) ?? 0 };
  } finally {
    closeSync(log);
  }
}

/** Waits until every process answers on its socket; names the first that does not. */
export async function untilReady(
  processes: readonly LabProcess[],
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + readyMs;
  for (const process of processes) {
    while (!(await isHealthy(process.socket))) {
      signal.throwIfAborted();
      if (!isAlive(process)) throw startFault(process, "ended", "failed");
      if (performance.now() > deadlineMs) {
        throw startFault(process, `does not answer after ${readyMs / 1000} s`, "timeout");
      }
      await Bun.sleep(pollMs);
    }
  }
}

/** True when the control endpoint behind the socket calls itself healthy. */
export async function isHealthy(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  const answer = fetch("http://localhost/healthz", {
    unix: socket,
    signal: AbortSignal.timeout(healthMs),
  });
  // Refused, reset and late all mean the same here: not yet.
  return answer.then(
    (response) => response.ok,
    () => false,
  );
}

/** True while the process that was started runs; a zombie or a reused pid does not count. */
export const isAlive = (process: LabProcess): boolean =>
  startTicksOf(process.pid) === process.startTicks;

/** Ends processes: SIGTERM, and SIGKILL for those that are still there after a while. */
export async function endProcesses(list: () => readonly number[]): Promise<void> {
  for (const [name, limitMs] of [
    ["SIGTERM", terminateMs],
    ["SIGKILL", killMs],
  ] as const) {
    const deadlineMs = performance.now() + limitMs;
    for (const pid of list()) sendSignal(pid, name);
    while (list().length > 0 && performance.now() < deadlineMs) await Bun.sleep(20);
  }
  const left = list();
  if (left.length === 0) return;
  throw new LabFault("failed", `processes do not end, even by SIGKILL: ${left.join(" ")}`);
}

/** Sends a signal; false when there is no such process any more. */
export function sendSignal(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/** The last lines of a log, or a word that says it is empty. */
export function logTail(file: string): string {
  const text = existsSync(file) ? readFileSync(file, "utf8").trimEnd() : "";
  return text === "" ? "(the log is empty)" : text.split("\n").slice(-logTailLines).join("\n");
}

/** The variables of this process but FastCast's own: one name must not reach every site. */
export const roleEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("FASTCAST_")));

function startFault(process: LabProcess, what: string, kind: "failed" | "timeout"): LabFault {
  const tail = logTail(process.log).replace(/^/gm, "  ");
  return new LabFault(
    kind,
    `${process.machine}: ${process.role} ${what}. ${process.log}:\n${tail}`,
  );
}

/** proc(5): field 22 of /proc/PID/stat, behind a name in parentheses; undefined when ended. */
function startTicksOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    // ENOENT: no such process; ESRCH: it ended between open and read.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // Field 20: its first thread may be a zombie while others still hold sockets and the TUN.
  const isEnded = (fields[0] === "Z" || fields[0] === "X") && Number(fields[17]) <= 1;
  return isEnded ? undefined : Number(fields[19]);
}
