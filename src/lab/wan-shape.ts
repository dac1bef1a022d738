/** The WAN as people ask for it: flags and matrix files when a lab starts, pairs while it runs. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import { LabFault } from "./fault.ts";
import type { WanShape } from "./lab.ts";
import type { MatrixLine } from "./matrix.ts";
import { mapMatrix, parseMatrix } from "./matrix.ts";
import { sendPerPacket } from "./namespaces.ts";
import { socketFile } from "./machines.ts";
import type { LabState } from "./state.ts";
import { labDirectory } from "./state.ts";
import type { PairChange, PairReport } from "./wan-control.ts";
import { getPairs, putPair } from "./wan-control.ts";
import { isOnWan, wanPort } from "./wiring.ts";

export type WanFlags = {
  readonly delay?: number;
  readonly loss?: number;
  readonly rate?: number;
};

/** What flags and matrix ask for, and whether they ask for anything. */
export function readWanShape(
  flags: WanFlags & { readonly sites: number; readonly matrix?: string },
): WanShape & { readonly isShaped: boolean; readonly perPacket: boolean } {
  const { delay, loss, rate, matrix, sites } = flags;
  const base = { delayMs: delay ?? 0, lossPercent: loss ?? 0, rateMbit: rate ?? 0 };
  const isShaped = [delay, loss, rate, matrix].some((flag) => flag !== undefined);
  const mapped =
    matrix === undefined ? { pairs: [], regions: {} } : mapMatrix(readMatrix(matrix), sites, base);
  return { base, ...mapped, isShaped, perPacket: [base, ...mapped.pairs].some(needsPerPacket) };
}

const needsPerPacket = (shape: PairChange): boolean =>
  (shape.lossPercent ?? 0) > 0 || (shape.rateMbit ?? 0) > 0;

/** Lines of a file, or of every `.dat` file of a directory. */
function readMatrix(path: string): MatrixLine[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new LabFault("usage", `--matrix ${path}: no such file`);
  if (!found.isDirectory()) return parseMatrix(readFileSync(path, "utf8"), basename(path));
  const files = readdirSync(path).filter((file) => file.endsWith(".dat"));
  if (files.length === 0) throw new LabFault("usage", `--matrix ${path}: has no .dat files`);
  return files
    .toSorted()
    .flatMap((file) => parseMatrix(readFileSync(`${path}/${file}`, "utf8"), file));
}

/** Changes a pair of a running lab, in both directions unless `oneWay`. */
export async function changePair(
  state: LabState,
  from: string,
  to: string | undefined,
  flags: WanFlags & { readonly partition?: true; readonly heal?: true; readonly oneWay?: true },
): Promise<void> {
  if (to === undefined) throw new LabFault("usage", "lab wan needs two sites, or none");
  const change: PairChange = {
    ...(flags.delay !== undefined && { delayMs: flags.delay }),
    ...(flags.loss !== undefined && { lossPercent: flags.loss }),
    ...(flags.rate !== undefined && { rateMbit: flags.rate }),
    ...((flags.partition ?? flags.heal) && { partitioned: flags.partition === true }),
  };
  if (flags.partition && flags.heal) throw new LabFault("usage", "--partition or --heal, not both");
  if (Object.keys(change).length === 0) {
    throw new LabFault("usage", "say what changes: --delay, --loss, --rate, --partition or --heal");
  }
  const socket = emulatorSocket(state);
  const directions = flags.oneWay
    ? [[from, to] as const]
    : ([
        [from, to],
        [to, from],
      ] as const);
  for (const [sender, receiver] of directions) {
    await putPair(socket, sender, receiver, change);
    const machine = state.machines.find((one) => isOnWan(one) && wanPort(one) === sender);
    if (machine && needsPerPacket(change)) await sendPerPacket(machine.namespace);
  }
}

export const readPairs = async (state: LabState): Promise<PairReport[]> =>
  getPairs(emulatorSocket(state));

function emulatorSocket(state: LabState): string {
  const { name, wan } = state.options;
  if (wan === "emulated") return socketFile(labDirectory(name), "wan");
  throw new LabFault(
    "usage",
    `lab ${name} has a plain bridge as WAN. Try: fastcast lab up --force --wan emulated …`,
  );
}
