import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { selfCommand } from "../../src/lab/self.ts";

test("from source, FastCast starts again as Bun with the entry file", () => {
  const [runtime, entry = ""] = selfCommand();
  expect(runtime).toBe(process.execPath);
  expect(isAbsolute(entry) && existsSync(entry) && entry.endsWith("/cmd/fastcast.ts")).toBe(true);
});
