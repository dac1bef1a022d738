/**
 * `fastcast demo`: four sites on this machine, a stream between them while a member comes and goes
 * and the Manager dies, and the proof that every packet arrived. What it does is in `src/demo/`.
 */
import { type Command, Option } from "commander";
import { type Audience, type DemoOptions, type Outcome, runDemo } from "../src/demo/demo.ts";
import { machineFaults, machineFeatures } from "../src/demo/machine.ts";
import { colours, noColours, progressLine, sceneLines, summaryText } from "../src/demo/report.ts";
import type { Scene } from "../src/demo/live.ts";
import type { Paint } from "../src/demo/report.ts";
import { Screen } from "../src/demo/screen.ts";
import { durationSecondsMin } from "../src/demo/timeline.ts";
import { LabFault } from "../src/lab/fault.ts";
import { labDirectory } from "../src/lab/state.ts";
import { probeBytesMin } from "../src/wire/probe.ts";
import { CommandError, exitStatus } from "./exit.ts";
import { wholeNumber } from "./multicast-options.ts";

type DemoFlags = {
  readonly duration: number;
  readonly rate: number;
  readonly size: number;
  readonly almrp: DemoOptions["almrp"];
  readonly json?: true;
  readonly keep?: true;
};

const help = `
The sites live in network namespaces of their own, in a lab that touches no other and is removed at
the end, also after Ctrl-C. site1/host1 sends, site2/host1 and site3/host1 receive from the start;
site4/host1 joins and leaves while packets flow, and the Manager is killed and started again.
Exit status: 0 when every packet arrived where it should, once and in order, and nowhere else; 1
when not; 6 when this machine lacks what the demo needs.

Examples:
  $ sudo fastcast demo
  $ sudo fastcast demo --duration 60 --rate 2000 --almrp mst
  $ sudo fastcast demo --json | jq .ok
  $ sudo fastcast demo --keep`;

/** UDP payload that fits a packet of 1,500 bytes. */
const sizeMax = 1_472;
const rateMax = 20_000;
const durationMax = 3_600;

export function addDemo(program: Command): void {
  program
    .command("demo")
    .summary("see it work: four sites on this machine (Linux, root)")
    .description("Connects four sites on this machine, sends packets between them and judges them.")
    .option(
      "--duration <seconds>",
      "of the stream",
      wholeNumber(durationSecondsMin, durationMax),
      20,
    )
    .option("--rate <pps>", "packets per second", wholeNumber(100, rateMax), 500)
    .option("--size <bytes>", "UDP payload", wholeNumber(probeBytesMin, sizeMax), 1000)
    .addOption(
      new Option("--almrp <name>", "protocol that shapes the tree")
        .choices(["star", "mst"])
        .default("star"),
    )
    .option("--json", "print one JSON object at the end, nothing else on stdout")
    .option("--keep", "leave the sites up at the end and say how to look around")
    .addHelpText("after", help)
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const faults = machineFaults(machineFeatures());
  if (faults.length > 0) {
    const text = ["the demo cannot run on this machine", ...faults].join("\n");
    throw new CommandError(text, exitStatus.permission);
  }
  const { almrp, duration, rate, size } = flags;
  const options = { durationMs: duration * 1000, ratePps: rate, sizeBytes: size, almrp };
  const outcome = await watched(flags, options);
  if (flags.json) console.log(JSON.stringify(outcome));
  else console.log(summaryText(outcome, paintOf(process.stdout)));
  if (flags.keep) tellKept(outcome.lab, flags);
  if (outcome.ok) return;
  for (const { site, counters } of outcome.losses) {
    for (const [name, count] of Object.entries(counters))
      console.error(`${site} ${name}: ${count}`);
  }
  const { text = "" } = outcome.claims.find(({ holds }) => !holds) ?? {};
  throw new CommandError(`the demo failed: ${text}`, exitStatus.failed);
}

async function watched(flags: DemoFlags, options: Omit<DemoOptions, "keep">): Promise<Outcome> {
  const interrupt = new AbortController();
  const abort = (): void => interrupt.abort();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, abort);
  const audience = isScreen() ? new Viewers() : new Readers();
  try {
    return await runDemo({ ...options, keep: flags.keep === true }, audience, interrupt.signal);
  } catch (error) {
    if (!(error instanceof LabFault)) throw error;
    const { message, kind } = error;
    if (flags.json) console.log(JSON.stringify({ ok: false, sent: 0, sites: [], fault: message }));
    throw new CommandError(`the demo failed: ${message}`, statusOf[kind]);
  } finally {
    audience.end();
    for (const name of names) process.off(name, abort);
  }
}

const statusOf = {
  failed: exitStatus.failed,
  usage: exitStatus.usage,
  unreachable: exitStatus.unreachable,
  permission: exitStatus.permission,
  timeout: exitStatus.timeout,
} as const satisfies Record<LabFault["kind"], number>;

/** The picture, and the line of the cursor below it. */
const screenRowsMin = 18;

const isScreen = (): boolean =>
  process.stderr.isTTY === true &&
  process.env.TERM !== "dumb" &&
  (process.stderr.rows ?? 0) >= screenRowsMin;

/** https://no-color.org */
const paintOf = (stream: { readonly isTTY?: boolean }): Paint =>
  stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb" ? colours : noColours;

/** A picture on the terminal. */
class Viewers implements Audience {
  readonly #screen = new Screen({
    get columns() {
      return process.stderr.columns || 80;
    },
    get rows() {
      return process.stderr.rows || 24;
    },
    write: (text) => void process.stderr.write(text),
  });
  readonly #paint = paintOf(process.stderr);

  say(text: string): void {
    this.#screen.draw([text]);
  }

  show(scene: Scene): void {
    this.#screen.draw(sceneLines(scene, this.#paint));
  }

  end(): void {
    this.#screen.clear();
  }
}

const lineMs = 1_000;

/** Plain lines for a file or a pipe. */
class Readers implements Audience {
  #nextMs = 0;
  #words = "";

  say(text: string): void {
    console.error(text);
  }

  show(scene: Scene): void {
    if (scene.words !== this.#words) console.error(scene.words);
    this.#words = scene.words;
    if (scene.elapsedMs < this.#nextMs) return;
    this.#nextMs = (Math.floor(scene.elapsedMs / lineMs) + 1) * lineMs;
    console.error(progressLine(scene));
  }

  end(): void {}
}

function tellKept(lab: string, { json }: DemoFlags): void {
  const directory = labDirectory(lab);
  const say = json ? console.error : console.log;
  say(`
The lab ${lab} stays. Look around:
  fastcast lab status --name ${lab}
  fastcast lab exec --name ${lab} site1/host1 -- ip address
  curl --unix-socket ${directory}/site1-edge.sock http://fastcast/v1/links
  curl --unix-socket ${directory}/site4-edge.sock http://fastcast/v1/counters
  curl --unix-socket ${directory}/manager.sock http://fastcast/v1/plan
Remove it:
  fastcast lab down --name ${lab}`);
}
