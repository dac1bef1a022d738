/** What the demo shows people: a scene while it runs, a summary at the end. Pure text. */
import type { LiveLine, Scene } from "./live.ts";
import { type Claim, grouped, type SiteLine, type Verdict } from "./verdict.ts";

/** How text is marked; the identity where there is no colour. */
export type Paint = Readonly<Record<"bold" | "dim" | "good" | "bad" | "busy", Mark>>;
type Mark = (text: string) => string;

const sgr =
  (code: number): Mark =>
  (text) =>
    `\x1b[${code}m${text}\x1b[0m`;
const plainMark: Mark = (text) => text;

export const colours: Paint = {
  bold: sgr(1),
  dim: sgr(2),
  good: sgr(32),
  bad: sgr(31),
  busy: sgr(36),
};
export const noColours: Paint = {
  bold: plainMark,
  dim: plainMark,
  good: plainMark,
  bad: plainMark,
  busy: plainMark,
};

const barWidth = 60;

/** The picture that is redrawn in place; it has always the same number of lines. */
export function sceneLines(scene: Scene, paint: Paint): string[] {
  const { elapsedMs, durationMs, headline, lines, events, words } = scene;
  const latest = events.findLastIndex(({ atMs }) => atMs !== undefined);
  return [
    paint.bold(headline),
    "",
    ...columns(
      ["SITE", "MEMBER", "SENT", "RECEIVED", "LOST", "DOUBLED", "REORDERED", "P50 ms", "P99 ms"],
      lines.map((line) => liveCells(line, paint)),
      paint,
    ),
    "",
    ...events.map(({ atMs, title }, i) => {
      const mark = i === latest ? paint.busy : atMs === undefined ? paint.dim : plainMark;
      return `${secondsOf(atMs).padStart(8)}  ${mark(title)}`;
    }),
    "",
    `${bar(elapsedMs / durationMs, paint)} ${secondsOf(elapsedMs)} of ${secondsOf(durationMs)}`,
    words,
  ];
}

const secondsOf = (ms: number | undefined): string =>
  ms === undefined ? "" : `${(ms / 1000).toFixed(1)} s`;

function bar(share: number, paint: Paint): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return `[${paint.good("#".repeat(full))}${paint.dim("-".repeat(barWidth - full))}]`;
}

function liveCells(line: LiveLine, paint: Paint): Cell[] {
  const { site, member, sent, received } = line;
  const faults = [line.lost, line.duplicated, line.reordered].map((count) =>
    faultCell(count, paint),
  );
  return [
    { text: site },
    { text: member, ...(member === "yes" && { mark: paint.good }) },
    { text: countText(sent) },
    { text: countText(received) },
    ...faults,
    { text: millisText(line.p50Ms) },
    { text: millisText(line.p99Ms) },
  ];
}

/** One line a second where nothing can be redrawn. */
export function progressLine({ elapsedMs, lines }: Scene): string {
  const sites = lines.map(({ site, sent, received, lost }) => {
    if (received === null) return `${site} ${sent === null ? "-" : `sent ${grouped(sent)}`}`;
    return `${site} ${grouped(received)}${lost ? ` (${grouped(lost)} lost)` : ""}`;
  });
  return `${secondsOf(elapsedMs).padStart(7)}  ${sites.join(", ")}`;
}

/** The last word: the table, what was proved or not, and the result. */
export function summaryText(verdict: Verdict, paint: Paint): string {
  const { ok, sent, sites, claims } = verdict;
  const failed = claims.filter(({ holds }) => !holds).length;
  const result = ok
    ? paint.good("ok: every packet arrived where it should, once and in order, and nowhere else")
    : paint.bad(`failed: ${failed} of ${claims.length} claims do not hold`);
  return [
    ...columns(
      [
        "SITE",
        "MEMBER",
        "EXPECTED",
        "RECEIVED",
        "LOST",
        "DOUBLED",
        "REORDERED",
        "P50 ms",
        "P99 ms",
      ],
      sites.map((line) => summaryCells(line, paint)),
      paint,
    ),
    "",
    `What the ${grouped(sent)} packets showed:`,
    ...claims.map((one) => claimLine(one, paint)),
    "",
    result,
  ].join("\n");
}

function summaryCells(line: SiteLine, paint: Paint): Cell[] {
  const { site, member, expected, received, lost, duplicated, reordered, latencyMs } = line;
  return [
    { text: site },
    { text: member ? "yes" : "no" },
    { text: grouped(expected) },
    { text: grouped(received) },
    ...[lost, duplicated, reordered].map((count) => faultCell(count, paint)),
    { text: millisText(latencyMs.p50) },
    { text: millisText(latencyMs.p99) },
  ];
}

const claimLine = ({ holds, text }: Claim, paint: Paint): string =>
  `  ${holds ? paint.good("yes") : paint.bad("NO ")}  ${text}`;

type Cell = { readonly text: string; readonly mark?: Mark };

const faultCell = (count: number | null, paint: Paint): Cell => ({
  text: countText(count),
  ...(count ? { mark: paint.bad } : {}),
});

const countText = (count: number | null): string => (count === null ? "-" : grouped(count));

const millisText = (ms: number | null): string => (ms === null ? "-" : ms.toFixed(2));

/** The first two columns are words, the rest numbers: to the left and to the right. */
function columns(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): string[] {
  const lines: (readonly Cell[])[] = [head.map((text) => ({ text, mark: paint.dim })), ...rows];
  const widths = head.map((title, i) =>
    Math.max(minimum(i, title), ...lines.map((line) => line[i]?.text.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map(({ text, mark = plainMark }, i) => {
        const fill = " ".repeat((widths[i] ?? 0) - text.length);
        return i < 2 ? mark(text) + fill : fill + mark(text);
      })
      .join("  "),
  );
}

/** Columns do not widen while their numbers grow. */
const minimum = (column: number, title: string): number =>
  Math.max(title.length, column === 1 ? "not yet".length : 0, column > 6 ? "100.00".length : 0);
