/**
 * A configuration file as a plain value that remembers where each part stands. YAML; JSON is a
 * subset. What YAML only warns of is a fault here, and aliases cannot blow up.
 */
import { readFileSync } from "node:fs";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from "yaml";
import { limits } from "../src/limits.ts";

const aliasesMax = 100;

export type Path = readonly (string | number)[];

export type ConfigFile = {
  /** The plain value; an empty section when the file has faults. */
  readonly value: unknown;
  /** Complete lines `file:line:column: what is wrong`. */
  readonly faults: readonly string[];
  /** `file:line:column` of the value at `path`, or of the nearest part above it that is there. */
  place(path: Path, of?: "key" | "value"): string;
};

/** Reads and parses; what cannot be read is a fault like any other. */
export function readConfigFile(file: string): ConfigFile {
  const text = fileText(file);
  return typeof text === "string"
    ? parseConfigText(file, text)
    : { value: {}, faults: [`${file}: ${text.fault}`], place: () => file };
}

export function parseConfigText(file: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const faults = [...document.errors, ...document.warnings].map(
    (error) => `${at(error.pos[0])}: ${error.message}`,
  );
  const value = faults.length === 0 ? plainValue(document, file, faults) : {};
  return {
    value: value ?? {},
    faults,
    place: (path, of = "value") => at(offsetOf(document, path, of)),
  };
}

function fileText(file: string): string | { readonly fault: string } {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > limits.bodyBytesMax) {
      return { fault: `is longer than ${limits.bodyBytesMax} bytes; name a configuration file` };
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return { fault: "is not UTF-8 text; save it as UTF-8" };
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return { fault: `cannot be read (${code}); check its path and permissions` };
  }
}

function plainValue(document: Document, file: string, faults: string[]): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    // The `yaml` package throws a ReferenceError for an alias without anchor and for a bomb.
    if (!(error instanceof ReferenceError)) throw error;
    faults.push(`${file}: ${error.message}; write the values out`);
    return {};
  }
}

function offsetOf(document: Document, path: Path, of: "key" | "value"): number {
  let node = resolved(document, document.contents);
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === `${step}`);
      if (!pair) return offset;
      const key = isNode(pair.key) ? pair.key.range?.[0] : undefined;
      const child = isNode(pair.value) ? pair.value : null;
      offset = (isLast && of === "key" ? key : (child?.range?.[0] ?? key)) ?? offset;
      node = resolved(document, child);
    } else if (isSeq(node)) {
      const child = node.items[Number(step)];
      if (!isNode(child)) return offset;
      offset = child.range?.[0] ?? offset;
      node = resolved(document, child);
    } else {
      return offset;
    }
  }
  return offset;
}

const resolved = (document: Document, node: Node | null): Node | null =>
  isAlias(node) ? (node.resolve(document) ?? null) : node;
