import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { LabState } from "../../src/lab/state.ts";
import { changePair, readWanShape } from "../../src/lab/wan-shape.ts";
import { plan } from "./lab-plan.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/lab-`);
});

afterEach(() => rmSync(directory, { recursive: true }));

test("no flag asks for nothing; delay alone leaves super-packets whole", () => {
  expect(readWanShape({ sites: 2 })).toMatchObject({ isShaped: false, perPacket: false });
  expect(readWanShape({ sites: 2, delay: 0 })).toMatchObject({ isShaped: true, perPacket: false });
  expect(readWanShape({ sites: 2, loss: 1 })).toMatchObject({ isShaped: true, perPacket: true });
  expect(readWanShape({ sites: 2, rate: 9 })).toMatchObject({ isShaped: true, perPacket: true });
});

test("a directory of ping tables becomes sites in the order of its files", () => {
  writeFileSync(`${directory}/b.dat`, "0/0/0/0:b\n1/30/3/0:a\n");
  writeFileSync(`${directory}/a.dat`, "0/0/0/0:a\n1/20/3/0:b\n");
  writeFileSync(`${directory}/README`, "not read");
  const shape = readWanShape({ sites: 2, matrix: directory, rate: 10 });
  expect(shape).toMatchObject({ regions: { site1: "a", site2: "b" }, perPacket: true });
  expect(shape.pairs).toEqual([
    { from: "site1", to: "site2", delayMs: 10, lossPercent: 0, rateMbit: 10 },
    { from: "site2", to: "site1", delayMs: 15, lossPercent: 0, rateMbit: 10 },
  ]);
});

test("a matrix that is not there is a fault", () => {
  expect(() => readWanShape({ sites: 2, matrix: `${directory}/x` })).toThrow("no such file");
  expect(() => readWanShape({ sites: 2, matrix: directory })).toThrow("has no .dat files");
});

test("a change must say something, and one thing", () => {
  const state = { options: plan({ wan: "emulated" }).options } as LabState;
  const change = (flags: Parameters<typeof changePair>[3], to: string | undefined = "site2") =>
    changePair(state, "site1", to, flags);
  expect(change({})).rejects.toThrow("say what changes");
  expect(change({ partition: true, heal: true })).rejects.toThrow("not both");
  expect(changePair(state, "site1", undefined, { delay: 1 })).rejects.toThrow("needs two sites");
  const bridged = { options: plan().options } as LabState;
  expect(changePair(bridged, "site1", "site2", { delay: 1 })).rejects.toThrow("plain bridge");
});
