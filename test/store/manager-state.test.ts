import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManagerStore } from "../../src/store/manager-state.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "fastcast-store-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const flows = [
  { key: "star a b", json: '{"flow":1}' },
  { key: "mst a b,c", json: '{"flow":2}' },
];

test("an empty file begins with term 1 and Flow ID 1", () => {
  const store = new ManagerStore(":memory:");
  expect(store.read()).toEqual({ nextFlow: 1, flows: [] });
  expect([store.nextTerm(), store.nextTerm()]).toEqual([1, 2]);
  store.close();
});

test("everything survives a restart, in a directory that is made for it", () => {
  const path = join(directory, "deep", "manager.db");
  const first = new ManagerStore(path);
  expect(first.nextTerm()).toBe(1);
  first.write(1, 7, flows);
  first.close();
  const second = new ManagerStore(path);
  expect(second.nextTerm()).toBe(2);
  const { nextFlow, flows: read } = second.read();
  expect(nextFlow).toBe(7);
  expect(read).toHaveLength(2);
  expect(read).toContainEqual(flows[0] as { key: string; json: string });
  second.write(2, 8, [flows[1] as { key: string; json: string }]);
  expect(second.read()).toEqual({ nextFlow: 8, flows: [flows[1]] as typeof flows });
  second.close();
});

test("a write is whole or not at all", () => {
  const store = new ManagerStore(":memory:");
  store.write(1, 3, flows);
  const twice = [flows[0], flows[0]] as typeof flows;
  expect(() => store.write(1, 9, twice)).toThrow();
  expect(store.read().nextFlow).toBe(3);
  expect(store.read().flows).toHaveLength(2);
  store.close();
});

test("a file that is no database is an error, not a fresh start", () => {
  const path = join(directory, "other");
  writeFileSync(path, "a".repeat(4_096));
  expect(() => new ManagerStore(path)).toThrow();
});
