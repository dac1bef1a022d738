/** `fastcast recv`: joins a multicast group and judges the test packets that arrive. */
import { type Command, InvalidArgumentError } from "commander";
import { type Address, familyOf, isSourceSpecific, parseAddress } from "../src/base/address.ts";
import { Statistics } from "../src/probe/statistics.ts";
import { CommandError, exitStatus } from "./exit.ts";
import {
  type GroupEndpoint,
  parseGroup,
  positiveNumber,
  wholeNumber,
} from "./multicast-options.ts";
import { epochMicros, interfaceFor, onStopSignals, systemError } from "./multicast-socket.ts";
import { joinGroup, type Membership } from "./recv-membership.ts";
import { PacketLog, type RecvReport, recvReport, reportText, shownText } from "./recv-report.ts";

type RecvOptions = {
  interface?: string;
  source?: readonly Address[];
  count?: number;
  duration?: number;
  expect?: number;
  idle?: number;
  json?: boolean;
  interval?: number;
  jsonLines?: boolean;
  write?: string;
  checksum?: boolean;
};

const help = `
Counts per sender what was received, lost, doubled, reordered and corrupted, and the latency, which
is right only as far as the clocks of both hosts agree. It ends by --count, --duration, --idle,
SIGINT or SIGTERM. stderr says "joined GROUP on INTERFACE" once the kernel has joined.

Exit status: 0 done; 1 with --expect, when not all packets came; 8 when --count was not reached
within --duration or --idle.

Examples:
  $ fastcast recv 239.1.2.3
  $ fastcast recv 239.1.2.3:5001 --interface eth1 --expect 1000 --idle 2 --json
  $ fastcast recv 232.1.2.3 --source 192.0.2.10 --duration 60 --interval 1
  $ fastcast recv [ff15::77]:5001 --interface eth1 --json-lines
  $ fastcast recv 239.1.2.3 --count 1000 --write packets.jsonl --checksum`;

export function addRecv(program: Command): void {
  program
    .command("recv")
    .summary("receive test packets of a multicast group")
    .description("Joins a multicast group and counts what arrives of the test packets sent to it.")
    .argument("<group>", "GROUP or GROUP:PORT, [GROUP]:PORT for IPv6; port 5001", parseGroup)
    .option("--interface <name|address>", "join here (default: the route to the group)")
    .option("--source <address>", "only this sender (S,G); may be repeated", addSource)
    .option("--count <n>", "stop after this many datagrams", wholeNumber(1, 2 ** 52))
    .option("--duration <seconds>", "stop after this time", positiveNumber(2_000_000))
    .option("--expect <n>", "packets that each sender sends", wholeNumber(1, 2 ** 52))
    .option("--idle <seconds>", "stop when silent so long, once one came", positiveNumber(86_400))
    .option("--json", "print one JSON object at the end")
    .option("--interval <seconds>", "report this often, counted from the start", seconds)
    .option("--json-lines", "a JSON line per interval and at the end; interval 1 if not given")
    .option("--write <file>", "write a JSON line per datagram")
    .option("--checksum", "print the SHA-256 of all payloads in order of arrival")
    .addHelpText("after", help)
    .action(recv);
}

const seconds = positiveNumber(86_400);

function addSource(text: string, before: readonly Address[] = []): readonly Address[] {
  const source = parseAddress(text);
  if (source === undefined) throw new InvalidArgumentError("Expected an IP address.");
  return [...before, source];
}

async function recv(endpoint: GroupEndpoint, options: RecvOptions): Promise<void> {
  checkSources(endpoint, options.source ?? []);
  const receiver = new Receiver(endpoint, options);
  const at = await interfaceFor(endpoint, options.interface);
  const membership = await joinGroup({
    ...endpoint,
    at,
    sources: options.source ?? [],
    onDatagram: (bytes, port, source) => receiver.onDatagram(bytes, port, source),
    onError: (error) => receiver.onError(error),
  });
  const report = await receiver.run(membership);
  throwUnlessDone(report, receiver, options);
}

/** RFC 4607 §1: groups of that range have channels only; and a source is of the group's family. */
function checkSources({ group }: GroupEndpoint, sources: readonly Address[]): void {
  const other = sources.find((source) => familyOf(source) !== familyOf(group));
  if (other !== undefined) {
    throw new CommandError(`${other} cannot send to ${group}: other IP version`, exitStatus.usage);
  }
  if (isSourceSpecific(group) && sources.length === 0) {
    const message = `${group} is source-specific: name its sender with --source`;
    throw new CommandError(message, exitStatus.usage);
  }
}

function throwUnlessDone(report: RecvReport, receiver: Receiver, options: RecvOptions): void {
  if (receiver.failure) throw receiver.failure;
  if (options.expect !== undefined && report.lost > 0) {
    throw new CommandError(`${report.lost} expected packets did not come`, exitStatus.failed);
  }
  if (receiver.ended === "time") {
    const message = `${receiver.datagrams} of ${options.count} datagrams came in time`;
    if (options.count !== undefined) throw new CommandError(message, exitStatus.timeout);
  }
}

function openLog(path: string): PacketLog {
  try {
    return new PacketLog(path);
  } catch (error) {
    throw systemError(`cannot write ${path}`, error);
  }
}

/** Texts of other programs' packets are shown at most so often. */
const foreignShownMax = 20;
const idleChecksPerWait = 20;

class Receiver {
  readonly #endpoint: GroupEndpoint;
  readonly #options: RecvOptions;
  readonly #statistics: Statistics;
  readonly #log: PacketLog | undefined;
  readonly #digest: Bun.CryptoHasher | undefined;
  readonly #done = Promise.withResolvers<void>();
  readonly #timers: Timer[] = [];
  readonly #isLines: boolean;
  #membership: Membership | undefined;
  #startMs = performance.now();
  #firstMs: number | undefined;
  #lastMs = 0;
  #foreignShown = 0;
  ended: "count" | "time" | "signal" | "fault" | undefined;
  failure: CommandError | undefined;

  constructor(endpoint: GroupEndpoint, options: RecvOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#statistics = new Statistics(options.expect);
    this.#log = options.write === undefined ? undefined : openLog(options.write);
    this.#digest = options.checksum ? new Bun.CryptoHasher("sha256") : undefined;
    this.#isLines = options.jsonLines === true || (!!options.json && !!options.interval);
  }

  get datagrams(): number {
    return this.#statistics.datagrams;
  }

  onDatagram(bytes: Uint8Array, port: number, source: string): void {
    if (this.ended) return;
    this.#lastMs = performance.now();
    this.#firstMs ??= this.#lastMs;
    const arrival = { source, port, bytes, atMicros: epochMicros() };
    const verdict = this.#statistics.onArrival(arrival);
    this.#digest?.update(bytes);
    if (verdict === "foreign") this.#showForeign(bytes, port, source);
    this.#write(() => this.#log?.add(arrival, verdict));
    if (this.datagrams === this.#options.count) this.#end("count");
  }

  onError(error: unknown): void {
    this.failure ??= systemError(`cannot receive ${this.#endpoint.group}`, error);
    this.#end("fault");
  }

  /** Receives until something ends it, reports, and leaves the group. */
  async run(membership: Membership): Promise<RecvReport> {
    this.#membership = membership;
    this.#startMs = performance.now();
    const release = onStopSignals(() => this.#end("signal"));
    this.#armTimers();
    this.#sayJoined(membership);
    await this.#done.promise;
    release();
    for (const timer of this.#timers) clearInterval(timer);
    const report = this.#report();
    membership.leave();
    this.#write(() => this.#log?.close());
    this.#print(report, this.#options.json === true || this.#isLines);
    return report;
  }

  #sayJoined({ at, receiveBufferBytes }: Membership): void {
    const buffer = receiveBufferBytes === undefined ? "system's" : `${receiveBufferBytes} bytes`;
    console.error(`joined ${this.#endpoint.group} on ${at.name}`);
    console.error(`port ${this.#endpoint.port}, receive buffer: ${buffer}`);
  }

  #armTimers(): void {
    const { duration, idle, interval } = this.#options;
    const everyMs = (interval ?? 1) * 1000;
    if (duration !== undefined) {
      this.#timers.push(setTimeout(() => this.#end("time"), duration * 1000));
    }
    if (idle !== undefined) {
      const check = (): void => this.#checkIdle(idle * 1000);
      this.#timers.push(setInterval(check, Math.max(1, (idle * 1000) / idleChecksPerWait)));
    }
    if (interval !== undefined || this.#isLines) {
      this.#timers.push(setInterval(() => this.#print(this.#report(), this.#isLines), everyMs));
    }
  }

  #checkIdle(idleMs: number): void {
    if (this.#firstMs !== undefined && performance.now() - this.#lastMs >= idleMs)
      this.#end("time");
  }

  #end(ended: NonNullable<Receiver["ended"]>): void {
    this.ended ??= ended;
    this.#done.resolve();
  }

  /** The packet log's disk may be full: that ends the run, with its summary. */
  #write(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failure ??= systemError(`cannot write ${this.#options.write}`, error);
      this.#end("fault");
    }
  }

  #showForeign(bytes: Uint8Array, port: number, source: string): void {
    if (this.#options.json || this.#isLines || this.#foreignShown++ >= foreignShownMax) return;
    console.log(`${source} port ${port}: ${shownText(bytes)}`);
  }

  #report(): RecvReport {
    return recvReport({
      ...this.#endpoint,
      statistics: this.#statistics,
      joinToFirstMs: this.#firstMs === undefined ? undefined : this.#firstMs - this.#startMs,
      durationMs: performance.now() - this.#startMs,
      receiveBufferDrops: this.#membership?.receiveDrops(),
      // A copy: the digest goes on after an interval's line.
      sha256: this.#digest?.copy().digest("hex"),
    });
  }

  #print(report: RecvReport, isJson: boolean): void {
    console.log(isJson ? JSON.stringify(report) : reportText(report));
  }
}
