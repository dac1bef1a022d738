/**
 * The doctor of a host: what keeps FastCast from working here, each with figures and with what to
 * do. `host.ts`, `ask.ts` and `dial.ts` read facts and change nothing; everything else in this room
 * is pure: a judge takes facts and answers findings, also of what is well, so that silence never
 * means that nobody looked. What could not be read is no finding: it is named as unseen.
 */
export const severities = ["critical", "warning", "note", "well"] as const;

/** Critical: it does not work. Warning: some of it will not. Note: worth knowing. */
export type Severity = (typeof severities)[number];

export type Finding = {
  readonly severity: Severity;
  /** Stable; programs test it, people read the rest. */
  readonly code: string;
  /** An interface, a role, an address, or `host`. */
  readonly subject: string;
  readonly evidence: string;
  /** What to do; empty where all is well. */
  readonly fix: string;
};

export const well = (code: string, subject: string, evidence: string): Finding => ({
  severity: "well",
  code,
  subject,
  evidence,
  fix: "",
});

export const host = "host";
