/**
 * A program on a host of the lab, `fastcast send` or `fastcast recv`: the JSON lines it prints,
 * what it says on stderr, and its end. It has a session of its own, so that Ctrl-C in the terminal
 * reaches the demo alone.
 */
import { LabFault } from "../lab/fault.ts";
import { roleEnvironment } from "../lab/processes.ts";

const saidCharsMax = 4_096;
const endMs = 5_000;

export class Station<Report> {
  readonly name: string;
  /** The latest line. */
  report: Report | undefined;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #ended: Promise<number>;
  readonly #word = Promise.withResolvers<void>();
  #said = "";
  #awaited = "";
  #stopping = false;

  /** @param onLost called when it ends without having been asked to */
  constructor(name: string, argv: readonly string[], onLost: (fault: LabFault) => void) {
    this.name = name;
    this.#child = Bun.spawn([...argv], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: roleEnvironment(process.env),
    });
    this.#word.promise.catch(() => undefined); // whoever awaits it is told; else it is no matter
    this.#ended = this.#follow();
    const onEnd = (what: string): void => {
      const fault = this.#fault(what);
      this.#word.reject(fault);
      if (!this.#stopping) onLost(fault);
    };
    this.#ended.then(
      (status) => onEnd(`ended by itself, status ${status}`),
      (error: unknown) => onEnd(`cannot be followed (${String(error)})`),
    );
  }

  /** Resolves when stderr has had the word, rejects when the program ends first. */
  async said(word: string): Promise<void> {
    this.#awaited = word;
    this.#seek();
    await this.#word.promise;
  }

  /** Asks the program to end and answers its last line. */
  async stop(): Promise<Report> {
    this.#stopping = true;
    this.#child.kill("SIGINT");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), endMs);
    const status = await this.#ended;
    clearTimeout(late);
    if (status !== 0) throw this.#fault(`ended with status ${status}`);
    if (this.report === undefined) throw this.#fault("ended without a report");
    return this.report;
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async #follow(): Promise<number> {
    await Promise.all([
      eachLine(this.#child.stdout, (line) => {
        this.report = JSON.parse(line) as Report; // written by this program's own commands
      }),
      eachLine(this.#child.stderr, (line) => {
        this.#said = `${this.#said}${line}\n`.slice(-saidCharsMax);
        this.#seek();
      }),
    ]);
    return this.#child.exited;
  }

  #seek(): void {
    if (this.#awaited !== "" && this.#said.includes(this.#awaited)) this.#word.resolve();
  }

  #fault(what: string): LabFault {
    const said = this.#said.trim() || "(it said nothing)";
    return new LabFault("failed", `${this.name} ${what}:\n${said.replace(/^/gm, "  ")}`);
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
}
