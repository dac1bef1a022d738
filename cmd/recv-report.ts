/** What `fastcast recv` says: the JSON object, the text for people, the line per datagram. */
import { closeSync, openSync, writeSync } from "node:fs";
import type {
  Arrival,
  SenderReport,
  Statistics,
  Totals,
  Verdict,
} from "../src/probe/statistics.ts";
import { isForeign, probeCounter, probeFault, probeRun, probeStream } from "../src/wire/probe.ts";

type SenderLine = Omit<SenderReport, "firstMicros" | "lastMicros"> & {
  /** RFC 3339. */
  readonly firstAt: string;
  readonly lastAt: string;
};

export type RecvReport = Totals & {
  readonly group: string;
  readonly port: number;
  readonly senders: readonly SenderLine[];
  /** What the kernel dropped at this socket, part of the lost; null where it does not say. */
  readonly receiveBufferDrops: number | null;
  readonly joinToFirstMs: number | null;
  readonly durationMs: number;
  readonly sha256?: string;
};

export type RecvFacts = {
  readonly group: string;
  readonly port: number;
  readonly statistics: Statistics;
  readonly joinToFirstMs: number | undefined;
  readonly durationMs: number;
  readonly receiveBufferDrops: number | undefined;
  readonly sha256: string | undefined;
};

export function recvReport(facts: RecvFacts): RecvReport {
  return {
    group: facts.group,
    port: facts.port,
    senders: facts.statistics.senders().map(senderLine),
    ...facts.statistics.totals(),
    receiveBufferDrops: facts.receiveBufferDrops ?? null,
    joinToFirstMs: facts.joinToFirstMs === undefined ? null : rounded(facts.joinToFirstMs),
    durationMs: Math.round(facts.durationMs),
    ...(facts.sha256 === undefined ? {} : { sha256: facts.sha256 }),
  };
}

function senderLine({ firstMicros, lastMicros, ...sender }: SenderReport): SenderLine {
  return { ...sender, firstAt: rfc3339(firstMicros), lastAt: rfc3339(lastMicros) };
}

export function reportText(report: RecvReport): string {
  const { receiveBufferDrops, sha256 } = report;
  const lines = report.senders.flatMap(senderText);
  lines.push(
    `total: ${countsText(report)}, ${report.foreign} foreign in ` +
      `${(report.durationMs / 1000).toFixed(1)} s`,
  );
  if (report.joinToFirstMs === null) lines.push("nothing came");
  else lines.push(`join to first packet: ${report.joinToFirstMs} ms`);
  if (receiveBufferDrops) {
    lines.push(`${receiveBufferDrops} of the lost were dropped by this host: receive buffer full`);
  }
  if (report.refused > 0) lines.push(`${report.refused} packets of too many senders not counted`);
  if (sha256) lines.push(`sha256 ${sha256}`);
  return lines.join("\n");
}

function senderText(sender: SenderLine): string[] {
  const { min, p50, p90, p99, max } = sender.latencyMs;
  const lines = [
    `${sender.source} port ${sender.port} run ${sender.run} stream ${sender.stream}: ` +
      `${countsText(sender)}; ${Math.round(sender.packetsPerSecond)} per second`,
    `  latency ms: p50 ${p50}, p90 ${p90}, p99 ${p99}, max ${max}`,
  ];
  if (min < 0) lines.push(`  the clocks differ: the least latency is ${min} ms`);
  return lines;
}

const countsText = (of: Totals | SenderLine): string =>
  `${of.received} received, ${of.lost} lost, ${of.duplicated} duplicated, ` +
  `${of.reordered} reordered, ${of.corrupted} corrupted` +
  (of.late > 0 ? `, ${of.late} too late to judge` : "");

const shownTextMax = 200;

/** The payload of another program, fit for a terminal: no control characters, bounded. */
export function shownText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, shownTextMax));
  const shown = text.replace(/[\p{C}\ufffd]/gu, ".");
  return bytes.length > shownTextMax ? `${shown}… (${bytes.length} bytes)` : shown;
}

const bufferedCharsMax = 256 * 1024;

/** The oracle's file: one JSON line per datagram. Its calls throw what the disk says. */
export class PacketLog {
  readonly #fd: number;
  #buffered = "";

  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  add(arrival: Arrival, verdict: Verdict): void {
    this.#buffered += packetLine(arrival, verdict);
    if (this.#buffered.length >= bufferedCharsMax) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#buffered);
    this.#buffered = "";
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
  }
}

function packetLine({ source, port, bytes, atMicros }: Arrival, verdict: Verdict): string {
  const fault = probeFault(bytes);
  const named =
    fault !== undefined && isForeign(fault)
      ? {}
      : { run: probeRun(bytes), stream: probeStream(bytes), counter: probeCounter(bytes) };
  const at = rfc3339(atMicros);
  return `${JSON.stringify({ at, source, port, ...named, bytes: bytes.length, verdict })}\n`;
}

/** RFC 3339 with microseconds. */
function rfc3339(micros: number): string {
  const fraction = String(micros % 1_000_000).padStart(6, "0");
  return new Date(micros / 1000).toISOString().replace(/\.\d{3}Z$/, `.${fraction}Z`);
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
