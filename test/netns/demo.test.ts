/** The demo against a real kernel; it must leave nothing behind, however it ends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { machineFaults, machineFeatures } from "../../src/demo/machine.ts";
import type { Outcome } from "../../src/demo/demo.ts";

const missing = machineFaults(machineFeatures());
const suite = missing.length === 0 ? "with root" : `skipped: ${missing.join("; ")}`;

const entry = fileURLToPath(new URL("../../cmd/fastcast.ts", import.meta.url));
const limitMs = 120_000;
/** In the environment of everything that the demo starts. */
const mark = `DEMO_TEST=${process.pid}`;
let root = "";

beforeAll(() => {
  root = mkdtempSync(`${tmpdir()}/fm-`);
});

afterAll(() => rmSync(root, { recursive: true }));

const startDemo = (...flags: string[]) =>
  Bun.spawn([process.execPath, entry, "demo", ...flags], {
    env: { ...process.env, FASTCAST_LAB_DIR: root, DEMO_TEST: String(process.pid) },
    stdout: "pipe",
    stderr: "pipe",
  });

const namespacesOf = (pid: number): string[] =>
  existsSync("/run/netns")
    ? readdirSync("/run/netns").filter((name) => name.startsWith(`demo-${pid}-`))
    : [];

const processes = (): string[] =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(mark));

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch (error) {
    if (error instanceof Error && "code" in error) return []; // it has ended meanwhile
    throw error;
  }
}

function expectNothingLeft(pid: number): void {
  expect(namespacesOf(pid)).toEqual([]);
  expect(processes()).toEqual([]);
  expect(readdirSync(root)).toEqual([]);
}

/** Reads stderr until it has the text; answers all it read. */
async function untilSaid(child: ReturnType<typeof startDemo>, text: string): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of child.stderr) {
    said += decoder.decode(chunk, { stream: true });
    if (said.includes(text)) return said;
  }
  throw new Error(`never said: ${text}. It said:\n${said}`);
}

describe.skipIf(missing.length > 0)(`fastcast demo (${suite})`, () => {
  test(
    "every packet arrives where it should, and one object says so",
    async () => {
      const child = startDemo("--duration", "8", "--json");
      const [status, out, err] = await Promise.all([
        child.exited,
        child.stdout.text(),
        child.stderr.text(),
      ]);
      expect([status, err]).toEqual([0, expect.stringContaining("site4/host1 leaves")]);
      const outcome = JSON.parse(out) as Outcome;
      const { ok, sent, sites, claims } = outcome;
      expect(claims.filter(({ holds }) => !holds)).toEqual([]);
      expect(ok).toBe(true);
      expect(sent).toBeGreaterThan(3_000);
      const none = { lost: 0, duplicated: 0, reordered: 0 };
      const guest = sites[3]?.received ?? 0;
      expect(sites).toMatchObject([
        { site: "site1", member: false, expected: 0, received: 0, ...none },
        { site: "site2", member: true, expected: sent, received: sent, ...none },
        { site: "site3", member: true, expected: sent, received: sent, ...none },
        { site: "site4", member: true, expected: guest, received: guest, ...none },
      ]);
      expect(guest).toBeGreaterThan(0);
      expect(guest).toBeLessThan(sent);
      expect(outcome.sitesWithoutMember).toEqual([
        { site: "site1", frames: 0 },
        { site: "site4", frames: 0 },
      ]);
      expect(outcome.events.map(({ event }) => event)).toEqual([
        "join",
        "kill",
        "restart",
        "leave",
      ]);
      expectNothingLeft(child.pid);
    },
    limitMs,
  );

  test.each(["Raising four sites", "join 233.252.0.1", "s  site1 sent"])(
    "SIGINT after %p leaves nothing",
    async (text) => {
      const child = startDemo("--duration", "10");
      await untilSaid(child, text);
      child.kill("SIGINT");
      expect([await child.exited, await child.stdout.text()]).toEqual([1, ""]);
      expectNothingLeft(child.pid);
    },
    limitMs,
  );

  test(
    "a part that dies ends the demo, with its name and log",
    async () => {
      const child = startDemo("--duration", "10", "--json");
      await untilSaid(child, "s  site1 sent");
      const [lab = ""] = readdirSync(root);
      const argv = [process.execPath, entry, "lab", "kill", "--name", lab, "site3/edge"];
      expect(
        Bun.spawnSync(argv, { env: { ...process.env, FASTCAST_LAB_DIR: root } }).exitCode,
      ).toBe(0);
      expect(await child.exited).toBe(1);
      expect(JSON.parse(await child.stdout.text())).toMatchObject({
        ok: false,
        fault: expect.stringContaining("site3/edge: site ended"),
      });
      expectNothingLeft(child.pid);
    },
    limitMs,
  );
});

test("too short a run is refused", async () => {
  const child = startDemo("--duration", "4");
  expect([await child.exited, await child.stdout.text()]).toEqual([2, ""]);
});
