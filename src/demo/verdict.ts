/**
 * The demo's verdict: from what sender, receivers and Routers reported to lines per site, and to
 * claims that hold or do not. Pure. It forgives nothing: one packet lost, doubled or out of order,
 * or one where it should not be, and the demo has failed.
 */
import { firstPacketMsMax, stopMsMax } from "./timeline.ts";

/** The parts of `fastcast recv --json` that count here. */
export type ReceiverReport = {
  readonly senders: readonly SenderLine[];
  readonly joinToFirstMs: number | null;
};

export const noReport: ReceiverReport = { senders: [], joinToFirstMs: null };

export type SenderLine = {
  readonly source: string;
  readonly run: number;
  readonly first: number;
  readonly last: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Too old to be told from a duplicate; counts as one here. */
  readonly late: number;
  readonly corrupted: number;
  /** RFC 3339. */
  readonly lastAt: string;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
};

/** The parts of `fastcast send --json` that count here. */
export type SendReport = { readonly run: number; readonly sent: number };

export type Observed = {
  readonly sender: { readonly site: string; readonly source: string; readonly report: SendReport };
  /** Frames that came back to the sender's site. */
  readonly framesBack: number;
  readonly steady: readonly { readonly site: string; readonly report: ReceiverReport }[];
  readonly guest: Guest;
  /** While the Manager was dead. */
  readonly outage: { readonly durationMs: number; readonly sent: number };
};

/** The site that joins while packets flow, and leaves again. */
export type Guest = {
  readonly site: string;
  readonly report: ReceiverReport;
  readonly framesBefore: number;
  /** Milliseconds since the epoch. */
  readonly leftAtMs: number;
  /** From the leave to the last frame that reached its Router; 0 when none did. */
  readonly stoppedAfterMs: number;
  /** The stream still flowed when nothing came any more. */
  readonly stopSeen: boolean;
};

export type SiteLine = {
  readonly site: string;
  readonly member: boolean;
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  /** The lowest and the highest counter that came; counters begin at 0. */
  readonly first: number | null;
  readonly last: number | null;
};

export type Claim = { readonly holds: boolean; readonly text: string };

export type Verdict = {
  readonly ok: boolean;
  readonly sent: number;
  readonly sites: readonly SiteLine[];
  readonly claims: readonly Claim[];
};

/** A receiver that leaves has had packets until shortly before. */
const lastPacketMsMax = 1_000;

export function verdictOf(observed: Observed): Verdict {
  const { sender, steady, guest, framesBack } = observed;
  const { sent } = sender.report;
  const steadyLines = steady.map(({ site, report }) => lineOf(site, sent, only(report, sender)));
  const guestLine = lineOf(guest.site, spanOf(guest, sender), only(guest.report, sender));
  const claims = [
    ...steady.map(({ site, report }, i) => {
      const line = steadyLines[i] as SiteLine;
      return completeness(`${site}/host1`, line, report, sender);
    }),
    ...guestClaims(guest, guestLine, sender),
    outageClaim(observed.outage, steadyLines),
    claim(
      framesBack === 0,
      `no packet came back to ${sender.site}`,
      () => `${framesBack} packets came back to ${sender.site}, where they were sent`,
    ),
  ];
  return {
    ok: claims.every(({ holds }) => holds),
    sent,
    sites: [senderLine(sender.site, framesBack), ...steadyLines, guestLine],
    claims,
  };
}

/** Nothing is expected at the sender's own site: its hosts hear one another without FastCast. */
const senderLine = (site: string, framesBack: number): SiteLine => ({
  ...lineOf(site, 0, undefined),
  member: false,
  received: framesBack,
});

function lineOf(site: string, expected: number, from: SenderLine | undefined): SiteLine {
  const received = from?.received ?? 0;
  return {
    site,
    member: true,
    expected,
    received,
    lost: Math.max(0, expected - received),
    duplicated: (from?.duplicated ?? 0) + (from?.late ?? 0),
    reordered: from?.reordered ?? 0,
    latencyMs: { p50: from?.latencyMs.p50 ?? null, p99: from?.latencyMs.p99 ?? null },
    first: from?.first ?? null,
    last: from?.last ?? null,
  };
}

const only = (report: ReceiverReport, { report: { run } }: Observed["sender"]) =>
  report.senders.find((line) => line.run === run);

function spanOf({ report }: Guest, sender: Observed["sender"]): number {
  const line = only(report, sender);
  return line ? line.last - line.first + 1 : 0;
}

function completeness(
  who: string,
  line: SiteLine,
  report: ReceiverReport,
  sender: Observed["sender"],
  during = "",
): Claim {
  const faults = [
    ...count(line.lost, "lost"),
    ...count(line.received - line.expected, "more than were sent"),
    ...count(line.duplicated, "doubled"),
    ...count(line.reordered, "out of order"),
    ...count(only(report, sender)?.corrupted ?? 0, "changed on the way"),
    ...report.senders
      .filter(({ run, source }) => run !== sender.report.run || source !== sender.source)
      .map(({ source }) => `some from ${source} instead of ${sender.source}`),
  ];
  const isNothing = line.expected === 0 || line.received === 0;
  return claim(
    !isNothing && faults.length === 0,
    `${who} received all ${grouped(line.expected)} packets${during}, each once and in order`,
    () =>
      `${who}: of ${grouped(line.expected)} packets${during} ${faults.join(", ") || "none came"}`,
  );
}

const count = (packets: number, what: string): string[] =>
  packets > 0 ? [`${grouped(packets)} ${what}`] : [];

function guestClaims(guest: Guest, line: SiteLine, sender: Observed["sender"]): Claim[] {
  const { site, report, framesBefore, leftAtMs, stoppedAfterMs, stopSeen } = guest;
  const firstMs = report.joinToFirstMs ?? Number.POSITIVE_INFINITY;
  const lastAt = only(report, sender)?.lastAt;
  const silentMs = lastAt === undefined ? Number.POSITIVE_INFINITY : leftAtMs - Date.parse(lastAt);
  return [
    claim(
      framesBefore === 0,
      `${site} got nothing before it joined`,
      () => `${site} had no member, yet its Router got ${grouped(framesBefore)} packets`,
    ),
    claim(
      firstMs <= firstPacketMsMax,
      `${site}/host1 had its first packet ${milliseconds(firstMs)} after it joined`,
      () => `${site}/host1 waited ${milliseconds(firstMs)} for its first packet`,
    ),
    completeness(`${site}/host1`, line, report, sender, " while it was a member"),
    claim(
      silentMs <= lastPacketMsMax,
      `${site}/host1 had packets until it left`,
      () => `${site}/host1 had its last packet ${milliseconds(silentMs)} before it left`,
    ),
    claim(
      stopSeen && stoppedAfterMs <= stopMsMax,
      `${site} got nothing any more ${milliseconds(stoppedAfterMs)} after its host had left`,
      () => `${site} still got packets ${milliseconds(stoppedAfterMs)} after its host had left`,
    ),
  ];
}

function outageClaim({ durationMs, sent }: Observed["outage"], lines: readonly SiteLine[]): Claim {
  const meanwhile = `${grouped(sent)} packets sent in the ${milliseconds(durationMs)}`;
  return claim(
    sent > 0 && lines.every(({ lost }) => lost === 0),
    `${meanwhile} without a Manager arrived as well`,
    () => `${meanwhile} without a Manager did not show that packets flow on`,
  );
}

const claim = (holds: boolean, text: string, otherwise: () => string): Claim => ({
  holds,
  text: holds ? text : otherwise(),
});

/** 12,345 */
export const grouped = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");

export function milliseconds(value: number): string {
  if (!Number.isFinite(value)) return "for ever";
  return value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${Math.round(value)} ms`;
}
