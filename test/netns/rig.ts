/**
 * The rig of the acceptance tests: a lab raised through the executable, programs in its hosts, its
 * control endpoints, and captures. It asks and never mocks. All that it starts is in the lab's
 * namespaces or in `Program.running`, so that `down` ends it after a failure too.
 */
import { describe } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { Capture } from "./capture.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
/** `NETNS_EXECUTABLE` names another build, for work while others rebuild. */
export const executable = process.env.NETNS_EXECUTABLE ?? path("../../dist/fastcast");
export const isBuilt = existsSync(executable);
/** The command that starts FastCast. */
export const fastcast: readonly string[] = isBuilt
  ? [executable]
  : [process.execPath, path("../../cmd/fastcast.ts")];

/** What a step of a test may take; a whole test may take `testMs`. */
const stepMs = 15_000;
export const testMs = 60_000;

/** A group of tests on a real kernel; where something is missing it is skipped and says what. */
export function onRealKernels(title: string, tools: readonly string[], body: () => void): void {
  const missing = [
    ...(process.platform === "linux" ? [] : ["Linux"]),
    ...(process.getuid?.() === 0 ? [] : ["root"]),
    ...["ip", ...tools].filter((tool) => !Bun.which(tool)),
  ];
  const why = missing.length === 0 ? "" : ` (skipped: needs ${missing.join(", ")})`;
  // In CI what is missing is a failure, not a skip.
  const skips = missing.length > 0 && process.env.CI !== "true";
  describe.skipIf(skips)(title + why, body);
}

/** Waits for a condition by polling; fails with what was waited for. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = stepMs,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await Bun.sleep(20);
  }
}

export type Ended = { readonly status: number; readonly out: string; readonly err: string };

/** A running program and what it has said so far. */
export class Program {
  static readonly running = new Set<Program>();
  readonly pid: number;
  readonly ended: Promise<Ended>;
  out = "";
  err = "";
  readonly #argv: readonly string[];
  readonly #kill: (signal: NodeJS.Signals) => void;
  #status: number | undefined;

  constructor(
    argv: readonly string[],
    options: { env?: Record<string, string>; cwd?: string } = {},
  ) {
    const env = options.env ?? process.env;
    const stdio = ["ignore", "pipe", "pipe"] as const;
    const child = Bun.spawn([...argv], { ...options, env, stdio: [...stdio] });
    this.#argv = argv;
    this.pid = child.pid;
    this.#kill = (signal) => child.kill(signal);
    Program.running.add(this);
    this.ended = this.#follow(child.stdout, child.stderr, child.exited);
  }

  async #follow(
    out: ReadableStream<Uint8Array>,
    err: ReadableStream<Uint8Array>,
    exited: Promise<number>,
  ): Promise<Ended> {
    const decoders = [new TextDecoder(), new TextDecoder()] as const;
    const readOut = async (): Promise<void> => {
      for await (const bytes of out) this.out += decoders[0].decode(bytes, { stream: true });
    };
    const readErr = async (): Promise<void> => {
      for await (const bytes of err) this.err += decoders[1].decode(bytes, { stream: true });
    };
    [this.#status] = await Promise.all([exited, readOut(), readErr()]);
    Program.running.delete(this);
    return { status: this.#status, out: this.out, err: this.err };
  }

  /** Waits until it has written the text, on either stream. */
  async says(text: string | RegExp, limitMs = stepMs): Promise<void> {
    const said = (): boolean =>
      typeof text === "string"
        ? this.out.includes(text) || this.err.includes(text)
        : text.test(this.out) || text.test(this.err);
    await until(`${this.#argv.join(" ")} says ${text}`, () => said() || this.#hasEnded(), limitMs);
    if (!said()) throw new Error(`${this.#argv.join(" ")} ended: ${this.out}${this.err}`);
  }

  /** Ends it by a signal, and by SIGKILL when it does not obey. */
  async end(signal: NodeJS.Signals = "SIGINT"): Promise<Ended> {
    const timer = setTimeout(() => this.#kill("SIGKILL"), stepMs);
    if (!this.#hasEnded()) this.#kill(signal);
    const ended = await this.ended;
    clearTimeout(timer);
    return ended;
  }

  #hasEnded(): boolean {
    return this.#status !== undefined;
  }
}

/** Runs a program to its end; throws unless its status is 0. */
export async function output(argv: readonly string[]): Promise<string> {
  const { status, out, err } = await new Program(argv).ended;
  if (status !== 0) throw new Error(`${argv.join(" ")}: status ${status}: ${err}${out}`);
  return out;
}

/** What `recv --json` says, as far as the tests ask. */
export type RecvReport = {
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly late: number;
  readonly corrupted: number;
  readonly foreign: number;
  readonly receiveBufferDrops: number | null;
  readonly joinToFirstMs: number | null;
  readonly senders: readonly {
    readonly source: string;
    readonly port: number;
    readonly stream: number;
    readonly first: number;
    readonly last: number;
    readonly received: number;
    readonly lost: number;
    readonly duplicated: number;
    readonly reordered: number;
    readonly latencyMs: { readonly p50: number; readonly max: number };
  }[];
};

/** The report of a stream of which nothing is missing, doubled, moved or changed. */
export const whole = {
  lost: 0,
  duplicated: 0,
  reordered: 0,
  late: 0,
  corrupted: 0,
  foreign: 0,
  receiveBufferDrops: 0,
} as const;

/** `fastcast recv` in a host. */
export class Receiver {
  readonly #program: Program;
  readonly #log: string;

  constructor(program: Program, log: string) {
    this.#program = program;
    this.#log = log;
  }

  /** What it has received so far; needs the flag `--interval`. */
  get received(): number {
    const line = this.#program.out.trimEnd().split("\n").at(-1) ?? "";
    return line === "" ? 0 : (JSON.parse(line) as RecvReport).received;
  }

  /** Waits until it ends by itself. */
  async report(): Promise<RecvReport> {
    const { status, out, err } = await this.#program.ended;
    if (status !== 0 && out === "") throw new Error(`recv: status ${status}: ${err}`);
    return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as RecvReport;
  }

  async stop(): Promise<RecvReport> {
    await this.#program.end();
    return this.report();
  }

  /** When each packet came, in ms since the epoch; once it has ended. */
  arrivalsMs(): number[] {
    const lines = readFileSync(this.#log, "utf8").trimEnd().split("\n");
    return lines.map((line) => microsOf((JSON.parse(line) as { at: string }).at) / 1000);
  }
}

/** RFC 3339 with microseconds, which `Date` would cut off. */
const microsOf = (at: string): number =>
  Date.parse(`${at.slice(0, 19)}Z`) * 1000 + Number(at.slice(20, 26));

/** Its first thread may be a zombie while others still hold its sockets. */
function isRunning(pid: number | undefined): boolean {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return false;
  const text = readFileSync(status, "latin1");
  return !/^State:\s+[ZX]/m.test(text) || Number(/^Threads:\s+(\d+)/m.exec(text)?.[1]) > 1;
}

let filesMade = 0;

/** A lab of its own name in a directory of its own. */
export class Lab {
  readonly name: string;
  readonly directory: string;

  private constructor(name: string, directory: string) {
    this.name = name;
    this.directory = directory;
  }

  /**
   * Raises a lab and waits until its fabric stands: what is lost before has causes of its own.
   * `letter` tells the labs of one run apart.
   */
  static async up(letter: string, sites: number, ...flags: readonly string[]): Promise<Lab> {
    const lab = new Lab(`${letter}${process.pid}`, mkdtempSync(`${tmpdir()}/fa-`));
    try {
      await lab.done("up", "--sites", `${sites}`, ...flags);
      await until("each site is linked to each", async () => lab.#isMeshed(sites));
      return lab;
    } catch (error) {
      await lab.down();
      throw error;
    }
  }

  /** Whether the Manager knows of a link from each site to each other one. */
  async #isMeshed(count: number): Promise<boolean> {
    type Site = { site: string; links: { site: string }[] };
    const { sites } = await this.control<{ sites: Site[] }>("manager", "/v1/sites");
    const others = ({ site, links }: Site): number =>
      links.filter((link) => link.site !== site).length;
    return sites.length === count && sites.every((site) => others(site) === count - 1);
  }

  /** Ends every program, removes the lab and its files. */
  async down(): Promise<void> {
    await Promise.all([...Program.running].map((program) => program.end("SIGKILL")));
    await this.command("down");
    rmSync(this.directory, { recursive: true, force: true });
  }

  async command(verb: string, ...argv: readonly string[]): Promise<Ended> {
    const env = { ...(process.env as Record<string, string>), FASTCAST_LAB_DIR: this.directory };
    return new Program([...fastcast, "lab", verb, "--name", this.name, ...argv], { env }).ended;
  }

  /** As `command`, and must succeed. */
  async done(verb: string, ...argv: readonly string[]): Promise<void> {
    const { status, err } = await this.command(verb, ...argv);
    if (status !== 0) throw new Error(`lab ${verb} ${argv.join(" ")}: status ${status}: ${err}`);
  }

  /** Kills a machine's process as a crash would, and waits until the kernel has taken it apart. */
  async crash(machine: string): Promise<void> {
    type State = { processes: { machine: string; pid: number }[] };
    const state = (await Bun.file(`${this.directory}/${this.name}/state.json`).json()) as State;
    const pid = state.processes.find((one) => one.machine === machine)?.pid;
    await this.done("kill", machine);
    await until(`process ${pid} has ended`, () => !isRunning(pid));
  }

  /** The command line by which a program runs on a machine; signals reach the program itself. */
  on(machine: string, argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", `${this.name}-${machine.replaceAll("/", "-")}`, ...argv];
  }

  start(machine: string, ...argv: readonly string[]): Program {
    return new Program(this.on(machine, argv));
  }

  /** What a command on a machine prints; it must succeed. */
  async output(machine: string, ...argv: readonly string[]): Promise<string> {
    return output(this.on(machine, argv));
  }

  file(suffix: string): string {
    return `${this.directory}/${filesMade++}.${suffix}`;
  }

  /** A receiver that has joined. */
  async recv(machine: string, group: string, ...flags: readonly string[]): Promise<Receiver> {
    const log = this.file("jsonl");
    const argv = ["recv", group, "--interface", "eth0", "--json", "--write", log, ...flags];
    const program = this.start(machine, ...fastcast, ...argv);
    await program.says("joined ");
    return new Receiver(program, log);
  }

  send(machine: string, group: string, ...flags: readonly string[]): Program {
    return this.start(
      machine,
      ...fastcast,
      "send",
      group,
      "--interface",
      "eth0",
      "--json",
      ...flags,
    );
  }

  /** A capture that has begun. Its buffer has room for frames of `snapBytes`, however short. */
  async capture(machine: string, at: string, filter: string, snapBytes = 2048): Promise<Capture> {
    const file = this.file("pcap");
    const argv = [
      "-n",
      "-Z",
      "root",
      "-i",
      at,
      "-s",
      `${snapBytes}`,
      "-B",
      "16384",
      "-w",
      file,
      "-U",
    ];
    const program = this.start(machine, "tcpdump", ...argv, "--immediate-mode", filter);
    await program.says("listening on ");
    return new Capture(program, file);
  }

  socket(machine: string): string {
    return `${this.directory}/${this.name}/${machine.replaceAll("/", "-")}.sock`;
  }

  config(machine: string): string {
    return this.socket(machine).replace(/sock$/, "yaml");
  }

  /** A control endpoint's answer; the caller says its shape. */
  async control<Shape>(machine: string, endpoint: string): Promise<Shape> {
    const unix = this.socket(machine);
    const answer = await fetch(`http://lab${endpoint}`, {
      unix,
      signal: AbortSignal.timeout(stepMs),
    });
    if (!answer.ok) throw new Error(`${machine} ${endpoint}: ${await answer.text()}`);
    return (await answer.json()) as Shape;
  }

  /** Waits until a site's Gateway knows that exactly these sites have members of the group. */
  async untilMembers(gateway: string, group: string, sites: readonly string[]): Promise<void> {
    await until(`${gateway} knows members of ${group} in ${sites}`, async () => {
      const { rows } = await this.control<{ rows: readonly RowView[] }>(gateway, "/v1/rows");
      const found = rows.filter(({ wants }) => wants.some((want) => want.group === group));
      return String(found.map(({ site }) => site).sort()) === String([...sites].sort());
    });
  }

  async counter(machine: string, at: string, counter: string): Promise<number> {
    return Number(await this.output(machine, "cat", `/sys/class/net/${at}/statistics/${counter}`));
  }
}

/** What a site publishes, as far as the tests ask. */
export type RowView = {
  readonly site: string;
  readonly wants: readonly { readonly group: string }[];
};

/** What the Manager has planned. */
export type PlanView = {
  readonly flows: readonly {
    readonly flow: number;
    readonly ingress: string;
    readonly receivers: readonly string[];
    readonly channels: readonly { readonly group: string; readonly source?: string }[];
  }[];
};

/** How long a measured figure is; all of them are printed, since they are results. */
export function figure(what: string, value: number | string): void {
  console.log(`  figure: ${what}: ${typeof value === "number" ? Math.round(value) : value}`);
}
