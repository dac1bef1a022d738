/**
 * Every key that a configuration can have, read off the schema in `src/config.ts`, and the names
 * it has elsewhere: `router.contacts` is the variable FASTCAST_ROUTER_CONTACTS and the flag
 * `--router-contact`. So a new key in the schema has its variable, flag and help at once.
 */
import * as v from "valibot";
import { Config } from "../src/config.ts";

export type ConfigKey = {
  /** `router.contacts` */
  readonly dotted: string;
  readonly path: readonly string[];
  /** How text becomes the value; `json` is a list of sections. */
  readonly kind: "text" | "number" | "list" | "json";
  readonly about: string;
  /** As text; undefined where the key has none. */
  readonly standard: string | undefined;
  readonly variable: string;
  /** Without the leading dashes. */
  readonly flag: string;
};

/** The parts of a valibot schema that the walk reads. */
type SchemaNode = v.GenericSchema & {
  readonly wrapped?: SchemaNode;
  readonly default?: unknown;
  readonly entries?: Readonly<Record<string, SchemaNode>>;
  readonly item?: SchemaNode;
  readonly options?: readonly (SchemaNode | string)[];
};

export const configKeys: readonly ConfigKey[] = keysBelow(Config as unknown as SchemaNode, []);

export const keyOf = (dotted: string): ConfigKey | undefined =>
  configKeys.find((key) => key.dotted === dotted);

/** The keys that the section at `path` can have; indexes of lists count as steps. */
export function siblings(path: readonly (string | number)[]): string[] {
  let node = unwrapped(Config as unknown as SchemaNode);
  for (const step of path) {
    const next = node.entries?.[step] ?? node.item;
    if (!next) return [];
    node = unwrapped(next);
  }
  return Object.keys(node.entries ?? {});
}

/** The candidate that the writer most likely meant; undefined when none is near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .filter(({ edits }) => edits <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
}

function keysBelow(schema: SchemaNode, path: readonly string[]): ConfigKey[] {
  const inner = unwrapped(schema);
  if (inner.entries) {
    return Object.entries(inner.entries).flatMap(([name, entry]) =>
      keysBelow(entry, [...path, name]),
    );
  }
  const kind = kindOf(inner);
  const names = path.map((step) => step.replaceAll("_", "-"));
  const flag = names.join("-");
  return [
    {
      dotted: path.join("."),
      path,
      kind,
      about: v.getDescription(inner) ?? "",
      standard: standardText(schema.default),
      variable: `FASTCAST_${path.join("_").toUpperCase()}`,
      flag: kind === "list" ? singular(flag) : flag,
    },
  ];
}

function unwrapped(schema: SchemaNode): SchemaNode {
  return schema.wrapped ? unwrapped(schema.wrapped) : schema;
}

function kindOf(schema: SchemaNode): ConfigKey["kind"] {
  if (schema.item) return unwrapped(schema.item).entries ? "json" : "list";
  const kinds = [schema, ...(schema.options ?? [])];
  return kinds.some((one) => typeof one !== "string" && one.type === "number") ? "number" : "text";
}

function standardText(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(",");
  return value === undefined ? undefined : String(value);
}

function singular(word: string): string {
  return word.replace(/(?<=x)es$|s$/, "");
}

/** How many letters to add, remove, change, or swap with their neighbour. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length)]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? i + j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? at(i - 2, j - 2) + 1 : change;
      (rows[i] as number[])[j] = Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1);
    }
  }
  return at(a.length, b.length);
}
