/** What the lab's commands print for people: plain tables, one line per thing. Pure. */
import type { LabStatus, MachineStatus } from "./lab.ts";
import type { MachineAddress } from "./machines.ts";
import type { LabState } from "./state.ts";
import type { PairReport } from "./wan-control.ts";

export function statusText(status: LabStatus): string {
  const rows = status.machines.map((machine) => [
    machine.path,
    machine.namespace,
    machine.addresses.map(addressText).join(", ") || "-",
    ...processCells(machine),
  ]);
  const regions = Object.entries(status.regions).map(([site, region]) => `${site} is ${region}`);
  const { name, options, well, phase } = status;
  const wan = options.wan === "emulated" ? "an emulated WAN" : "a plain bridge as WAN";
  return [
    `lab ${name}: ${well ? "well" : phase === "starting" ? "not complete" : "partly down"}, ${wan}`,
    ...(regions.length > 0 ? [regions.join(", ")] : []),
    table(["MACHINE", "NAMESPACE", "ADDRESSES", "PROCESS", "PID", "HEALTH"], rows),
  ].join("\n");
}

const addressText = ({ interface: name, address, ipv6 }: MachineAddress): string =>
  [name, address, ...(ipv6 === undefined ? [] : [ipv6])].join(" ");

function processCells(machine: MachineStatus): string[] {
  if (!machine.present) return ["namespace missing", "-", "-"];
  const [process] = machine.processes;
  if (!process) return ["-", "-", "-"];
  const health = process.healthy ? "well" : process.state === "dead" ? "-" : "no answer";
  return [`${process.role} ${process.state}`, String(process.pid), health];
}

/** The emulated WAN as a table; pairs without any shape or packet are left out. */
export function wanText(pairs: readonly PairReport[], regions: LabState["regions"]): string {
  const label = (name: string) => (regions[name] ? `${name} (${regions[name]})` : name);
  const rows = pairs
    .filter(isWorthShowing)
    .map((pair) => [
      label(pair.from),
      label(pair.to),
      pair.partitioned ? "cut" : `${round(pair.delayMs)} ms`,
      `${pair.lossPercent} %`,
      pair.rateMbit === 0 ? "-" : `${pair.rateMbit} Mbit/s`,
      String(pair.forwarded),
      String(pair.lost),
      String(pair.full),
      String(pair.cutOff),
    ]);
  return table(
    ["FROM", "TO", "DELAY", "LOSS", "RATE", "PACKETS", "LOST", "QUEUE FULL", "CUT OFF"],
    rows,
  );
}

const isWorthShowing = (pair: PairReport): boolean =>
  pair.delayMs > 0 ||
  pair.lossPercent > 0 ||
  pair.rateMbit > 0 ||
  pair.partitioned ||
  pair.forwarded > 0;

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** Columns of text, two blanks apart. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => Bun.stringWidth(line[column] ?? ""))),
  );
  const padded = (line: readonly string[]) =>
    line.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)));
  return lines.map((line) => padded(line).join("  ").trimEnd()).join("\n");
}
