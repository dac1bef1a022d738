import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  blanked,
  columnFaults,
  deadFaults,
  functionFaults,
  functionsOf,
  importFaults,
  importsOf,
  lengthFaults,
  type SourceFile,
  shapeFaults,
  tokenFaults,
  untestedFaults,
} from "./tidy-rules.ts";

const root = new URL("..", import.meta.url).pathname;

const files: SourceFile[] = [...new Bun.Glob("{src,cmd,test}/**/*.ts").scanSync(root)]
  .sort()
  .map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") }));

/** Lines that a file's longest function, or the file, already had: they only ever shrink. */
const functionRatchet: Readonly<Record<string, number>> = {};
const fileRatchet: Readonly<Record<string, number>> = {};

const kernel = "only a real kernel shows that it works: test/netns";

/** Files without a test file of their own, and where they are proved. */
const provedElsewhere: Readonly<Record<string, string>> = {
  "src/demo/demo.ts": kernel,
  "src/doctor/host.ts": kernel,
  "src/io/bridged.ts": kernel,
  "src/io/interfaces.ts": kernel,
  "src/io/lan-capture.ts": kernel,
  "src/io/lan-ring.ts": kernel,
  "src/io/lan-senders.ts": kernel,
  "src/io/libc.ts": kernel,
  "src/io/mroute-codec.ts": kernel,
  "src/io/mroute.ts": kernel,
  "src/io/netlink.ts": kernel,
  "src/io/packet-sender.ts": kernel,
  "src/io/packet-socket.ts": kernel,
  "src/io/poller.ts": kernel,
  "src/io/routed-external.ts": kernel,
  "src/io/routed.ts": kernel,
  "src/io/tcp.ts": kernel,
  "src/io/tun.ts": kernel,
  "src/lab/fault.ts": kernel,
  "src/lab/lab.ts": kernel,
  "src/lab/namespaces.ts": kernel,
  "src/lab/packet-port.ts": kernel,
  "src/lab/wan-emulator.ts": kernel,
};

const file = (path: string, text: string): SourceFile => ({ path, text });

describe("the tree is tidy", () => {
  test("imports keep to the rooms", () => {
    expect(files.flatMap(importFaults)).toEqual([]);
  });
  test("cores name no clock, chance, runtime or promise", () => {
    expect(files.flatMap(tokenFaults)).toEqual([]);
  });
  test("lines, functions and files keep their length", () => {
    expect(files.flatMap(columnFaults)).toEqual([]);
    expect(files.flatMap((one) => functionFaults(one, functionRatchet))).toEqual([]);
    expect(files.flatMap((one) => lengthFaults(one, fileRatchet))).toEqual([]);
  });
  test("no barrel, default export or unfinished work", () => {
    expect(files.flatMap(shapeFaults)).toEqual([]);
  });
  test("every file is used by the product", () => {
    expect(deadFaults(files)).toEqual([]);
  });
  test("every source file has its test file", () => {
    expect(untestedFaults(files, provedElsewhere)).toEqual([]);
  });
  test("allow lists name files that exist", () => {
    const listed = [functionRatchet, fileRatchet, provedElsewhere].flatMap(Object.keys);
    expect(listed.filter((path) => !files.some((one) => one.path === path))).toEqual([]);
  });
});

describe("each rule finds its fault", () => {
  test("imports are read from the source text", () => {
    const text = [
      'import { a } from "./a.ts";',
      'import type { B } from "./b.ts";',
      'import {\n  c,\n  d,\n} from "./c.ts";',
      'import "./e.ts";',
      'export { f } from "./f.ts";',
      'const g = await import("./g.ts");',
      '// import { no } from "./no.ts";',
      'export const h = 1;\nconst i = "not.ts";',
    ].join("\n");
    const found = importsOf(text).map(({ specifier, isType }) => `${specifier} ${isType}`);
    const expected = ["a", "b", "c", "e", "f", "g"].map((name) => `./${name}.ts ${name === "b"}`);
    expect(found).toEqual(expected);
  });

  test.each([
    ["src/lan/a.ts", 'import { b } from "../site/b.ts";'],
    ["src/lan/a.ts", 'import type { B } from "../role/node.ts";'],
    ["src/base/a.ts", 'import { limits } from "../limits.ts";'],
    ["src/wire/frame.ts", 'import { encode } from "cbor-x";'],
    ["src/wire/cbor.ts", 'import * as v from "valibot";'],
    ["src/probe/a.ts", 'import { open } from "../io/udp.ts";'],
    ["src/role/a.ts", 'import { Hono } from "hono";'],
    ["src/role/a.ts", 'import { readFileSync } from "node:fs";'],
    ["src/control/a.ts", 'import { Entries } from "../flow/entries.ts";'],
    ["src/control/a.ts", 'import { frame } from "../wire/frame.ts";'],
    ["src/io/a.ts", 'import { Node } from "../role/node.ts";'],
    ["src/io/a.ts", 'import { run } from "../../cmd/program.ts";'],
    ["src/flow/a.ts", 'export { Config } from "../config.ts";'],
    ["src/doctor/a.ts", 'import { readFileSync } from "node:fs";'],
    ["src/cellar/a.ts", ""],
  ])("%s: %s", (path, text) => {
    expect(importFaults(file(path, text))).toHaveLength(1);
  });

  test.each([
    ["src/plan/a.ts", 'import type { Almrp } from "../almrp/almrp.ts";'],
    ["src/role/a.ts", 'import { Entries } from "../flow/entries.ts";'],
    ["src/control/a.ts", 'import { encode } from "../wire/cbor.ts";'],
    ["src/control/a.ts", 'import { bodyLimit } from "hono/body-limit";'],
    ["src/io/a.ts", 'import type { Node } from "../role/node.ts";'],
    ["src/io/a.ts", 'import { dlopen } from "bun:ffi";'],
    ["src/lab/a.ts", 'import { connect } from "node:net";\nimport { x } from "../io/libc.ts";'],
    ["cmd/a.ts", 'import { Entries } from "../src/flow/entries.ts";'],
  ])("%s may: %s", (path, text) => {
    expect(importFaults(file(path, text))).toEqual([]);
  });

  test.each([
    ["Date", "take nowMs", "export const a = Date.now();"],
    ["performance", "take nowMs", "export const a = performance.now();"],
    ["Math.random", "take a seeded Prng", "export const a = Math.random();"],
    ["setTimeout", "nextDeadlineMs", "setTimeout(() => {}, 1);"],
    ["process", "argument", "export const a = process.env;"],
    ["Bun", "io/", "export const a = Bun.version;"],
    ["console", "effect", "console.log(1);"],
    ["async", "fact", "export const a = async () => {};"],
    ["Promise", "fact", "export const a = Promise.resolve();"],
  ])("%s in a core", (token, instead, text) => {
    const [fault = "", ...others] = tokenFaults(file("src/lan/a.ts", text));
    expect(fault).toContain(`${token} has no place`);
    expect(fault).toContain(instead);
    expect(others).toEqual([]);
    expect(tokenFaults(file("src/io/a.ts", text))).toEqual([]);
  });

  test("a banned token may stand in a comment, a string, or as a member", () => {
    const text = '// Date\nexport const a = { process: "Bun", b: "`await" };\na.process;';
    expect(tokenFaults(file("src/lan/a.ts", text))).toEqual([]);
  });

  test("lines of more than 100 columns", () => {
    expect(columnFaults(file("a.ts", `${"x".repeat(100)}\n`))).toEqual([]);
    expect(columnFaults(file("a.ts", `\n${"x".repeat(101)}`))).toEqual([
      "a.ts:2: longer than 100 columns",
    ]);
  });

  test("files of more than 400 lines, and their ratchet", () => {
    const long = file("src/a.ts", "x\n".repeat(401));
    expect(lengthFaults(file("src/a.ts", "x\n".repeat(400)), {})).toEqual([]);
    expect(lengthFaults(long, {})).toHaveLength(1);
    expect(lengthFaults(long, { "src/a.ts": 401 })).toEqual([]);
    expect(lengthFaults(long, { "src/a.ts": 402 })[0]).toContain("lower its ratchet");
  });

  test.each([
    ["function a(): void {"],
    ["export function a(b: { c: number }): { d: number } | undefined {"],
    ["function a(\n  b: number,\n): asserts b is 3 {"],
    ["const a = async (b: number): Promise<void> => {"],
    ["const a = (b) => {"],
    ["class A {\n  #a(b = (1)): void {"],
    ["class A {\n  get a() {"],
  ])("a long function: %s", (head) => {
    const body = "  b();\n".repeat(71);
    const end = head.startsWith("class") ? "}\n}\n" : "}\n";
    const long = file("src/a.ts", `${head}\n${body}${end}`);
    expect(functionFaults(long, {})).toHaveLength(1);
    expect(functionFaults(long, { "src/a.ts": functionsOf(long.text)[0]?.lines ?? 0 })).toEqual([]);
    expect(functionFaults(long, { "src/a.ts": 99 })[0]).toContain("lower its ratchet");
  });

  test("what is long but no function", () => {
    const body = "  b: 1,\n".repeat(80);
    for (const head of ["const a = {", "class A {", "if (a) {", "switch (a) {", "type A = {"]) {
      expect(functionFaults(file("src/a.ts", `${head}\n${body}}\n`), {})).toEqual([]);
    }
  });

  test("barrels, default exports, unfinished work", () => {
    const faultOf = (path: string, text: string): string => shapeFaults(file(path, text)).join();
    expect(faultOf("src/lan/index.ts", "export const a = 1;")).toContain("barrel");
    expect(faultOf("src/a.ts", 'export { a } from "./b.ts";\n')).toContain("barrel");
    expect(faultOf("src/a.ts", 'export * from "./b.ts";\n')).toContain("barrel");
    expect(faultOf("src/a.ts", "export default 1;")).toContain("default export");
    expect(faultOf("src/a.ts", "const a = 1;\nexport { a as default };")).toContain("default");
    expect(faultOf("src/a.ts", `// ${"TO"}${"DO"} later`)).toContain("unfinished");
    expect(faultOf("src/a.ts", 'import { b } from "./b.ts";\nexport const a = b;')).toBe("");
  });

  test("dead files: a test is no use", () => {
    const dead = [
      file("cmd/fastcast.ts", 'await import("../src/a.ts");'),
      file("src/a.ts", "export const a = 1;"),
      file("src/b.ts", "export const b = 1;"),
      file("test/b.test.ts", 'import { b } from "../src/b.ts";'),
    ];
    expect(deadFaults(dead)).toEqual(["src/b.ts: nothing but tests imports it"]);
  });

  test("source files without a test file", () => {
    const sources = [
      file("src/lan/a.ts", "export const a = 1;"),
      file("src/lan/types.ts", "export type A = 1;"),
      file("src/io/b.ts", "export const b = 1;"),
    ];
    expect(untestedFaults(sources, { "src/io/b.ts": "kernel" })).toEqual([
      "src/lan/a.ts: no test/lan/a.test.ts",
    ]);
    expect(untestedFaults([...sources, file("test/lan/a.test.ts", "")], {})).toEqual([
      "src/io/b.ts: no test/io/b.test.ts",
    ]);
  });

  test("blanked text keeps its lines and loses what is no code", () => {
    const text = 'a(/["{`]/g, "}{"); // {\n/* {\n */ b(`{\nc`);\nd / e / f;\n';
    expect(blanked(text).split("\n")).toHaveLength(text.split("\n").length);
    expect(blanked(text)).not.toMatch(/[{}]/);
    expect(blanked(text)).toContain("d / e / f");
  });
});
