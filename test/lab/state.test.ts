import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { planLab } from "../../src/lab/plan.ts";
import type { LabProcess, LabState } from "../../src/lab/state.ts";
import {
  claimDirectory,
  labDirectory,
  labNames,
  parseState,
  readState,
  removeDirectory,
  requireMachine,
  requireState,
  stateFile,
  withProcess,
  writeState,
} from "../../src/lab/state.ts";

const before = process.env.FASTCAST_LAB_DIR;
let root = "";

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/lab-`);
  process.env.FASTCAST_LAB_DIR = root;
});

afterEach(() => {
  rmSync(root, { recursive: true });
  if (before === undefined) delete process.env.FASTCAST_LAB_DIR;
  else process.env.FASTCAST_LAB_DIR = before;
});

const stateOf = (name: string): LabState => {
  const options = {
    name,
    sites: 1,
    hosts: 1,
    separate: false,
    roles: true,
    almrp: "star",
    wan: "bridge",
    perPacket: false,
  } as const;
  const { machines, jobs } = planLab(options, labDirectory(name), "0".repeat(32));
  return { version: 1, phase: "up", options, regions: {}, machines, jobs, processes: [] };
};

describe("the directory", () => {
  test("belongs to who makes it, and to root alone", () => {
    expect(claimDirectory(labDirectory("a"))).toBe(true);
    expect(claimDirectory(labDirectory("a"))).toBe(false);
    expect(statSync(labDirectory("a")).mode & 0o777).toBe(0o700);
    expect(labNames()).toEqual(["a"]);
    removeDirectory(labDirectory("a"));
    expect(labNames()).toEqual([]);
  });

  test("must leave room for a socket's path", () => {
    process.env.FASTCAST_LAB_DIR = `${root}/${"x".repeat(80)}`;
    expect(() => claimDirectory(labDirectory("a"))).toThrow("too long for a Unix socket's path");
    expect(existsSync(`${root}/${"x".repeat(80)}`)).toBe(false);
  });
});

describe("state.json", () => {
  test("comes back as it was written", () => {
    claimDirectory(labDirectory("a"));
    writeState(labDirectory("a"), stateOf("a"));
    expect(readState(labDirectory("a"))).toEqual(stateOf("a"));
    expect(requireState("a").options.name).toBe("a");
  });

  test("absent, torn or of another version is no state", () => {
    expect(readState(labDirectory("a"))).toBeUndefined();
    claimDirectory(labDirectory("a"));
    writeFileSync(stateFile(labDirectory("a")), '{"version":1,');
    expect(readState(labDirectory("a"))).toBeUndefined();
    expect(parseState('{"version":2}')).toBeUndefined();
    expect(parseState("null")).toBeUndefined();
  });

  test("a lab that is missing is named beside those that exist", () => {
    claimDirectory(labDirectory("b"));
    expect(() => requireState("a")).toThrow("no lab a. There is: b (--name).");
  });
});

test("an unknown machine is answered with those that exist", () => {
  const machines = "wan manager site1/lan site1/edge site1/host1";
  expect(requireMachine(stateOf("a"), "site1/edge").namespace).toBe("a-site1-edge");
  expect(() => requireMachine(stateOf("a"), "site1/host9")).toThrow(machines);
});

test("a restarted process takes the place of its former self", () => {
  const job = stateOf("a").jobs[0];
  if (!job) throw new Error("no job");
  const started = (pid: number): LabProcess => ({ ...job, pid, startTicks: 1 });
  const state = withProcess(withProcess(stateOf("a"), started(10)), started(11));
  expect(state.processes.map((process) => process.pid)).toEqual([11]);
});
