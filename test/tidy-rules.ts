/**
 * The rules of the house as functions from source text to faults. `tidy.test.ts` runs them over
 * the tree, and each over a bad sample.
 */
import { dirname, join, normalize } from "node:path";

export type SourceFile = { readonly path: string; readonly text: string };

const cores = ["lan", "site", "flow", "astrolabe", "almrp", "plan", "probe"];

/** What each room may import: rooms, files of other rooms, and packages; `type:` types only. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  limits: ["base"],
  config: ["base", "limits", "valibot", "src/wire/policy-rule.ts"],
  wire: ["base", "limits"],
  ...Object.fromEntries(cores.map((core) => [core, ["base", "limits", "wire"]])),
  plan: ["base", "limits", "wire", "almrp"],
  role: ["base", "limits", "wire", ...cores],
  control: ["base", "limits", "hono", "hono-openapi", "valibot", "src/wire/cbor.ts"],
  ui: ["base", "limits", "hono", "valibot"],
  // The ports of packets lay out frames and read wants, so that a packet is touched once.
  io: ["base", "limits", "wire", "bun", "node", "type:src/role/node.ts"],
  lab: ["base", "limits", "io", "bun", "node"],
  demo: ["base", "limits", "lab", "probe", "bun", "node"],
  doctor: ["base", "limits"],
  store: ["base", "limits", "wire", "bun", "node"],
};

/** Files that may import more than their room. */
const fileMayImport: Readonly<Record<string, readonly string[]>> = {
  "src/wire/message.ts": ["cbor-x", "valibot"],
  "src/wire/cbor.ts": ["cbor-x"],
  "src/store/nats.ts": ["@nats-io"],
  "src/doctor/ask.ts": ["bun", "node", "valibot"],
  "src/doctor/dial.ts": ["bun", "node"],
  "src/doctor/host.ts": ["bun", "node", "io"],
};

const pure = ["base", "limits", "config", "wire", "role", "doctor", ...cores];

/** Files of pure rooms that read the world for the others. */
const readers = ["src/doctor/ask.ts", "src/doctor/dial.ts", "src/doctor/host.ts"];

/** What has no place in a core, and what to write instead. */
const bannedTokens: Readonly<Record<string, string>> = {
  Date: "take nowMs",
  performance: "take nowMs",
  "Math.random": "take a seeded Prng",
  setTimeout: "answer it in nextDeadlineMs()",
  setInterval: "answer it in nextDeadlineMs()",
  setImmediate: "answer it in nextDeadlineMs()",
  queueMicrotask: "answer an effect",
  process: "take the value as an argument",
  Bun: "leave it to io/",
  console: "answer an effect or count it",
  async: "take the outcome as a fact",
  await: "take the outcome as a fact",
  Promise: "take the outcome as a fact",
};

type Import = { readonly specifier: string; readonly isType: boolean };

/** The modules that a source text names, `import type` and `import()` included. */
export function importsOf(text: string): Import[] {
  const statements = /^[ \t]*(?:import|export)\b(?:([^;"]*?)\bfrom)?\s*"([^"]+)"/gm;
  const calls = /\bimport\(\s*"([^"]+)"\s*\)/g;
  return [
    ...[...text.matchAll(statements)].map(([, clause = "", specifier = ""]) => ({
      specifier,
      isType: /^\s*type\b/.test(clause),
    })),
    ...[...text.matchAll(calls)].map(([, specifier = ""]) => ({ specifier, isType: false })),
  ];
}

/** The path in the repository that an import names; a package keeps its name. */
const targetOf = (from: string, specifier: string): string =>
  specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : specifier;

/** `lan` of `src/lan/querier.ts`, `limits` of `src/limits.ts`, `cmd`, `test`. */
function roomOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second.replace(/\.ts$/, "") : top;
}

export function importFaults({ path, text }: SourceFile): string[] {
  const room = roomOf(path);
  if (room === "cmd" || room === "test") return [];
  const granted = mayImport[room];
  if (!granted) return [`${path}: room ${room} is not in the table of rooms`];
  const allowed = [...granted, ...(fileMayImport[path] ?? [])];
  return importsOf(text).flatMap(({ specifier, isType }) => {
    const target = targetOf(path, specifier);
    const isOwn = specifier.startsWith(".") && roomOf(target) === room;
    const fits = (grant: string): boolean =>
      grant === target || grant === grantOf(target) || (isType && grant === `type:${target}`);
    return isOwn || allowed.some(fits) ? [] : [`${path}: ${room} may not import ${specifier}`];
  });
}

function grantOf(target: string): string {
  if (target.startsWith("src/")) return roomOf(target);
  if (/^node:/.test(target)) return "node";
  if (/^bun(:|$)/.test(target)) return "bun";
  return target.split("/")[0] ?? target;
}

export function tokenFaults({ path, text }: SourceFile): string[] {
  if (!pure.includes(roomOf(path)) || readers.includes(path)) return [];
  const code = blanked(new Bun.Transpiler({ loader: "ts" }).transformSync(text));
  return Object.entries(bannedTokens).flatMap(([token, instead]) =>
    new RegExp(`(?<![.\\w$#])${RegExp.escape(token)}(?![\\w$]|\\s*:)`).test(code)
      ? [`${path}: ${token} has no place in a core: ${instead}`]
      : [],
  );
}

export function columnFaults({ path, text }: SourceFile): string[] {
  return text
    .split("\n")
    .flatMap((line, i) => (line.length > 100 ? [`${path}:${i + 1}: longer than 100 columns`] : []));
}

/** Files longer than 400 lines; those in `ratchet` may have what they had, and no more. */
export function lengthFaults(
  { path, text }: SourceFile,
  ratchet: Readonly<Record<string, number>>,
): string[] {
  const count = text.split("\n").length - 1;
  return ratchetFaults(path, count, 400, ratchet[path], `file has ${count} lines`);
}

/** Functions longer than 70 lines; the longest of a file in `ratchet` may be what it was. */
export function functionFaults(
  { path, text }: SourceFile,
  ratchet: Readonly<Record<string, number>>,
): string[] {
  if (path.startsWith("test/")) return []; // a `describe` is no function of ours
  const longest = functionsOf(text).reduce((a, b) => (b.lines > a.lines ? b : a), noFunction);
  const found = `function at line ${longest.line} has ${longest.lines} lines`;
  return ratchetFaults(path, longest.lines, 70, ratchet[path], found);
}

const noFunction = { line: 1, lines: 0 };

function ratchetFaults(
  path: string,
  found: number,
  max: number,
  held: number | undefined,
  what: string,
): string[] {
  if (held !== undefined && found < held) {
    return [`${path}: ${what}: lower its ratchet${found <= max ? ", or remove it" : ""}`];
  }
  return found > (held ?? max) ? [`${path}: ${what}, at most ${held ?? max}`] : [];
}

/** First line and length of each function body, found by matching braces. */
export function functionsOf(text: string): { line: number; lines: number }[] {
  const code = blanked(text);
  const open: { at: number; start: number }[] = [];
  const found: { line: number; lines: number }[] = [];
  const lineAt = (at: number): number => code.slice(0, at).split("\n").length;
  for (const { 0: brace, index } of code.matchAll(/[{}]/g)) {
    if (brace === "{") {
      open.push({ at: index, start: functionStart(code.slice(0, index)) });
      continue;
    }
    const start = open.pop()?.start ?? -1;
    if (start < 0) continue;
    const line = lineAt(start);
    found.push({ line, lines: lineAt(index) - line + 1 });
  }
  return found;
}

/** Where the function begins whose body opens after `before`; -1 when that opens something else. */
function functionStart(before: string): number {
  const annotation = /\)\s*:\s*(?=\S)(?:[^;={}()\s]|\{[^{}]*\}|[ \t])+$/.exec(before);
  const trimmed = (annotation ? before.slice(0, annotation.index + 1) : before).trimEnd();
  const head = trimmed.endsWith("=>") ? trimmed.slice(0, -2).trimEnd() : trimmed;
  if (!head.endsWith(")")) return head === trimmed ? -1 : head.length;
  let depth = 0;
  let at = head.length - 1;
  for (; at >= 0; at--) {
    if (head[at] === ")") depth++;
    if (head[at] === "(" && --depth === 0) break;
  }
  const keyword = /\b(?:if|for|while|switch|catch|with|await)\s*$/.test(head.slice(0, at));
  return keyword && head === trimmed ? -1 : at;
}

export function shapeFaults({ path, text }: SourceFile): string[] {
  const code = blanked(text);
  const own = code.replace(/^\s*(import|export)\b[^;]*?\bfrom\s*"\s*";?/gm, "").trim();
  const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME"].join("|")})\\b`);
  const faults = {
    "is a barrel: import from the file that has the noun":
      /\/index\.ts$/.test(path) || (own === "" && /^export\b.*\bfrom\b/m.test(code)),
    "has a default export: give it a name": /^export default\b|\bas default\b/m.test(code),
    "holds unfinished work: finish it, or say in the README what is missing": unfinished.test(text),
  };
  return Object.entries(faults).flatMap(([fault, is]) => (is ? [`${path}: ${fault}`] : []));
}

/** Source files that nothing but tests imports. */
export function deadFaults(files: readonly SourceFile[]): string[] {
  const imported = new Set(
    files
      .filter(({ path }) => !path.startsWith("test/"))
      .flatMap(({ path, text }) =>
        importsOf(text).map(({ specifier }) => targetOf(path, specifier)),
      ),
  );
  return files
    .filter(({ path }) => !path.startsWith("test/") && path !== "cmd/fastcast.ts")
    .flatMap(({ path }) => (imported.has(path) ? [] : [`${path}: nothing but tests imports it`]));
}

/** Files of `src/` with code and no test file of their name. */
export function untestedFaults(
  files: readonly SourceFile[],
  provedElsewhere: Readonly<Record<string, string>>,
): string[] {
  const paths = new Set(files.map(({ path }) => path));
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  return files
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, text }) => {
      const test = path.replace(/^src\//, "test/").replace(/\.ts$/, ".test.ts");
      const isProved = paths.has(test) || Object.hasOwn(provedElsewhere, path);
      return isProved || transpiler.transformSync(text).trim() === ""
        ? []
        : [`${path}: no ${test}`];
    });
}

/** The text with comments, strings and regular expressions emptied; lines stay where they are. */
export function blanked(text: string): string {
  const parts = new RegExp(
    [
      /\/\/[^\n]*|\/\*[\s\S]*?\*\//, // comments
      /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/, // strings
      /`(?:[^`\\]|\\[\s\S])*`/, // templates, as a whole
      /(?<=[(,=:[!&|?{};\n]\s*|return\s)(?:\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/)/,
    ]
      .map(({ source }) => source)
      .join("|"),
    "g",
  );
  return text.replace(parts, (part) => {
    const lines = part.replace(/[^\n]/g, "");
    return part.startsWith('"') || part.startsWith("'") ? '""' : lines;
  });
}
