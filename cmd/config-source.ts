/**
 * One configuration from four layers: a flag wins over an environment variable, that over the
 * file, that over the default. Whatever is wrong in any layer is reported at once, each fault with
 * the place where the user wrote it.
 */
import * as v from "valibot";
import { Config, type RoleName } from "../src/config.ts";
import { type ConfigFile, type Path, readConfigFile } from "./config-file.ts";
import { closest, type ConfigKey, configKeys, keyOf, siblings } from "./config-keys.ts";
import { CommandError, exitStatus } from "./exit.ts";
import { roleFaults } from "./role-needs.ts";

/** Values of flags by dotted key. */
export type Flags = Readonly<Record<string, string | readonly string[]>>;

export type ConfigSources = {
  readonly file?: string | undefined;
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Also says what this role needs and does not find. */
  readonly role?: RoleName | undefined;
};

export type LoadedConfig = {
  readonly config: Config;
  /** Where the value of a dotted key comes from: `default`, `flag --site`, `lab.yaml:3:7`, … */
  origin(dotted: string): string;
};

/** Variables that are no configuration keys. */
const runtimeVariables = {
  FASTCAST_CONFIG: "the configuration file when --config is left out",
  FASTCAST_LAB_DIR: "where `fastcast lab` keeps its state",
  FASTCAST_LAB_ENTRY: "the entry file that a lab run from source starts its roles with",
} as const;

/** The merged configuration; throws a `CommandError` that lists all faults, one per line. */
export const loadConfig = (sources: ConfigSources): Config => loadWithOrigins(sources).config;

export function loadWithOrigins(sources: ConfigSources): LoadedConfig {
  const path = sources.file ?? sources.env.FASTCAST_CONFIG;
  const file = path ? readConfigFile(path) : undefined;
  const layers = new Layers(file);
  layers.addEnvironment(sources.env);
  layers.addFlags(sources.flags);
  const checked = v.safeParse(Config, layers.value, { abortPipeEarly: true });
  // With a broken file every key looks missing: its own faults say enough.
  const isWhole = !file || file.faults.length === 0;
  if (isWhole) for (const issue of checked.issues ?? []) layers.onIssue(issue);
  if (isWhole && checked.success && sources.role) {
    for (const fault of roleFaults(sources.role, checked.output)) {
      layers.onFault(fault.path, fault.message);
    }
  }
  if (layers.faults.length > 0 || !checked.success) {
    const faults = [...new Set(layers.faults)];
    const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
    const text = [`the configuration has ${count}`, ...faults].join("\n");
    throw new CommandError(text, exitStatus.configuration);
  }
  return { config: checked.output, origin: (dotted) => layers.origin(dotted.split(".")) };
}

/** The layers as they are put over one another, and the faults found so far. */
class Layers {
  readonly value: unknown;
  readonly faults: string[];
  readonly #file: ConfigFile | undefined;
  /** Which flag or variable set a dotted key. */
  readonly #setBy = new Map<string, string>();

  constructor(file: ConfigFile | undefined) {
    this.#file = file;
    this.value = file?.value ?? {};
    this.faults = [...(file?.faults ?? [])];
  }

  addEnvironment(env: ConfigSources["env"]): void {
    const names = configKeys.map((key) => key.variable);
    for (const [variable, text] of Object.entries(env)) {
      if (!variable.startsWith("FASTCAST_") || text === undefined) continue;
      const key = configKeys.find((one) => one.variable === variable);
      if (key) {
        this.#set(
          key,
          key.kind === "list" ? commaSeparated(text) : text,
          `environment: ${variable}`,
        );
      } else if (!Object.hasOwn(runtimeVariables, variable)) {
        const known = [...names, ...Object.keys(runtimeVariables)];
        this.faults.push(`environment: ${variable}: ${unknownText("variable", variable, known)}`);
      }
    }
  }

  addFlags(flags: Flags): void {
    for (const [dotted, given] of Object.entries(flags)) {
      const key = keyOf(dotted);
      if (!key) {
        const known = configKeys.map((one) => one.dotted);
        this.faults.push(`flag: ${dotted}: ${unknownText("key", dotted, known)}`);
        continue;
      }
      const value = key.kind === "list" ? [given].flat() : [given].flat().join(",");
      this.#set(key, value, `flag --${key.flag}`);
    }
  }

  onIssue(issue: v.BaseIssue<unknown>): void {
    const path = (issue.path ?? []).map((step) => step.key as string | number);
    const last = path.at(-1);
    if (issue.type !== "strict_object" || issue.expected !== "never" || last === undefined) {
      this.onFault(path, `${issue.message}${foundText(path, issue.input)}`);
      return;
    }
    if (Array.isArray(issue.path?.at(-1)?.input)) {
      this.onFault(path.slice(0, -1), "must be a section with keys of its own, not a list");
      return;
    }
    const message = unknownText("key", String(last), siblings(path.slice(0, -1)));
    this.faults.push(`${this.#place(path, "key")}: ${dottedText(path)}: ${message}`);
  }

  onFault(path: Path, message: string): void {
    const setBy = this.#setter(path);
    const subject = path.length === 0 ? "" : `${dottedText(path)}: `;
    this.faults.push(setBy ? `${setBy}: ${message}` : `${this.#place(path)}: ${subject}${message}`);
  }

  /** Where the value at `path` was written. */
  origin(path: Path): string {
    const setBy = this.#setter(path);
    if (setBy) return setBy.replace(/^environment: /, "environment ");
    return this.#file && hasPath(this.value, path) ? this.#file.place(path, "key") : "default";
  }

  #set(key: ConfigKey, given: string | readonly string[], source: string): void {
    const value = this.#parsed(key, given, source);
    if (value === undefined) return;
    let section = this.value;
    for (const step of key.path.slice(0, -1)) {
      if (!isSection(section)) return; // the file's own fault, which the schema reports
      section[step] ??= {};
      section = section[step];
    }
    if (!isSection(section)) return;
    section[key.path.at(-1) as string] = value;
    this.#setBy.set(key.dotted, source);
  }

  #parsed(key: ConfigKey, given: string | readonly string[], source: string): unknown {
    if (typeof given !== "string") return given;
    if (key.kind === "number") return /^\d+$/.test(given) ? Number(given) : given;
    if (key.kind !== "json") return given;
    try {
      return JSON.parse(given);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.faults.push(`${source}: must be a JSON list, such as [{"name":"tv","groups":[…]}]`);
      return undefined;
    }
  }

  #setter(path: Path): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const source = this.#setBy.get(path.slice(0, length).join("."));
      if (source) return source;
    }
    return undefined;
  }

  #place(path: Path, of: "key" | "value" = "value"): string {
    return this.#setter(path) ?? this.#file?.place(path, of) ?? "configuration";
  }
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasPath(value: unknown, path: Path): boolean {
  let part = value;
  for (const step of path) {
    if (!isSection(part) || !Object.hasOwn(part, step)) return false;
    part = part[step];
  }
  return true;
}

const commaSeparated = (text: string): string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

const dottedText = (path: Path): string =>
  path
    .map((step, i) => (typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${step}`))
    .join("");

function unknownText(kind: "key" | "variable", word: string, known: readonly string[]): string {
  const guess = closest(word, known);
  if (guess) return `unknown ${kind}, did you mean "${guess}"?`;
  return kind === "key" && known.length > 0
    ? `unknown key; the keys here are ${known.join(", ")}`
    : `unknown ${kind}; remove it, or see \`fastcast config init\` for those that exist`;
}

/** The value that was found, where it is short and no secret. */
function foundText(path: Path, input: unknown): string {
  const isPlain = typeof input === "string" || typeof input === "number";
  if (!isPlain || path.at(-1) === "token") return "";
  const text = JSON.stringify(input);
  return text.length > 60 ? "" : `, found ${text}`;
}
