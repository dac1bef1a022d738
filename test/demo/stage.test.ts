import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { freeName, guest, labOptions, sender, steady } from "../../src/demo/stage.ts";
import { machinesOf } from "../../src/lab/machines.ts";
import { planLab } from "../../src/lab/plan.ts";

const before = process.env.FASTCAST_LAB_DIR;
let root = "";

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/fs-`);
  process.env.FASTCAST_LAB_DIR = root;
});

afterEach(() => {
  rmSync(root, { recursive: true });
  if (before === undefined) delete process.env.FASTCAST_LAB_DIR;
  else process.env.FASTCAST_LAB_DIR = before;
});

test("the lab can be planned, and has every part", () => {
  const options = labOptions("demo-1", "mst");
  expect(planLab(options, `${root}/demo-1`, "0".repeat(32)).options.almrp).toBe("mst");
  const paths = machinesOf(options).map(({ path }) => path);
  for (const site of [sender, ...steady, guest]) {
    expect(paths).toContain(`${site}/host1`);
    expect(paths).toContain(`${site}/host2`);
  }
});

test("a name that is taken is left alone", () => {
  const name = freeName();
  expect(name).toBe(`demo-${process.pid}`);
  mkdirSync(`${root}/${name}`);
  expect(freeName()).toBe(`${name}-2`);
});
