/** IPv6 groups between the sites of a lab, with real kernels on all sides; IPv4 beside them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { machineFaults, machineFeatures } from "../../src/demo/machine.ts";

const missing = [
  ...machineFaults(machineFeatures()),
  ...(Bun.which("tcpdump") ? [] : ["no tcpdump"]),
];
const suite = missing.length === 0 ? "with root" : `skipped: ${missing.join("; ")}`;

const entry = fileURLToPath(new URL("../../cmd/fastcast.ts", import.meta.url));
const name = `v6t${process.pid}`;
const limitMs = 60_000;
let root = "";

const fastcast = (...argv: string[]) =>
  Bun.spawn([process.execPath, entry, ...argv], {
    env: { ...process.env, FASTCAST_LAB_DIR: root },
    stdout: "pipe",
    stderr: "pipe",
  });

const lab = (verb: string, ...argv: string[]) => fastcast("lab", verb, "--name", name, ...argv);
const on = (machine: string, ...argv: string[]) => lab("exec", machine, "--", ...argv);
const tool = (machine: string, ...argv: string[]) => on(machine, process.execPath, entry, ...argv);

type Report = {
  received: number;
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  joinToFirstMs: number | null;
  senders: { source: string }[];
};

/** A receiver that has joined; `report` resolves when it ends. */
async function receiver(machine: string, group: string, ...argv: string[]) {
  const child = tool(machine, "recv", group, "--interface", "eth0", "--json", ...argv);
  await said(child.stderr, "joined");
  const report = child.stdout.text().then((text) => JSON.parse(text) as Report);
  return { report };
}

const sender = (machine: string, group: string, ...argv: string[]) =>
  tool(machine, "send", group, "--interface", "eth0", ...argv);

async function said(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  for (let all = ""; !all.includes(text);) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`never said: ${text}. It said:\n${all}`);
    all += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
}

async function control<Answer>(site: number, path: string): Promise<Answer> {
  const unix = `${root}/${name}/site${site}-edge.sock`;
  return (await (await fetch(`http://lab/v1${path}`, { unix })).json()) as Answer;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`never: ${holds.toString()}`);
    await Bun.sleep(20);
  }
}

type Groups = { remote: { group: string }[] };
const wantedRemotely = (group: string) => async (): Promise<boolean> =>
  (await control<Groups>(1, "/groups")).remote.some((want) => want.group === group);

/** Packets that site 1 has stamped so far. */
async function stamped(): Promise<number> {
  type Counters = { gateway: { ingress: { stamped: number } } };
  return (await control<Counters>(1, "/counters")).gateway.ingress.stamped;
}

const whole = { received: 2_000, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };

describe.skipIf(missing.length > 0)(`IPv6 multicast between sites (${suite})`, () => {
  beforeAll(async () => {
    root = mkdtempSync(`${tmpdir()}/f6-`);
    const up = lab("up", "--sites", "3", "--hosts", "2");
    const [status, err] = await Promise.all([up.exited, up.stderr.text()]);
    expect([status, err]).toEqual([0, ""]);
  }, limitMs);

  afterAll(async () => {
    await lab("down").exited;
    rmSync(root, { recursive: true });
  }, limitMs);

  test("lab status shows the addresses", async () => {
    expect(await lab("status").stdout.text()).toContain("eth0 10.2.0.11/24 fd00:2::11/64");
  });

  test(
    "2,000 packets reach two sites, in order and none twice, beside a flow of IPv4",
    async () => {
      const capture = on(
        "site2/host1",
        "tcpdump",
        ...["-n", "-v", "-i", "eth0", "-c", "40", "ip6", "and", "udp", "port", "5001"],
      );
      const count = ["--count", "2000", "--duration", "30"];
      const receivers = await Promise.all([
        receiver("site2/host1", "[ff18::1234]:5001", ...count),
        receiver("site3/host1", "[ff18::1234]:5001", ...count),
        receiver("site2/host2", "233.252.0.6:5002", ...count),
        receiver("site3/host2", "233.252.0.6:5002", ...count),
      ]);
      await until(wantedRemotely("ff18::1234"));
      await until(wantedRemotely("233.252.0.6"));
      const pace = ["--count", "2000", "--rate", "500", "--ttl", "16"];
      sender("site1/host1", "[ff18::1234]:5001", ...pace);
      sender("site1/host2", "233.252.0.6:5002", ...pace);
      const reports = await Promise.all(receivers.map(({ report }) => report));
      expect(reports).toMatchObject([
        { ...whole, senders: [{ source: "fd00:1::11" }] },
        { ...whole, senders: [{ source: "fd00:1::11" }] },
        { ...whole, senders: [{ source: "10.1.0.12" }] },
        { ...whole, senders: [{ source: "10.1.0.12" }] },
      ]);
      const lines = (await capture.stdout.text())
        .split("\n")
        .filter((line) => line.includes("IP6"));
      expect(lines).toHaveLength(40);
      for (const line of lines) {
        expect(line).toMatch(/hlim 15, .* fd00:1::11\.\d+ > ff18::1234\.5001: \[udp sum ok\]/);
      }
    },
    limitMs,
  );

  test(
    "from join to first packet less than a second, from leave to silence less than three",
    async () => {
      // A Gateway that has just started withdraws nothing: it may not know all members yet.
      await until(async () => !(await control<{ settling: boolean }>(2, "/gateway")).settling);
      const sending = sender("site1/host1", "[ff0e::4321]:5001", "--rate", "100");
      const { report } = await receiver("site2/host1", "[ff0e::4321]:5001", "--duration", "2");
      const { joinToFirstMs, ...counts } = await report;
      expect(counts).toMatchObject({ duplicated: 0, reordered: 0 });
      expect(counts.received).toBeGreaterThan(100);
      expect(joinToFirstMs).toBeLessThan(1_000);
      const leftMs = performance.now();
      let last = { packets: await stamped(), atMs: leftMs };
      while (performance.now() - last.atMs < 1_000 && performance.now() - leftMs < 10_000) {
        await Bun.sleep(50);
        const packets = await stamped();
        if (packets > last.packets) last = { packets, atMs: performance.now() };
      }
      expect(last.atMs - leftMs).toBeLessThan(3_000);
      sending.kill("SIGTERM");
    },
    limitMs,
  );

  test(
    "a host of MLD version 1 is a member, too",
    async () => {
      const file = "/proc/sys/net/ipv6/conf/eth0/force_mld_version";
      await on("site3/host2", "sh", "-c", `echo 1 > ${file}`).exited;
      const receiving = await receiver("site3/host2", "[ff0e::5]:5001", "--count", "200");
      await until(wantedRemotely("ff0e::5"));
      type Heard = { groups: { group: string; mldVersion: number }[] };
      const { groups } = await control<Heard>(3, "/eavesdropper/groups");
      expect(groups.find(({ group }) => group === "ff0e::5")?.mldVersion).toBe(1);
      sender("site1/host1", "[ff0e::5]:5001", "--rate", "200", "--count", "200");
      expect(await receiving.report).toMatchObject({ received: 200, lost: 0, duplicated: 0 });
    },
    limitMs,
  );

  test(
    "a channel brings its source alone; groups of link and site never cross",
    async () => {
      const kept = ["[ff02::1234]:5003", "[ff12::1]:5003", "[ff05::1234]:5003"];
      const channel = "[ff3e::77]:5003";
      const [own, ...others] = await Promise.all([
        receiver("site2/host1", channel, "--source", "fd00:1::11", "--duration", "4"),
        ...kept.map((group) => receiver("site2/host1", group, "--duration", "4")),
      ]);
      await until(wantedRemotely("ff3e::77"));
      const pace = ["--rate", "200", "--count", "400"];
      for (const group of [channel, ...kept]) sender("site1/host1", group, ...pace);
      sender("site1/host2", channel, ...pace);
      const senders = [{ source: "fd00:1::11" }];
      expect(await own?.report).toMatchObject({ received: 400, lost: 0, duplicated: 0, senders });
      for (const { report } of others) expect((await report).received).toBe(0);
      const { remote } = await control<Groups>(1, "/groups");
      expect(remote.filter(({ group }) => /^ff[0-9a-f][25]:/.test(group))).toEqual([]);
    },
    limitMs,
  );
});
