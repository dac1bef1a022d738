import type { Observed, ReceiverReport, SenderLine } from "../../src/demo/verdict.ts";

export const leftAtMs = Date.parse("2026-01-01T00:00:10Z");

export const line = (change: Partial<SenderLine> = {}): SenderLine => ({
  source: "192.0.2.11",
  run: 7,
  first: 0,
  last: 999,
  received: 1_000,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  late: 0,
  corrupted: 0,
  lastAt: "2026-01-01T00:00:09.990000Z",
  latencyMs: { p50: 0.25, p99: 1.5 },
  ...change,
});

export const report = (change: Partial<SenderLine> = {}): ReceiverReport => ({
  senders: [line(change)],
  joinToFirstMs: 30,
});

const member: Partial<SenderLine> = { first: 300, last: 699, received: 400 };

/** A run without a fault. */
export const good: Observed = {
  sender: { site: "site1", source: "192.0.2.11", report: { run: 7, sent: 1_000 } },
  framesBack: 0,
  steady: [
    { site: "site2", report: report() },
    { site: "site3", report: report() },
  ],
  guest: {
    site: "site4",
    report: report(member),
    framesBefore: 0,
    leftAtMs,
    stoppedAfterMs: 2_600,
    stopSeen: true,
  },
  outage: { durationMs: 3_000, sent: 300 },
};

/** That run with one thing changed at site2. */
export const atSite2 = (change: Partial<SenderLine>): Observed => ({
  ...good,
  steady: [{ site: "site2", report: report(change) }, ...good.steady.slice(1)],
});

/** That run with one thing changed at the site that comes and goes. */
export const atSite4 = (
  change: Partial<SenderLine>,
  guest: Partial<Observed["guest"]> = {},
): Observed => ({
  ...good,
  guest: { ...good.guest, report: report({ ...member, ...change }), ...guest },
});
