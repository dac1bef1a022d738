/**
 * `fastcast lab`: sites on one Linux machine, each in network namespaces of its own, to try
 * FastCast, to show it and to test it. What it does is in `src/lab/`; here are its words.
 */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import type { Command } from "commander";
import { Option } from "commander";
import { LabFault } from "../src/lab/fault.ts";
import type { LabFaultKind } from "../src/lab/fault.ts";
import { labDown, labRestart, labStatus, labUp, requireProcess } from "../src/lab/lab.ts";
import { hostsMax, sitesMax } from "../src/lab/machines.ts";
import type { LabOptions } from "../src/lab/machines.ts";
import { boundedNumber, delayMsMax, rateMbitMax } from "../src/lab/matrix.ts";
import { inNamespace, requireMachineFeatures } from "../src/lab/namespaces.ts";
import { sendSignal } from "../src/lab/processes.ts";
import { statusText, wanText } from "../src/lab/report.ts";
import type { LabState } from "../src/lab/state.ts";
import { requireMachine, requireState } from "../src/lab/state.ts";
import { changePair, readPairs, readWanShape } from "../src/lab/wan-shape.ts";
import type { WanFlags } from "../src/lab/wan-shape.ts";
import { CommandError, exitStatus } from "./exit.ts";

type Named = { readonly name: string };
type UpFlags = Named &
  WanFlags & {
    readonly sites: number;
    readonly hosts: number;
    readonly separate?: true;
    readonly roles: boolean;
    readonly almrp: LabOptions["almrp"];
    readonly interface: "routed" | "bridged";
    readonly wan?: LabOptions["wan"];
    readonly force?: true;
  };
type PairFlags = Named &
  WanFlags & {
    readonly partition?: true;
    readonly heal?: true;
    readonly oneWay?: true;
    readonly json?: true;
  };

/** Adds `lab` and its commands. */
export function addLab(program: Command): void {
  const lab = program
    .command("lab")
    .description("sites in network namespaces on this machine, to try FastCast (Linux, root)")
    .enablePositionalOptions();
  addUp(lab);
  addExec(lab);
  addStatus(lab);
  addProcessCommands(lab);
  addWan(lab);
  named(lab.command("down"))
    .description("end every process of the lab and remove all of it")
    .action(acting(async ({ name }: Named) => down(name)));
  lab
    .command("wan-emulator", { hidden: true })
    .requiredOption("--state <dir>", "the lab's directory")
    .action(acting(async ({ state }: { state: string }) => emulate(state)));
}

/** The lab of this name. Its directory is root's, so a lack of privilege is told first. */
function labOf(name: string): LabState {
  requireMachineFeatures(false);
  return requireState(name);
}

const named = (command: Command): Command =>
  command.option("--name <name>", "name of the lab", "fc");

const wanOptions = (command: Command): Command =>
  command
    .option("--delay <ms>", "one-way delay between sites", bounded("--delay", delayMsMax))
    .option("--loss <percent>", "packets lost between sites", bounded("--loss", 100))
    .option("--rate <mbit>", "rate of each direction, 0 = any", bounded("--rate", rateMbitMax));

function addUp(lab: Command): void {
  const up = named(lab.command("up"))
    .description("make sites site1, site2, … and start FastCast in them")
    .option("--sites <n>", `number of sites, up to ${sitesMax}`, bounded("--sites", sitesMax), 2)
    .option("--hosts <n>", `hosts per site, up to ${hostsMax}`, bounded("--hosts", hostsMax), 2)
    .option("--separate", "router, gateway and eavesdropper on machines of their own")
    .option("--no-roles", "make the machines only, start no FastCast")
    .addOption(
      new Option("--almrp <name>", "protocol of groups without an application")
        .choices(["star", "mst"])
        .default("star"),
    )
    .addOption(
      new Option("--interface <kind>", "how Gateways touch their sites")
        .choices(["routed", "bridged"])
        .default("routed"),
    )
    .addOption(
      new Option("--wan <kind>", "bridge, or emulated with delay, loss and rate").choices([
        "bridge",
        "emulated",
      ]),
    )
    .option("--matrix <path>", "delays from a CSV, a .dat file or a directory of .dat files")
    .option("--force", "remove a lab of this name first");
  wanOptions(up).action(acting(makeLab));
}

async function makeLab(flags: UpFlags): Promise<void> {
  const shape = readWanShape(flags);
  if (flags.wan === "bridge" && shape.isShaped) {
    throw new LabFault("usage", "--wan bridge has no delay, loss, rate or matrix; leave it out");
  }
  const options: LabOptions = {
    name: flags.name,
    sites: flags.sites,
    hosts: flags.hosts,
    separate: flags.separate === true,
    roles: flags.roles,
    almrp: flags.almrp,
    interface: flags.interface,
    wan: flags.wan ?? (shape.isShaped ? "emulated" : "bridge"),
    perPacket: shape.perPacket,
  };
  requireMachineFeatures(flags.roles);
  if (flags.force) await labDown(flags.name);
  await interruptible((signal) => labUp(options, shape, signal));
  const flag = flags.name === "fc" ? "" : ` --name ${flags.name}`;
  console.log(`lab ${flags.name} is up: ${flags.sites} sites with ${flags.hosts} hosts each`);
  console.log(
    `Try: fastcast lab status${flag}; fastcast lab exec${flag} site1/host1 -- ip address`,
  );
}

/** Runs something that cleans up after itself when the user or the system interrupts it. */
async function interruptible<Value>(run: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const interrupt = new AbortController();
  const abort = (): void => interrupt.abort();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, abort);
  try {
    return await run(interrupt.signal);
  } finally {
    for (const name of names) process.off(name, abort);
  }
}

function addExec(lab: Command): void {
  named(lab.command("exec"))
    .description("run a command on a machine: lab exec site1/host2 -- ip address")
    .argument("<machine>", "site1/host2, site1/edge, manager, wan")
    .argument("<command...>", "the command and its arguments")
    .passThroughOptions()
    .action(
      acting(async (path: string, argv: string[], { name }: Named) => {
        const machine = requireMachine(labOf(name), path);
        // Commander leaves the `--` that separates the command's own options.
        const command = argv[0] === "--" ? argv.slice(1) : argv;
        // Any status may come from the command, so it leaves past the table of statuses.
        process.exit(await runInherited(inNamespace(machine.namespace, command)));
      }),
    );
}

/** The command's own exit status; 128 + n when signal n ended it, as shells say it. */
async function runInherited(argv: string[]): Promise<number> {
  const child = Bun.spawn(argv, { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  // The terminal sends SIGINT to the command as well; how it ends is its own choice.
  const stay = (): void => undefined;
  const pass = (): void => child.kill("SIGTERM");
  process.on("SIGINT", stay).on("SIGTERM", pass);
  await child.exited;
  process.off("SIGINT", stay).off("SIGTERM", pass);
  const signal = child.signalCode;
  return signal ? 128 + signalNumber(String(signal)) : (child.exitCode ?? 1);
}

function addStatus(lab: Command): void {
  named(lab.command("status"))
    .description("machines, addresses, processes and their health; status 7 when some are down")
    .option("--json", "one JSON document")
    .action(
      acting(async ({ name, json }: Named & { json?: true }) => {
        const status = await labStatus(labOf(name));
        console.log(json ? JSON.stringify(status, null, 2) : statusText(status));
        if (!status.well) process.exit(exitStatus.partial);
      }),
    );
}

function addProcessCommands(lab: Command): void {
  const onProcess = (verb: string, description: string): Command =>
    named(lab.command(verb))
      .description(description)
      .argument("<machine>", "site1/edge, manager, wan")
      .argument("[role]", "must be the role that runs there");
  onProcess("restart", "end a machine's process, start it again and wait until it answers").action(
    acting(async (machine: string, role: string | undefined, { name }: Named) => {
      const state = labOf(name);
      await labRestart(state, requireProcess(state, machine, role));
    }),
  );
  onProcess("kill", "send a signal to a machine's process; SIGKILL is like a crash")
    .option("--signal <signal>", "number or name", "9")
    .action(
      acting(async (machine: string, role: string | undefined, flags: Named & Signal) => {
        const target = requireProcess(labOf(flags.name), machine, role);
        if (sendSignal(target.pid, signalNumber(flags.signal))) return;
        throw new LabFault("failed", `${target.role} on ${machine} does not run any more`);
      }),
    );
  onProcess("logs", "print what a machine's process wrote").action(
    acting(async (machine: string, role: string | undefined, { name }: Named) => {
      const { log } = requireProcess(labOf(name), machine, role);
      if (existsSync(log)) await Bun.write(Bun.stdout, Bun.file(log));
    }),
  );
}

type Signal = { readonly signal: string };

function signalNumber(text: string): number {
  const byName = new Map<string, number>(Object.entries(constants.signals));
  const upper = text.toUpperCase();
  const number = byName.get(upper) ?? byName.get(`SIG${upper}`) ?? Number(text);
  if (/^\d+$/.test(String(number)) && number >= 1 && number <= 64) return number;
  throw new LabFault("usage", `--signal ${text}: must be a number or name, such as 9 or TERM`);
}

function addWan(lab: Command): void {
  const wan = named(lab.command("wan"))
    .description("show the emulated WAN, or change a pair of sites while it runs")
    .argument("[from]", "a site, such as site1")
    .argument("[to]", "the other site")
    .option("--partition", "let nothing pass")
    .option("--heal", "let packets pass again")
    .option("--one-way", "change only the direction from the first to the second")
    .option("--json", "one JSON document");
  wanOptions(wan).action(
    acting(async (from: string | undefined, to: string | undefined, flags: PairFlags) => {
      const state = labOf(flags.name);
      if (from !== undefined) return await changePair(state, from, to, flags);
      const pairs = await readPairs(state);
      console.log(flags.json ? JSON.stringify(pairs, null, 2) : wanText(pairs, state.regions));
    }),
  );
}

async function down(name: string): Promise<void> {
  requireMachineFeatures(false);
  console.log((await labDown(name)) ? `lab ${name} is removed` : `there is no lab ${name}`);
}

async function emulate(directory: string): Promise<void> {
  // Loaded here only: it binds the C library when it is loaded.
  const { runWanEmulator } = await import("../src/lab/wan-emulator.ts");
  await runWanEmulator(directory);
}

const bounded =
  (flag: string, max: number) =>
  (text: string): number =>
    inCommandWords(() => boundedNumber(text, max, flag));

const statusOf = {
  failed: exitStatus.failed,
  usage: exitStatus.usage,
  unreachable: exitStatus.unreachable,
  permission: exitStatus.permission,
  timeout: exitStatus.timeout,
} as const satisfies Record<LabFaultKind, number>;

const commandError = (error: unknown): unknown =>
  error instanceof LabFault ? new CommandError(error.message, statusOf[error.kind]) : error;

function inCommandWords<Value>(run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    throw commandError(error);
  }
}

/** An action whose faults leave as the statuses of `exit.ts`. */
const acting =
  <Arguments extends unknown[]>(action: (...given: Arguments) => Promise<void>) =>
  async (...given: Arguments): Promise<void> => {
    try {
      await action(...given);
    } catch (error) {
      throw commandError(error);
    }
  };
