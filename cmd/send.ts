/** `fastcast send`: test packets to a multicast group, paced, by plain UDP on any host. */
import { type Command, Option } from "commander";
import { familyOf } from "../src/base/address.ts";
import { Pace } from "../src/probe/pace.ts";
import { probeBytesMax, probeBytesMin, writeProbe } from "../src/wire/probe.ts";
import type { CommandError } from "./exit.ts";
import {
  type GroupEndpoint,
  type Interface,
  parseGroup,
  positiveNumber,
  wholeNumber,
} from "./multicast-options.ts";
import {
  anyAddress,
  codeOf,
  type ErrorHandler,
  epochMicros,
  interfaceFor,
  onStopSignals,
  systemError,
} from "./multicast-socket.ts";

type SendOptions = {
  rate: number;
  size: number;
  count?: number;
  duration?: number;
  ttl: number;
  interface?: string;
  sourcePort?: number;
  stream: number;
  loop: boolean;
  json?: boolean;
  interval?: number;
  jsonLines?: boolean;
  text?: string;
};

const help = `
Every packet carries its run, counter, send time and a checksum; "fastcast recv" counts from them
what was lost, doubled, reordered or changed, and how long it took. Without --count and --duration
it sends until it is interrupted (SIGINT or SIGTERM), with --text one packet. The summary goes to
stdout, a live line to stderr when that is a terminal.

Examples:
  $ fastcast send 239.1.2.3 --count 1000
  $ fastcast send 239.1.2.3:5001 --rate 20000 --size 1200 --duration 10 --interface eth1
  $ fastcast send [ff15::77]:5001 --interface eth1 --ttl 4 --json
  $ fastcast send 239.1.2.3 --text "hello, sites"`;

export function addSend(program: Command): void {
  program
    .command("send")
    .summary("send test packets to a multicast group")
    .description("Sends numbered test packets to a multicast group at a steady rate.")
    .argument("<group>", "GROUP or GROUP:PORT, [GROUP]:PORT for IPv6; port 5001", parseGroup)
    .option("--rate <pps>", "packets per second", positiveNumber(10_000_000), 100)
    .option("--size <bytes>", "UDP payload", wholeNumber(probeBytesMin, probeBytesMax), 200)
    .option("--count <n>", "stop after this many packets", wholeNumber(1, 2 ** 52))
    .option("--duration <seconds>", "stop after this time", positiveNumber(2_000_000))
    .option("--ttl <n>", "TTL or hop limit", wholeNumber(0, 255), 16)
    .option("--interface <name|address>", "send from here (default: the route to the group)")
    .option("--source-port <port>", "UDP source port (default: any)", wholeNumber(1, 65_535))
    .option("--stream <n>", "number that tells senders apart", wholeNumber(0, 0xffff_ffff), 0)
    .option("--no-loop", "do not deliver to receivers on this host")
    .option("--json", "print the summary as one JSON object")
    .option("--json-lines", "a JSON line per interval and at the end")
    .option("--interval <seconds>", "of --json-lines (default: 1)", positiveNumber(86_400))
    .addOption(
      new Option("--text <text>", "send this payload instead of test packets").conflicts("size"),
    )
    .addHelpText("after", help)
    .action(send);
}

async function send(endpoint: GroupEndpoint, options: SendOptions): Promise<void> {
  const at = await interfaceFor(endpoint, options.interface);
  let sender: Sender | undefined;
  const socket = await openSocket(endpoint, options, at, {
    error: (fault: unknown) => sender?.onError(fault),
    drain: () => sender?.onDrain(),
  });
  sender = new Sender(endpoint, options, socket); // its schedule starts here
  const summary = await sender.run();
  const isJson = options.json || options.jsonLines;
  console.log(isJson ? JSON.stringify(summary) : textOf(summary, at));
  if (sender.failure) throw sender.failure;
}

type SendSocket = Bun.udp.Socket<"buffer">;

async function openSocket(
  endpoint: GroupEndpoint,
  options: SendOptions,
  at: Interface,
  handlers: { readonly error: ErrorHandler; readonly drain: () => void },
): Promise<SendSocket> {
  try {
    const hostname = anyAddress(familyOf(endpoint.group));
    const port = options.sourcePort ?? 0;
    const socket = await Bun.udpSocket({ hostname, port, socket: handlers });
    socket.setMulticastInterface(at.id);
    socket.setMulticastTTL(options.ttl);
    socket.setMulticastLoopback(options.loop);
    return socket;
  } catch (error) {
    throw systemError(`cannot open a sending socket on ${at.name}`, error);
  }
}

type Summary = {
  group: string;
  port: number;
  run: number;
  stream: number;
  sent: number;
  bytes: number;
  forgone: number;
  retries: number;
  durationMs: number;
  packetsPerSecond: number;
};

/** Bun's batch call takes packet, port, address for each datagram. */
const batchPackets = 64;
const batchFields = 3;
/** A backlog older than this is forgone: the process stood still. */
const burstMs = 20;
/** When a batch was cut short: `drain` may never come (oven-sh/bun#42999). */
const retryMs = 1;
const liveIntervalMs = 500;

class Sender {
  readonly #endpoint: GroupEndpoint;
  readonly #options: SendOptions;
  readonly #socket: SendSocket;
  readonly #run = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  readonly #payloads: Uint8Array[];
  readonly #batches: readonly (readonly (Uint8Array | number | string)[])[];
  readonly #countMax: number;
  readonly #endMs: number;
  readonly #startMs = performance.now();
  readonly #pace: Pace;
  readonly #live = process.stderr.isTTY === true;
  readonly #done = Promise.withResolvers<void>();
  #timer: Timer | undefined;
  #counter = 0;
  #retries = 0;
  #liveAtMs = 0;
  #ended = false;
  failure: CommandError | undefined;

  constructor(endpoint: GroupEndpoint, options: SendOptions, socket: SendSocket) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#socket = socket;
    const { text, count, duration, rate } = options;
    const once = text !== undefined && duration === undefined ? 1 : Number.POSITIVE_INFINITY;
    this.#countMax = count ?? once;
    this.#endMs = this.#startMs + (duration ?? Number.POSITIVE_INFINITY) * 1000;
    const burstMax = Math.max(batchPackets, Math.ceil((rate * burstMs) / 1000));
    this.#pace = new Pace({ ratePps: rate, burstMax }, this.#startMs);
    const fixed = text === undefined ? undefined : new TextEncoder().encode(text);
    this.#payloads = Array.from(
      { length: batchPackets },
      () => fixed ?? new Uint8Array(new ArrayBuffer(options.size)),
    );
    const fields = this.#payloads.flatMap((bytes) => [bytes, endpoint.port, endpoint.group]);
    this.#batches = Array.from({ length: batchPackets + 1 }, (_, packets) =>
      fields.slice(0, packets * batchFields),
    );
  }

  /** Sends until the count, the time, a signal or a fault ends it. */
  async run(): Promise<Summary> {
    const release = onStopSignals(() => this.#end());
    const lines = this.#options.jsonLines ? this.#startLines() : undefined;
    this.#turn();
    await this.#done.promise;
    clearInterval(lines);
    release();
    if (this.#live) process.stderr.write("\r\x1b[K");
    this.#socket.close();
    return this.#summary();
  }

  #startLines(): Timer {
    const everyMs = (this.#options.interval ?? 1) * 1000;
    return setInterval(() => console.log(JSON.stringify(this.#summary())), everyMs);
  }

  onDrain(): void {
    this.#turn();
  }

  /** Sends what is due, then sleeps until the next packet is due or room may have come. */
  #turn(): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    if (nowMs >= this.#endMs) {
      this.#end();
      return;
    }
    const complete = this.#sendDue(Math.min(this.#pace.due(nowMs), this.#left()));
    if (this.#left() === 0) this.#end();
    if (this.#ended) return;
    if (!complete) this.#retries++;
    const wakeMs = complete ? Math.min(this.#pace.nextDueMs(), this.#endMs) : nowMs + retryMs;
    this.#timer = setTimeout(() => this.#turn(), Math.max(0, wakeMs - performance.now()));
    if (this.#live) this.#showLive(nowMs);
  }

  #left(): number {
    return this.#countMax - this.#counter;
  }

  /** False when the kernel took less than that; what it left is written anew next turn. */
  #sendDue(due: number): boolean {
    for (let left = due; left > 0;) {
      const packets = Math.min(left, batchPackets);
      if (this.#options.text === undefined) this.#stamp(packets);
      const sent = this.#sendBatch(packets);
      this.#counter += sent;
      this.#pace.onSent(sent);
      left -= sent;
      if (sent < packets) return false;
    }
    return true;
  }

  #stamp(packets: number): void {
    const sentMicros = epochMicros();
    for (let i = 0; i < packets; i++) {
      const probe = {
        run: this.#run,
        stream: this.#options.stream,
        counter: this.#counter + i,
        sentMicros,
      };
      writeProbe(this.#payloads[i] as Uint8Array, probe);
    }
  }

  #sendBatch(packets: number): number {
    try {
      return this.#socket.sendMany(this.#batches[packets] ?? []);
    } catch (error) {
      // A full queue of the interface comes as an error (oven-sh/bun#37092): later, then.
      if (codeOf(error) !== "ENOBUFS" && codeOf(error) !== "EAGAIN") this.onError(error);
      return 0;
    }
  }

  onError(error: unknown): void {
    this.failure ??= systemError(`cannot send to ${this.#endpoint.group}`, error);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#done.resolve();
  }

  #showLive(nowMs: number): void {
    if (nowMs - this.#liveAtMs < liveIntervalMs) return;
    this.#liveAtMs = nowMs;
    const { sent, packetsPerSecond } = this.#summary();
    process.stderr.write(
      `\r\x1b[K${sent} packets sent, ${Math.round(packetsPerSecond)} per second`,
    );
  }

  #summary(): Summary {
    const durationMs = Math.round(performance.now() - this.#startMs);
    return {
      group: this.#endpoint.group,
      port: this.#endpoint.port,
      run: this.#run,
      stream: this.#options.stream,
      sent: this.#counter,
      bytes: this.#counter * (this.#payloads[0] as Uint8Array).length,
      forgone: this.#pace.forgone,
      retries: this.#retries,
      durationMs,
      packetsPerSecond: Math.round((this.#counter * 1_000_000) / Math.max(1, durationMs)) / 1000,
    };
  }
}

function textOf(summary: Summary, at: Interface): string {
  const seconds = (summary.durationMs / 1000).toFixed(1);
  const lines = [
    `${summary.sent} packets (${summary.bytes} bytes) to ${summary.group} port ${summary.port} ` +
      `on ${at.name} in ${seconds} s, ${Math.round(summary.packetsPerSecond)} per second`,
  ];
  if (summary.forgone > 0) {
    lines.push(
      `${summary.forgone} places of the schedule passed: this host is too slow for --rate`,
    );
  }
  return lines.join("\n");
}
