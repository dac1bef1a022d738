/** What the doctor found, as text for people, as one object, and as monitoring plugins have it. */
import type { Unseen } from "./facts.ts";
import { type Finding, type Severity, severities } from "./finding.ts";

export type Examination = {
  readonly findings: readonly Finding[];
  readonly unseen: readonly Unseen[];
};

/** How a word of this severity is marked on a terminal. */
export type Mark = (severity: Severity, text: string) => string;

export const countOf = (findings: readonly Finding[], severity: Severity): number =>
  findings.filter((finding) => finding.severity === severity).length;

/** The worst severity found; `well` when nothing was. */
export const worstOf = (findings: readonly Finding[]): Severity =>
  severities.find((severity) => countOf(findings, severity) > 0) ?? "well";

export function reportText(
  { findings, unseen }: Examination,
  { isVerbose, mark }: { readonly isVerbose: boolean; readonly mark: Mark },
): string {
  const shown = severities.filter((severity) => severity !== "well" || isVerbose);
  const groups = shown.flatMap((severity) => {
    const these = findings.filter((finding) => finding.severity === severity);
    return these.length === 0 ? [] : ["", mark(severity, severity), ...these.flatMap(lines)];
  });
  const missed = unseen.map(({ what, why }) => `  ${what}: ${why}`);
  const blind = missed.length === 0 ? [] : ["", "not seen", ...missed];
  return [...groups, ...blind, "", summary(findings)].join("\n").replace(/^\n/, "");
}

const lines = ({ severity, code, subject, evidence, fix }: Finding): string[] =>
  severity === "well"
    ? [`  ${subject}: ${evidence}`]
    : [`  ${code} ${subject}`, `    ${evidence}`, `    fix: ${fix}`];

/** `1 critical, 2 warnings, 1 note, 9 well` */
export function summary(findings: readonly Finding[]): string {
  const words = severities.map((severity) => {
    const count = countOf(findings, severity);
    const hasPlural = severity === "warning" || severity === "note";
    return `${count} ${severity}${hasPlural && count !== 1 ? "s" : ""}`;
  });
  return words.join(", ");
}

/** One document, in which `well` findings stand only when asked for. */
export function reportObject(
  { findings, unseen }: Examination,
  { isVerbose }: { readonly isVerbose: boolean },
): object {
  const counts = severities.map((severity) => [severity, countOf(findings, severity)]);
  return {
    ok: worstOf(findings) !== "critical",
    worst: worstOf(findings),
    counts: Object.fromEntries(counts),
    findings: findings.filter(({ severity }) => isVerbose || severity !== "well"),
    unseen,
  };
}

const states = { critical: "CRITICAL", warning: "WARNING", note: "OK", well: "OK" } as const;

/** The first line with its figures, then one line each (Monitoring Plugins Guidelines §2.1). */
export function nagiosText({ findings }: Examination): string {
  const figures = severities.map((severity) => `${severity}=${countOf(findings, severity)}`);
  const state = states[worstOf(findings)];
  const first = `FASTCAST ${state} - ${summary(findings)} | ${figures.join(" ")}`;
  const rest = findings
    .filter(({ severity }) => severity === "critical" || severity === "warning")
    .map(
      ({ severity, code, subject, evidence, fix }) =>
        `${severity} ${code} ${subject}: ${evidence}. Fix: ${fix}`,
    );
  // A bar would begin figures.
  return [first, ...rest.map((line) => line.replaceAll("|", "/"))].join("\n");
}
