import { expect, test } from "bun:test";
import { liveLine, type Scene } from "../../src/demo/live.ts";
import {
  colours,
  noColours,
  progressLine,
  sceneLines,
  summaryText,
} from "../../src/demo/report.ts";
import { verdictOf } from "../../src/demo/verdict.ts";
import { atSite2, good, report } from "./observed.ts";

const scene: Scene = {
  elapsedMs: 5_000,
  durationMs: 20_000,
  headline: "500 packets/s",
  lines: [
    liveLine("site1", "sends", undefined, 1_000),
    liveLine("site2", "yes", report({ lost: 1, received: 999 }), 1_000),
    liveLine("site4", "not yet", undefined, 1_000),
  ],
  events: [
    { atMs: 0, title: "it begins" },
    { atMs: 4_150, title: "site4/host1 joins" },
    { atMs: undefined, title: "site4/host1 leaves" },
  ],
  words: "its packets must come at once",
};

test("a scene: table, events, bar and words", () => {
  expect(sceneLines(scene, noColours)).toEqual([
    "500 packets/s",
    "",
    "SITE   MEMBER    SENT  RECEIVED  LOST  DOUBLED  REORDERED  P50 ms  P99 ms",
    "site1  sends    1,000         -     -        -          -       -       -",
    "site2  yes      1,000       999     1        0          0    0.25    1.50",
    "site4  not yet      -         -     -        -          -       -       -",
    "",
    "   0.0 s  it begins",
    "   4.2 s  site4/host1 joins",
    "          site4/host1 leaves",
    "",
    `[${"#".repeat(15)}${"-".repeat(45)}] 5.0 s of 20.0 s`,
    "its packets must come at once",
  ]);
});

test("colours change no letter, and none is left on", () => {
  const coloured = sceneLines(scene, colours);
  expect(coloured.map((line) => Bun.stripANSI(line))).toEqual(sceneLines(scene, noColours));
  expect(coloured.join("\n")).toContain("\x1b[31m1\x1b[0m");
  const codes = coloured.join("").split("\x1b[").slice(1);
  const closed = codes.filter((code) => code.startsWith("0m"));
  expect(codes).toHaveLength(2 * closed.length);
});

test("the bar stays in its frame", () => {
  for (const elapsedMs of [-5, 0, 20_000, 99_000]) {
    const [bar] = sceneLines({ ...scene, elapsedMs }, noColours).slice(-2);
    expect(bar?.indexOf("]")).toBe(61);
  }
});

test("a line a second for a pipe", () => {
  const line = progressLine(scene);
  expect(line).toBe("  5.0 s  site1 sent 1,000, site2 999 (1 lost), site4 -");
});

test("the summary says what was proved", () => {
  const text = summaryText(verdictOf(good), noColours);
  expect(text).toContain("site4  yes           400       400     0        0          0    0.25");
  expect(text).toContain("What the 1,000 packets showed:\n  yes  site2/host1 received all 1,000");
  expect(text).not.toContain("NO ");
  expect(text.split("\n").at(-1)).toStartWith("ok: ");
});

test("the summary says what failed", () => {
  const text = summaryText(verdictOf(atSite2({ duplicated: 2 })), noColours);
  expect(text).toContain("  NO   site2/host1: of 1,000 packets 2 doubled");
  expect(text.split("\n").at(-1)).toStartWith("failed: 1 of ");
});
