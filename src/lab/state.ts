/**
 * What a running lab keeps in its directory, `/run/fastcast/lab/NAME`: configurations, logs,
 * sockets and `state.json`. The directory's creation is the lock: who makes it owns the name.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { LabFault } from "./fault.ts";
import type { Job, LabOptions, Machine } from "./machines.ts";

export type LabProcess = Job & {
  readonly pid: number;
  /** Start time of the process in clock ticks since boot, so that a reused pid is seen. */
  readonly startTicks: number;
};

export type LabState = {
  readonly version: 1;
  readonly phase: "starting" | "up";
  readonly options: LabOptions;
  /** Region of the matrix behind each site, where there is one. */
  readonly regions: Readonly<Record<string, string>>;
  readonly machines: readonly Machine[];
  readonly jobs: readonly Job[];
  readonly processes: readonly LabProcess[];
};

/** Linux: a socket's path has at most 107 bytes; ours are DIRECTORY/siteN-eavesdropper.sock. */
const directoryBytesMax = 107 - "/site250-eavesdropper.sock".length;

export const labRoot = (): string => process.env.FASTCAST_LAB_DIR ?? "/run/fastcast/lab";

export const labDirectory = (name: string): string => `${labRoot()}/${name}`;

export const stateFile = (directory: string): string => `${directory}/state.json`;

/** Makes the directory; false when somebody has made it before. */
export function claimDirectory(directory: string): boolean {
  if (Buffer.byteLength(directory) > directoryBytesMax) {
    throw new LabFault(
      "usage",
      `${directory}: longer than ${directoryBytesMax} bytes, too long for a Unix socket's path. ` +
        "Choose a shorter FASTCAST_LAB_DIR or --name.",
    );
  }
  mkdirSync(labRoot(), { recursive: true });
  if (existsSync(directory)) return false;
  mkdirSync(directory, { mode: 0o700 });
  return true;
}

export const removeDirectory = (directory: string): void =>
  rmSync(directory, { recursive: true, force: true });

/** Names of the labs that have a directory. */
export const labNames = (): string[] =>
  existsSync(labRoot()) ? readdirSync(labRoot()).toSorted() : [];

/** Replaces state.json in one step, so that a crash leaves the old or the new one. */
export function writeState(directory: string, state: LabState): void {
  const file = stateFile(directory);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** The state of a lab; undefined when there is none, or none that can be read. */
export function readState(directory: string): LabState | undefined {
  const file = stateFile(directory);
  if (!existsSync(file)) return undefined;
  return parseState(readFileSync(file, "utf8"));
}

/** state.json is written by this program only, so its version vouches for its shape. */
export function parseState(text: string): LabState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const isState =
    typeof value === "object" && value !== null && "version" in value && value.version === 1;
  return isState ? (value as LabState) : undefined;
}

/** The state of a lab that must exist. */
export function requireState(name: string): LabState {
  const state = readState(labDirectory(name));
  if (state) return state;
  const others = labNames().filter((other) => other !== name);
  const hint = others.length > 0 ? ` There is: ${others.join(", ")} (--name).` : "";
  throw new LabFault("unreachable", `no lab ${name}.${hint} Try: fastcast lab up --name ${name}`);
}

/** The machine that people mean by `site1/host2`. */
export function requireMachine(state: LabState, path: string): Machine {
  const machine = state.machines.find((one) => one.path === path);
  if (machine) return machine;
  const known = state.machines.map((one) => one.path).join(" ");
  throw new LabFault("usage", `no machine ${path} in lab ${state.options.name}. It has: ${known}`);
}

/** The process list with one process put in the place of its machine's former one. */
export const withProcess = (state: LabState, process: LabProcess): LabState => ({
  ...state,
  processes: [...state.processes.filter((one) => one.machine !== process.machine), process],
});
