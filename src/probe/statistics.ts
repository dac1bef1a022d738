/**
 * What came of test packets, exact to the packet and per sender: source address, source port, run
 * and stream. Each datagram has one verdict:
 *
 * - `next`, `reordered` (RFC 4737 §3): received, the first with its counter;
 * - `duplicate`: its counter was received before;
 * - `late`: 65,536 or more behind the newest, too old to tell apart from a duplicate. It is counted
 *   here only, so a late packet that was no duplicate stays among the lost;
 * - `corrupted`: ours once, bytes changed on the way. It does not count as received, so it is among
 *   the lost too. It counts for the sender that its header names if that sender is known, and in
 *   the total always;
 * - `foreign`: never one of our payloads; `refused`: more senders than the table holds.
 *
 * lost = expected − received, where expected is the span of the counters seen unless the caller
 * was told how many each sender sends. Packets lost before the first or after the last one seen
 * show only when it was told. It never reads a clock, a socket or a file.
 */
import {
  isForeign,
  probeCounter,
  probeFault,
  probeRun,
  probeSentMicros,
  probeStream,
} from "../wire/probe.ts";
import { CounterWindow } from "./counter-window.ts";
import { Latencies } from "./latencies.ts";

export const sendersMax = 1_024;

export type Verdict =
  "next" | "reordered" | "duplicate" | "late" | "corrupted" | "foreign" | "refused";

/** One sender as it is reported; `bytes` are the UDP payloads of received packets. */
export type SenderReport = {
  readonly source: string;
  readonly port: number;
  readonly run: number;
  readonly stream: number;
  /** The lowest and the highest counter received. */
  readonly first: number;
  readonly last: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly late: number;
  readonly corrupted: number;
  readonly bytes: number;
  readonly packetsPerSecond: number;
  /** When the first and the last packet was received, microseconds since the epoch. */
  readonly firstMicros: number;
  readonly lastMicros: number;
  readonly latencyMs: {
    readonly min: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
};

/** Sums over all senders, and what belongs to none. */
export type Totals = {
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly late: number;
  readonly corrupted: number;
  readonly foreign: number;
  readonly refused: number;
  readonly bytes: number;
};

/** A payload as it arrived; `atMicros` is the receiver's time in microseconds since the epoch. */
export type Arrival = {
  readonly source: string;
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly atMicros: number;
};

export class Statistics {
  readonly #expected: number | undefined;
  readonly #senders = new Map<string, Sender>();
  /** The sender of the packet before, which is most often that of the next. */
  #latest: Sender | undefined;
  #datagrams = 0;
  #corrupted = 0;
  #foreign = 0;
  #refused = 0;

  /** @param expected how many packets each sender sends, where that is known */
  constructor(expected?: number) {
    this.#expected = expected;
  }

  /** Everything that came, whatever the verdict. */
  get datagrams(): number {
    return this.#datagrams;
  }

  onArrival(arrival: Arrival): Verdict {
    this.#datagrams++;
    const fault = probeFault(arrival.bytes);
    if (fault === undefined) return this.#onProbe(arrival);
    if (isForeign(fault)) {
      this.#foreign++;
      return "foreign";
    }
    this.#corrupted++;
    const sender = this.#known(arrival);
    if (sender) sender.corrupted++;
    return "corrupted";
  }

  senders(): SenderReport[] {
    return [...this.#senders.values()].map((sender) => sender.report(this.#expected));
  }

  totals(): Totals {
    const senders = this.senders();
    const sum = (of: (sender: SenderReport) => number): number =>
      senders.reduce((total, sender) => total + of(sender), 0);
    return {
      received: sum((sender) => sender.received),
      lost: senders.length === 0 ? (this.#expected ?? 0) : sum((sender) => sender.lost),
      duplicated: sum((sender) => sender.duplicated),
      reordered: sum((sender) => sender.reordered),
      late: sum((sender) => sender.late),
      corrupted: this.#corrupted,
      foreign: this.#foreign,
      refused: this.#refused,
      bytes: sum((sender) => sender.bytes),
    };
  }

  #onProbe(arrival: Arrival): Verdict {
    const sender = this.#known(arrival) ?? this.#admit(arrival);
    if (!sender) {
      this.#refused++;
      return "refused";
    }
    this.#latest = sender;
    return sender.onProbe(arrival.bytes, arrival.atMicros);
  }

  #known(arrival: Arrival): Sender | undefined {
    if (this.#latest?.sent(arrival)) return this.#latest;
    return this.#senders.get(keyOf(arrival));
  }

  #admit(arrival: Arrival): Sender | undefined {
    if (this.#senders.size === sendersMax) return undefined;
    const sender = new Sender(arrival);
    this.#senders.set(keyOf(arrival), sender);
    return sender;
  }
}

const keyOf = ({ source, port, bytes }: Arrival): string =>
  `${source} ${port} ${probeRun(bytes)} ${probeStream(bytes)}`;

class Sender {
  readonly #source: string;
  readonly #port: number;
  readonly #run: number;
  readonly #stream: number;
  readonly #window = new CounterWindow();
  readonly #latencies = new Latencies();
  readonly #firstMicros: number;
  #lastMicros: number;
  #first: number;
  #last: number;
  #received = 0;
  #duplicated = 0;
  #reordered = 0;
  #late = 0;
  #bytes = 0;
  corrupted = 0;

  /** Of its first good packet, which `onProbe` is given next. */
  constructor({ source, port, bytes, atMicros }: Arrival) {
    this.#source = source;
    this.#port = port;
    this.#run = probeRun(bytes);
    this.#stream = probeStream(bytes);
    this.#firstMicros = atMicros;
    this.#lastMicros = atMicros;
    this.#first = probeCounter(bytes);
    this.#last = this.#first;
  }

  sent({ source, port, bytes }: Arrival): boolean {
    return (
      port === this.#port &&
      source === this.#source &&
      probeRun(bytes) === this.#run &&
      probeStream(bytes) === this.#stream
    );
  }

  onProbe(bytes: Uint8Array, atMicros: number): "next" | "reordered" | "duplicate" | "late" {
    const counter = probeCounter(bytes);
    const seen = this.#window.see(counter);
    if (seen === "late") this.#late++;
    else if (seen === "duplicate") this.#duplicated++;
    else {
      if (seen === "reordered") this.#reordered++;
      this.#first = Math.min(this.#first, counter);
      this.#last = Math.max(this.#last, counter);
      this.#onReceived(bytes, atMicros);
    }
    return seen;
  }

  #onReceived(bytes: Uint8Array, atMicros: number): void {
    this.#received++;
    this.#bytes += bytes.length;
    this.#lastMicros = atMicros;
    this.#latencies.add(atMicros - probeSentMicros(bytes));
  }

  report(expected: number | undefined): SenderReport {
    const sentPackets = expected ?? this.#last - this.#first + 1;
    return {
      source: this.#source,
      port: this.#port,
      run: this.#run,
      stream: this.#stream,
      first: this.#first,
      last: this.#last,
      received: this.#received,
      lost: Math.max(0, sentPackets - this.#received),
      duplicated: this.#duplicated,
      reordered: this.#reordered,
      late: this.#late,
      corrupted: this.corrupted,
      bytes: this.#bytes,
      packetsPerSecond: this.#packetsPerSecond(),
      firstMicros: this.#firstMicros,
      lastMicros: this.#lastMicros,
      latencyMs: this.#latencyMs(),
    };
  }

  #packetsPerSecond(): number {
    const spanMicros = this.#lastMicros - this.#firstMicros;
    return spanMicros > 0 ? rounded(((this.#received - 1) * 1e6) / spanMicros) : 0;
  }

  #latencyMs(): SenderReport["latencyMs"] {
    const latencies = this.#latencies;
    const quantileMs = (share: number): number => rounded(latencies.quantileMicros(share) / 1000);
    return {
      min: rounded(latencies.minMicros / 1000),
      p50: quantileMs(0.5),
      p90: quantileMs(0.9),
      p99: quantileMs(0.99),
      max: rounded(latencies.maxMicros / 1000),
    };
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
