import { expect, test } from "bun:test";
import type { LabStatus } from "../../src/lab/lab.ts";
import { statusText, table, wanText } from "../../src/lab/report.ts";
import { plan } from "./lab-plan.ts";

test("a table's columns are as wide as their widest cell", () => {
  expect(table(["A", "BB"], [["xxx", "y"]])).toBe("A    BB\nxxx  y");
});

test("the status shows what runs, what is dead and what is missing", () => {
  const { options, machines } = plan({ sites: 1, hosts: 1 });
  const process = { role: "site", pid: 7, state: "dead", healthy: false, socket: "", log: "" };
  const status = {
    name: "fc",
    well: false,
    phase: "up",
    options,
    regions: { site1: "eu-west-1" },
    machines: machines.map((machine) => ({
      ...machine,
      present: machine.kind !== "host",
      processes: machine.kind === "edge" ? [process] : [],
    })),
  } as LabStatus;
  const lines = statusText(status).split("\n");
  expect(lines.slice(0, 2)).toEqual([
    "lab fc: partly down, a plain bridge as WAN",
    "site1 is eu-west-1",
  ]);
  expect(lines.find((line) => line.startsWith("site1/edge"))).toMatch(/site dead +7 +-$/);
  const host = lines.find((line) => line.startsWith("site1/host1"));
  expect(host).toContain("eth0 10.1.0.11/24 fd00:1::11/64");
  expect(host).toContain("namespace missing");
});

test("the WAN shows pairs with a shape or with packets", () => {
  const counts = { forwarded: 0, forwardedBytes: 0, lost: 0, full: 0, cutOff: 0 };
  const shape = { delayMs: 0, lossPercent: 0, rateMbit: 0, partitioned: false };
  const text = wanText(
    [
      { from: "site1", to: "site2", ...shape, ...counts, delayMs: 40.00049, rateMbit: 5 },
      { from: "site2", to: "site1", ...shape, ...counts, partitioned: true, cutOff: 3 },
      { from: "manager", to: "site1", ...shape, ...counts },
    ],
    { site1: "eu" },
  );
  expect(text.split("\n").slice(1)).toEqual([
    "site1 (eu)  site2       40 ms  0 %   5 Mbit/s  0        0     0           0",
    "site2       site1 (eu)  cut    0 %   -         0        0     0           3",
  ]);
});
