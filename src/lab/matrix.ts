/**
 * Delays between places, read from files: our own CSV, ping tables of cloud regions (`.dat`, one
 * file per source) and Azure's published matrix. Regions become site1, site2, … in the order of
 * the file; a file may also name the sites itself.
 *
 *     from,to,delayMs[,lossPercent[,rateMbit]]   one way; the reverse is the same if not listed
 *     min/avg/max/mdev:region                    round trip in .dat files, halved here
 *     Source,A,B,…                               round trips in Azure's file, halved here
 */
import { LabFault } from "./fault.ts";

export type MatrixLine = {
  readonly from: string;
  readonly to: string;
  readonly delayMs: number;
  readonly lossPercent?: number;
  readonly rateMbit?: number;
};

/** How one direction between two sites behaves; `rateMbit` 0 is without limit. */
export type PairShape = {
  readonly delayMs: number;
  readonly lossPercent: number;
  readonly rateMbit: number;
};

export type PairLine = PairShape & { readonly from: string; readonly to: string };

export type MappedMatrix = {
  readonly pairs: readonly PairLine[];
  /** Region behind each site; empty when the file names sites. */
  readonly regions: Readonly<Record<string, string>>;
};

export const delayMsMax = 60_000;
export const rateMbitMax = 100_000;

/** The lines of one file. Throws a `LabFault` that names file and line. */
export function parseMatrix(text: string, fileName: string): MatrixLine[] {
  const lines = text.split(/\r?\n/);
  if (fileName.endsWith(".dat")) return parsePings(lines, fileName);
  return /^Source,/.test(text) ? parseAzure(lines, fileName) : parseCsv(lines, fileName);
}

/** Gives the matrix's places to site1 … siteN; `base` fills what the matrix leaves open. */
export function mapMatrix(
  lines: readonly MatrixLine[],
  sites: number,
  base: PairShape,
): MappedMatrix {
  const shapes = shapesByPair(lines, base);
  const names = [...new Set(lines.flatMap((line) => [line.from, line.to]))];
  if (names.every((name) => /^(site\d+|manager)$/.test(name))) {
    return { pairs: sitePairs(shapes, names, sites), regions: {} };
  }
  const chosen = chooseRegions(shapes, names, sites);
  const pairs: PairLine[] = [];
  for (const [i, from] of chosen.entries()) {
    for (const [j, to] of chosen.entries()) {
      const shape = shapes.get(pairKey(from, to));
      if (shape && i !== j) pairs.push({ from: `site${i + 1}`, to: `site${j + 1}`, ...shape });
    }
  }
  return { pairs, regions: Object.fromEntries(chosen.map((name, i) => [`site${i + 1}`, name])) };
}

/** The value of a number people wrote, or a fault that says what it must be. */
export function boundedNumber(text: string, max: number, where: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > max) {
    throw new LabFault("usage", `${where}: must be a number from 0 to ${max}, not "${text}"`);
  }
  return value;
}

function parseCsv(lines: readonly string[], fileName: string): MatrixLine[] {
  const parsed: MatrixLine[] = [];
  for (const [index, line] of lines.entries()) {
    const isHeader = index === 0 && /^from\s*,/i.test(line);
    if (isHeader || /^\s*(#|$)/.test(line)) continue;
    const where = `${fileName}:${index + 1}`;
    const cells = line.split(",").map((cell) => cell.trim());
    const [from, to, delay, loss, rate] = cells;
    if (!from || !to || delay === undefined || cells.length > 5 || from === to) {
      throw new LabFault("usage", `${where}: must be from,to,delayMs[,lossPercent[,rateMbit]]`);
    }
    parsed.push({
      from,
      to,
      delayMs: boundedNumber(delay, delayMsMax, `${where}: delayMs`),
      ...(loss && { lossPercent: boundedNumber(loss, 100, `${where}: lossPercent`) }),
      ...(rate && { rateMbit: boundedNumber(rate, rateMbitMax, `${where}: rateMbit`) }),
    });
  }
  if (parsed.length === 0) throw new LabFault("usage", `${fileName}: has no line with a delay`);
  return parsed;
}

function parsePings(lines: readonly string[], fileName: string): MatrixLine[] {
  const from = fileName.replace(/^.*\//, "").replace(/\.dat$/, "");
  const parsed: MatrixLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const match = /^[\d.]+\/([\d.]+)\/[\d.]+\/[\d.]+:(\S+)$/.exec(line.trim());
    const where = `${fileName}:${index + 1}`;
    const [, average, to] = match ?? [];
    if (average === undefined || to === undefined) {
      throw new LabFault("usage", `${where}: must be min/avg/max/mdev:region`);
    }
    if (to === from) continue;
    parsed.push({ from, to, delayMs: boundedNumber(average, 2 * delayMsMax, where) / 2 });
  }
  return parsed;
}

function parseAzure(lines: readonly string[], fileName: string): MatrixLine[] {
  const [, ...columns] = (lines[0] ?? "").split(",");
  return lines.slice(1).flatMap((line, index) => {
    const [from = "", ...cells] = line.split(",");
    if (from === "") return [];
    const where = `${fileName}:${index + 2}`;
    if (cells.length !== columns.length) {
      throw new LabFault("usage", `${where}: has ${cells.length} values, not ${columns.length}`);
    }
    return columns.flatMap((to, column) => {
      const cell = cells[column] ?? "";
      if (cell === "" || to === from) return [];
      return [{ from, to, delayMs: boundedNumber(cell, 2 * delayMsMax, where) / 2 }];
    });
  });
}

const pairKey = (from: string, to: string): string => `${from}\n${to}`;

function shapesByPair(lines: readonly MatrixLine[], base: PairShape): Map<string, PairShape> {
  const shapes = new Map<string, PairShape>();
  const shapeOf = ({ from: _from, to: _to, ...given }: MatrixLine) => ({ ...base, ...given });
  for (const line of lines) shapes.set(pairKey(line.to, line.from), shapeOf(line));
  // A listed direction wins over the mirror of its reverse.
  for (const line of lines) shapes.set(pairKey(line.from, line.to), shapeOf(line));
  return shapes;
}

function sitePairs(
  shapes: ReadonlyMap<string, PairShape>,
  names: readonly string[],
  sites: number,
): PairLine[] {
  const beyond = names.find((name) => name !== "manager" && Number(name.slice(4)) > sites);
  if (beyond) throw new LabFault("usage", `the matrix names ${beyond}; the lab has ${sites} sites`);
  return [...shapes].map(([key, shape]) => {
    const [from = "", to = ""] = key.split("\n");
    return { from, to, ...shape };
  });
}

/** The first regions that have a delay to all chosen before them: files have gaps. */
function chooseRegions(
  shapes: ReadonlyMap<string, PairShape>,
  names: readonly string[],
  sites: number,
): string[] {
  const chosen: string[] = [];
  for (const name of names) {
    if (chosen.length === sites) break;
    if (chosen.every((other) => shapes.has(pairKey(name, other)))) chosen.push(name);
  }
  if (chosen.length === sites) return chosen;
  throw new LabFault(
    "usage",
    `the matrix has ${chosen.length} places with delays between all of them; ` +
      `--sites ${sites} needs ${sites}`,
  );
}
