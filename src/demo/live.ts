/** The demo while packets flow, as plain values: what is sent, what arrives, what happens. Pure. */
import type { ReceiverReport } from "./verdict.ts";

/** One site while packets flow; null where there is nothing to say yet. */
export type LiveLine = {
  readonly site: string;
  readonly member: "sends" | "yes" | "not yet" | "left";
  readonly sent: number | null;
  readonly received: number | null;
  readonly lost: number | null;
  readonly duplicated: number | null;
  readonly reordered: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
};

export type Scene = {
  readonly elapsedMs: number;
  readonly durationMs: number;
  readonly headline: string;
  readonly lines: readonly LiveLine[];
  /** `atMs` of those that have happened. */
  readonly events: readonly { readonly atMs: number | undefined; readonly title: string }[];
  readonly words: string;
};

/** A site that came later is owed what was sent from its first packet on, one that left no more. */
export function liveLine(
  site: string,
  member: LiveLine["member"],
  report: ReceiverReport | undefined,
  sent: number,
): LiveLine {
  if (member === "sends") return { ...emptyLine, site, member, sent };
  const line = report?.senders[0];
  if (!line) return { ...emptyLine, site, member };
  const { received, lost, duplicated, reordered } = line;
  const { p50, p99 } = line.latencyMs;
  const end = member === "left" ? line.last + 1 : sent;
  return {
    site,
    member,
    sent: Math.max(received, end - line.first),
    received,
    lost,
    duplicated,
    reordered,
    p50Ms: p50,
    p99Ms: p99,
  };
}

const emptyLine = {
  sent: null,
  received: null,
  lost: null,
  duplicated: null,
  reordered: null,
  p50Ms: null,
  p99Ms: null,
} as const;
