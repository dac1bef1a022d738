/**
 * The lab's life: up, status, restart, down. A lab exists as namespaces, processes in them, and a
 * directory; `down` needs none of the others to remove each, so it works after any crash.
 */
import { existsSync, writeFileSync } from "node:fs";
import { hash32 } from "../base/prng.ts";
import { LabFault } from "./fault.ts";
import type { LabOptions, Machine } from "./machines.ts";
import { isLabNamespace } from "./machines.ts";
import type { MappedMatrix, PairShape } from "./matrix.ts";
import {
  buildNamespaces,
  buildersOf,
  deleteNamespaces,
  labNamespaces,
  namespaceExists,
  processesIn,
  requireMachineFeatures,
} from "./namespaces.ts";
import type { Plan } from "./plan.ts";
import { planLab } from "./plan.ts";
import { endProcesses, isAlive, isHealthy, startJob, untilReady } from "./processes.ts";
import type { LabProcess, LabState } from "./state.ts";
import {
  claimDirectory,
  labDirectory,
  readState,
  removeDirectory,
  withProcess,
  writeState,
} from "./state.ts";
import type { WanSetup } from "./wan-control.ts";
import { wanFile } from "./wan-control.ts";
import { isOnWan, wanPort } from "./wiring.ts";

/** How the sites are apart: one shape between all, and what a matrix says of single pairs. */
export type WanShape = MappedMatrix & { readonly base: PairShape };

/** Makes a lab and waits until its roles answer; leaves nothing behind when that fails. */
export async function labUp(
  options: LabOptions,
  wan: WanShape,
  signal: AbortSignal,
): Promise<LabState> {
  const directory = labDirectory(options.name);
  const token = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const plan = planLab(options, directory, token);
  requireMachineFeatures(options.roles);
  if (labNamespaces(options.name).length > 0 || !claimDirectory(directory)) {
    throw new LabFault(
      "failed",
      `lab ${options.name} exists. Try: fastcast lab down --name ${options.name}, or --force`,
    );
  }
  try {
    return await build(plan, wan, directory, signal);
  } catch (error) {
    await labDown(options.name);
    if (!signal.aborted) throw error;
    throw new LabFault("failed", `interrupted; lab ${options.name} is removed again`);
  }
}

async function build(
  plan: Plan,
  wan: WanShape,
  directory: string,
  signal: AbortSignal,
): Promise<LabState> {
  let state: LabState = {
    version: 1,
    phase: "starting",
    options: plan.options,
    regions: wan.regions,
    machines: plan.machines,
    jobs: plan.jobs,
    processes: [],
  };
  writeState(directory, state);
  for (const { file, content } of plan.configs) {
    writeFileSync(file, `${Bun.YAML.stringify(content, null, 2)}\n`, { mode: 0o600 });
  }
  writeFileSync(wanFile(directory), JSON.stringify(wanSetup(plan, wan)), { mode: 0o600 });
  await buildNamespaces(plan.options.name, plan.wiring, signal);
  for (const job of plan.jobs) state = withProcess(state, startJob(job));
  writeState(directory, state);
  await untilReady(state.processes, signal);
  state = { ...state, phase: "up" };
  writeState(directory, state);
  return state;
}

const wanSetup = (plan: Plan, { base, pairs }: WanShape): WanSetup => ({
  ports: plan.machines.filter(isOnWan).map(wanPort),
  base,
  pairs,
  seed: hash32(plan.options.name),
});

/** Removes a lab, whatever is left of it. False when there was nothing. */
export async function labDown(name: string): Promise<boolean> {
  const directory = labDirectory(name);
  // An `up` that was killed may have left an `ip` behind that still makes namespaces.
  await endProcesses(() => buildersOf(name));
  // state.json may be old or false: only names of the lab's pattern are ever deleted.
  const stated = (readState(directory)?.machines ?? []).map((machine) => machine.namespace);
  const ours = stated.filter((namespace) => isLabNamespace(namespace, name));
  const namespaces = [...new Set([...labNamespaces(name), ...ours])].filter(namespaceExists);
  await endProcesses(() => processesIn(namespaces));
  await deleteNamespaces(namespaces);
  const had = existsSync(directory);
  removeDirectory(directory);
  return had || namespaces.length > 0;
}

export type ProcessStatus = {
  readonly role: string;
  readonly pid: number;
  readonly state: "up" | "dead";
  readonly healthy: boolean;
  readonly socket: string;
  readonly log: string;
};

export type MachineStatus = Machine & {
  readonly present: boolean;
  readonly processes: readonly ProcessStatus[];
};

export type LabStatus = {
  readonly name: string;
  readonly well: boolean;
  readonly phase: LabState["phase"];
  readonly options: LabOptions;
  readonly regions: LabState["regions"];
  readonly machines: readonly MachineStatus[];
};

export async function labStatus(state: LabState): Promise<LabStatus> {
  const machines = await Promise.all(
    state.machines.map(async (machine) => ({
      ...machine,
      present: namespaceExists(machine.namespace),
      processes: await Promise.all(
        state.processes.filter((one) => one.machine === machine.path).map(processStatus),
      ),
    })),
  );
  const well =
    state.phase === "up" &&
    machines.every((one) => one.present && one.processes.every((process) => process.healthy));
  const { options, phase, regions } = state;
  return { name: options.name, well, phase, options, regions, machines };
}

async function processStatus(process: LabProcess): Promise<ProcessStatus> {
  const alive = isAlive(process);
  const { role, pid, socket, log } = process;
  const healthy = alive && (await isHealthy(socket));
  return { role, pid, state: alive ? "up" : "dead", healthy, socket, log };
}

/** Ends a process of the lab if it runs, starts it again and waits until it answers. */
export async function labRestart(state: LabState, process: LabProcess): Promise<void> {
  await endProcesses(() => (isAlive(process) ? [process.pid] : []));
  const { pid: _pid, startTicks: _startTicks, ...job } = process;
  const started = startJob(job);
  writeState(labDirectory(state.options.name), withProcess(state, started));
  await untilReady([started], new AbortController().signal);
}

/** The process of a machine; the role, when given, must be the one that runs there. */
export function requireProcess(state: LabState, machine: string, role?: string): LabProcess {
  const process = state.processes.find(
    (one) => one.machine === machine && (role === undefined || one.role === role),
  );
  if (process) return process;
  const known = state.processes.map((one) => `${one.machine} ${one.role}`).join(", ");
  const what = role === undefined ? "no process" : `no ${role}`;
  throw new LabFault(
    "usage",
    `${what} on ${machine} in lab ${state.options.name}. It has: ${known || "no processes"}`,
  );
}
