/** Both programs for real: in two network namespaces when root on Linux, else over loopback. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecvReport } from "../../cmd/recv-report.ts";

const isIsolated = process.platform === "linux" && process.getuid?.() === 0;
const space = { sender: `fcprobe-${process.pid}-a`, receiver: `fcprobe-${process.pid}-b` } as const;
const at = isIsolated
  ? ({ sender: "fp0", receiver: "fp1", source: "192.0.2.1" } as const)
  : ({ sender: "127.0.0.1", receiver: "127.0.0.1", source: "127.0.0.1" } as const);
const entry = join(import.meta.dir, "fixture/probe-tools.ts");
const waitMs = 10_000;
const packetLog = join(tmpdir(), `fcprobe-${process.pid}.jsonl`);

const ip = (line: string): void => {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...line.split(" ")]);
  if (exitCode !== 0) throw new Error(`ip ${line}: ${stderr}`);
};

function removeSpaces(): void {
  for (const name of Object.values(space)) Bun.spawnSync(["ip", "netns", "del", name]);
}

beforeAll(() => {
  if (!isIsolated) return;
  process.on("exit", removeSpaces); // also when a hook throws and the last one is skipped
  ip(`netns add ${space.sender}`);
  ip(`netns add ${space.receiver}`);
  ip(`-n ${space.sender} link add fp0 type veth peer name fp1 netns ${space.receiver}`);
  for (const [name, device, host] of [
    [space.sender, "fp0", 1],
    [space.receiver, "fp1", 2],
  ] as const) {
    ip(`-n ${name} addr add 192.0.2.${host}/24 dev ${device}`);
    ip(`-n ${name} -6 addr add 2001:db8::${host}/64 dev ${device} nodad`);
    ip(`-n ${name} link set ${device} up`);
  }
});

afterAll(() => {
  rmSync(packetLog, { force: true });
  if (!isIsolated) return;
  removeSpaces();
  process.off("exit", removeSpaces);
});

function start(side: "sender" | "receiver", args: readonly string[]) {
  const inside = isIsolated ? ["ip", "netns", "exec", space[side]] : [];
  const command = [...inside, process.execPath, entry, ...args];
  return Bun.spawn(command, { stdout: "pipe", stderr: "pipe", timeout: waitMs });
}

type Program = ReturnType<typeof start>;

/** A program's end: `rest` of stderr is what came after the part that was awaited. */
async function ended(program: Program) {
  const [status, out] = await Promise.all([program.exited, new Response(program.stdout).text()]);
  return { status, out };
}

async function receiver(args: readonly string[]) {
  const program = start("receiver", ["recv", ...args, "--interface", at.receiver]);
  const reader = program.stderr.getReader();
  let text = "";
  while (!text.includes("joined ")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`recv ended before it joined: ${text}`);
    text += new TextDecoder().decode(value);
  }
  const rest = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
  };
  return {
    program,
    joined: text,
    end: async () => ({ ...(await ended(program)), err: await rest() }),
  };
}

const send = (args: readonly string[]) =>
  ended(start("sender", ["send", ...args, "--interface", at.sender]));

const reportOf = (out: string): RecvReport => JSON.parse(out) as RecvReport;

test("every packet arrives once, in order, and both sides say so", async () => {
  const group = "233.252.0.1:5011";
  const checks = ["--json", "--checksum", "--write", packetLog];
  const recv = await receiver([group, "--count", "500", "--expect", "500", ...checks]);
  expect(recv.joined).toContain("joined 233.252.0.1 on ");
  const sent = await send([group, "--count", "500", "--rate", "2000", "--size", "1200", "--json"]);
  const { status, out } = await recv.end();
  const summary = JSON.parse(sent.out) as { run: number; sent: number };
  expect([sent.status, status, summary.sent]).toEqual([0, 0, 500]);
  const report = reportOf(out);
  expect(report).toMatchObject({ group: "233.252.0.1", port: 5011, received: 500, lost: 0 });
  expect(report).toMatchObject({ duplicated: 0, reordered: 0, corrupted: 0, foreign: 0 });
  expect(report.senders).toMatchObject([
    { source: at.source, run: summary.run, stream: 0, first: 0, last: 499, bytes: 600_000 },
  ]);
  expect(report.sha256).toMatch(/^[0-9a-f]{64}$/);
  const lines = readFileSync(packetLog, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).counter)).toEqual([...Array(500).keys()]);
});

test("a missing packet fails with --expect, after the summary", async () => {
  const recv = await receiver(["233.252.0.2:5012", "--expect", "6", "--idle", "0.3", "--json"]);
  await send(["233.252.0.2:5012", "--count", "5"]);
  const { status, out, err } = await recv.end();
  expect(status).toBe(1);
  expect(err).toContain("1 expected packets did not come");
  expect(reportOf(out)).toMatchObject({ received: 5, lost: 1 });
});

test("other groups on the same port do not arrive; SIGTERM ends with the summary", async () => {
  const recv = await receiver(["233.252.0.3:5013", "--json"]);
  const other = await receiver(["233.252.0.4:5013", "--count", "3", "--json"]);
  await send(["233.252.0.4:5013", "--count", "3"]);
  expect((await other.end()).status).toBe(0);
  recv.program.kill("SIGTERM");
  const { status, out } = await recv.end();
  expect(status).toBe(0);
  expect(reportOf(out)).toMatchObject({ received: 0, foreign: 0, joinToFirstMs: null });
});

test("a source-specific join takes that source only", async () => {
  const group = "232.252.0.1:5014";
  const wanted = await receiver([group, "--source", at.source, "--count", "1", "--json"]);
  const other = await receiver([group, "--source", "198.51.100.9", "--duration", "1", "--json"]);
  await send([group, "--count", "1"]);
  expect(reportOf((await wanted.end()).out).received).toBe(1);
  expect(reportOf((await other.end()).out).received).toBe(0);
});

test("a text is sent once and shown, without its control characters", async () => {
  const recv = await receiver(["233.252.0.5:5015", "--count", "1"]);
  await send(["233.252.0.5:5015", "--text", "hello\u001b[1m", "--source-port", "5999"]);
  expect((await recv.end()).out).toContain(`${at.source} port 5999: hello.[1m`);
});

test("JSON lines: one per interval and one at the end", async () => {
  const group = "233.252.0.6:5016";
  const recv = await receiver([group, "--count", "10", "--json-lines", "--interval", "0.05"]);
  await send([group, "--count", "10", "--rate", "50"]);
  const lines = (await recv.end()).out.trimEnd().split("\n").map(reportOf);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.at(-1)?.received).toBe(10);
});

test("too few by the time limit is status 8", async () => {
  const recv = await receiver(["233.252.0.7:5017", "--count", "1", "--duration", "0.1"]);
  expect((await recv.end()).status).toBe(8);
});

test.skipIf(!isIsolated)("IPv6 (needs the addresses of own namespaces)", async () => {
  for (const group of ["[ff15::77]:5018", "[ff02::1:77]:5018"]) {
    const recv = await receiver([group, "--count", "2", "--json"]);
    await send([group, "--count", "2"]);
    expect(reportOf((await recv.end()).out)).toMatchObject({ received: 2, lost: 0 });
  }
});

test.each([
  ["an unknown interface", ["recv", "233.252.0.1", "--interface", "nope0"], "there are: "],
  ["no group", ["recv", "192.0.2.1"], "Not a multicast group"],
  ["a source-specific group without a source", ["recv", "232.252.0.1"], "--source"],
  ["a size too small", ["send", "233.252.0.1", "--size", "39"], "from 40 to 65507"],
  ["a text with a size", ["send", "233.252.0.1", "--text", "x", "--size", "50"], "cannot be used"],
  ["an unknown option", ["send", "233.252.0.1", "--fast"], "unknown option"],
])("usage: %s", async (_, args, message) => {
  const program = start("receiver", args);
  const text = await new Response(program.stderr).text();
  expect([text, await program.exited]).toEqual([expect.stringContaining(message), 2]);
});
