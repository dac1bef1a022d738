/** The lab against a real kernel: needs Linux, root and iproute2, and says so where they lack. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { isLabNamespace } from "../../src/lab/machines.ts";

const missing = [
  ...(process.platform === "linux" ? [] : ["Linux"]),
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...(Bun.which("ip") ? [] : ["iproute2"]),
];
const suite = missing.length === 0 ? "with root" : `skipped: needs ${missing.join(", ")}`;

const entry = fileURLToPath(new URL("../../cmd/fastcast.ts", import.meta.url));
const name = `t${process.pid}`;
const limitMs = 60_000;
let root = "";

beforeAll(() => {
  root = mkdtempSync(`${tmpdir()}/fl-`);
});

afterAll(async () => {
  if (missing.length === 0) await lab("down");
  rmSync(root, { recursive: true });
});

const startLab = (...argv: string[]) =>
  Bun.spawn([process.execPath, entry, "lab", argv[0] ?? "", "--name", name, ...argv.slice(1)], {
    env: { ...process.env, FASTCAST_LAB_DIR: root },
    stdout: "pipe",
    stderr: "pipe",
  });

async function lab(...argv: string[]) {
  const child = startLab(...argv);
  const [status, out, err] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  return { status, out, err };
}

const exec = (machine: string, ...argv: string[]) => lab("exec", machine, "--", ...argv);

/** Round trips in ms that ping measured; empty when nothing came back. */
async function roundTrips(machine: string, address: string, count = 3): Promise<number[]> {
  const { out } = await exec(
    machine,
    "ping",
    "-n",
    "-c",
    `${count}`,
    "-i",
    "0.1",
    "-W",
    "1",
    address,
  );
  return [...out.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`never: ${holds.toString()}`);
    await Bun.sleep(20);
  }
}

const namespaces = (): string[] =>
  existsSync("/run/netns")
    ? readdirSync("/run/netns").filter((namespace) => isLabNamespace(namespace, name))
    : [];

/** Pids whose command line names this test's directory. */
const processes = (): string[] =>
  readdirSync("/proc").filter((entry) => {
    const file = `/proc/${entry}/cmdline`;
    return /^\d+$/.test(entry) && existsSync(file) && readFileSync(file, "utf8").includes(root);
  });

function expectNothingLeft(): void {
  expect(namespaces()).toEqual([]);
  expect(processes()).toEqual([]);
  expect(readdirSync(root)).toEqual([]);
}

const receiver = (join: boolean): string => `
  const socket = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", (bytes) => console.log(String(bytes)));
  socket.bind(4000, () => {
    ${join ? 'socket.addMembership("233.252.0.1");' : ""}
    console.log("ready");
  });
  setTimeout(() => process.exit(), 30000);`;

const sender = (count: number): string => `
  const socket = require("node:dgram").createSocket("udp4");
  socket.bind(0, () => {
    socket.setMulticastInterface("10.1.0.1");
    let left = ${count};
    const next = () =>
      left-- === 0 ? socket.close() : socket.send("hello", 4000, "233.252.0.1", next);
    next();
  });`;

async function framesOf(machine: string): Promise<number> {
  const { out } = await exec(machine, "cat", "/sys/class/net/eth0/statistics/rx_packets");
  return Number(out);
}

describe.skipIf(missing.length > 0)(`lab up --no-roles, plain bridge (${suite})`, () => {
  beforeAll(async () => {
    const { err, status } = await lab("up", "--no-roles", "--sites", "2", "--hosts", "2");
    expect([status, err]).toEqual([0, ""]);
  }, limitMs);

  test("hosts of a LAN and edges of the WAN reach one another, LANs do not", async () => {
    expect(await roundTrips("site1/host1", "10.1.0.12")).toHaveLength(3);
    expect(await roundTrips("site1/edge", "198.51.100.2")).toHaveLength(3);
    expect(await roundTrips("manager", "198.51.100.1")).toHaveLength(3);
    expect(await roundTrips("site1/host1", "10.2.0.11", 1)).toEqual([]);
  });

  test("nothing of it is in the root namespace", async () => {
    const { stdout } = Bun.spawn(["ip", "-o", "address"]);
    expect(await stdout.text()).not.toMatch(/ 10\.[12]\.0\.|198\.51\.100\./);
  });

  test("status is well, exec passes input and status on", async () => {
    const status = await lab("status", "--json");
    expect(status.status).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({ name, well: true, phase: "up" });
    expect((await exec("site2/host1", "sh", "-c", "exit 42")).status).toBe(42);
    expect((await exec("site2/host1", "sh", "-c", "kill -9 $$")).status).toBe(137);
  });

  test("what does not exist is answered with what does", async () => {
    const exec = await lab("exec", "site3/host1", "--", "true");
    expect([exec.status, exec.err]).toEqual([2, expect.stringContaining("site2/host2")]);
    const wan = await lab("wan");
    expect([wan.status, wan.err]).toEqual([2, expect.stringContaining("--wan emulated")]);
    const up = await lab("up", "--no-roles");
    expect([up.status, up.err]).toEqual([1, expect.stringContaining("lab down")]);
  });

  test(
    "multicast in the LAN reaches only hosts that joined",
    async () => {
      // Without a querier a Linux bridge floods; in a lab with roles the Eavesdropper is one.
      const setBridge = async (...options: string[]) =>
        exec("site1/lan", "ip", "link", "set", "br0", "type", "bridge", ...options);
      await setBridge("mcast_query_response_interval", "10");
      await setBridge("mcast_querier", "1");
      const joined = startLab("exec", "site1/host1", "--", process.execPath, "-e", receiver(true));
      const bound = startLab("exec", "site1/host2", "--", process.execPath, "-e", receiver(false));
      const output = joined.stdout.getReader();
      await output.read();
      const sendAndCount = async (count: number): Promise<[number, number]> => {
        const before = [await framesOf("site1/host1"), await framesOf("site1/host2")] as const;
        await exec("site1/edge", process.execPath, "-e", sender(count));
        const after = [await framesOf("site1/host1"), await framesOf("site1/host2")] as const;
        return [after[0] - before[0], after[1] - before[1]];
      };
      await until(async () => {
        const [member, other] = await sendAndCount(100);
        return member >= 100 && other < 20;
      });
      expect(String(new TextDecoder().decode((await output.read()).value))).toStartWith("hello");
      joined.kill();
      bound.kill();
      expect(await bound.stdout.text()).toBe("ready\n");
    },
    limitMs,
  );

  test("down removes namespaces, processes and files", async () => {
    const left = startLab("exec", "site1/host1", "--", "sleep", "600");
    await until(() => existsSync(`/run/netns/${name}-site1-host1`));
    expect((await lab("down")).status).toBe(0);
    await left.exited;
    expectNothingLeft();
    expect((await lab("status")).status).toBe(4);
    expect((await lab("down")).out).toContain("no lab");
  });
});

describe.skipIf(missing.length > 0)(`the emulated WAN (${suite})`, () => {
  beforeAll(async () => {
    const { err, status } = await lab("up", "--no-roles", "--hosts", "0", "--delay", "40");
    expect([status, err]).toEqual([0, ""]);
    await roundTrips("site1/edge", "198.51.100.2"); // the first packet also asks for the MAC
  }, limitMs);

  test("40 ms one way are a round trip of 80 to 90 ms", async () => {
    const times = (await roundTrips("site1/edge", "198.51.100.2", 10)).toSorted((a, b) => a - b);
    expect(times).toHaveLength(10);
    expect(times[0]).toBeGreaterThanOrEqual(80);
    expect(times[5]).toBeLessThanOrEqual(90);
    expect((await roundTrips("manager", "198.51.100.1", 3)).at(-1)).toBeLessThan(20);
  });

  test("a partition of one direction, and its end", async () => {
    expect((await lab("wan", "site1", "site2", "--partition", "--one-way")).status).toBe(0);
    expect(await roundTrips("site2/edge", "198.51.100.1", 2)).toEqual([]);
    const pairs = JSON.parse((await lab("wan", "--json")).out) as Record<string, unknown>[];
    expect(pairs.find((pair) => pair.from === "site1" && pair.to === "site2")).toMatchObject({
      partitioned: true,
      delayMs: 40,
    });
    await lab("wan", "site1", "site2", "--heal", "--delay", "5");
    const times = await roundTrips("site2/edge", "198.51.100.1", 4);
    expect(times.length).toBe(4);
    expect(Math.min(...times)).toBeLessThan(30);
  });

  test(
    "TCP brings 64 MiB unharmed, in super-packets and in single ones",
    async () => {
      for (const loss of ["0", "0.1"]) {
        await lab("wan", "site1", "site2", "--delay", "1", "--loss", loss);
        const server = startLab("exec", "site2/edge", "--", process.execPath, "-e", tcpServer);
        const output = server.stdout.getReader();
        await output.read();
        const client = await exec("site1/edge", process.execPath, "-e", tcpClient);
        expect(client.err).toBe("");
        expect(await server.exited).toBe(0);
      }
    },
    limitMs,
  );

  test(
    "a killed emulator is seen, and restarted",
    async () => {
      await lab("kill", "wan");
      await until(async () => (await lab("status")).status === 7);
      expect(await lab("restart", "wan", "wan-emulator")).toMatchObject({ status: 0, err: "" });
      expect((await lab("status")).status).toBe(0);
      await until(async () => (await roundTrips("site1/edge", "198.51.100.2")).length === 3);
      expect((await lab("restart", "site1/edge")).status).toBe(2);
    },
    limitMs,
  );

  test("down needs no state.json", async () => {
    rmSync(`${root}/${name}/state.json`);
    expect((await lab("down")).status).toBe(0);
    expectNothingLeft();
  });
});

describe.skipIf(missing.length > 0)(`an up that does not finish (${suite})`, () => {
  const large = ["up", "--no-roles", "--sites", "30", "--hosts", "6", "--wan", "emulated"];

  test(
    "cleans up when it is interrupted",
    async () => {
      const child = startLab(...large);
      await until(() => namespaces().length > 20);
      child.kill("SIGINT");
      expect(await child.exited).toBe(1);
      expect(await child.stderr.text()).toContain("interrupted");
      expectNothingLeft();
    },
    limitMs,
  );

  test(
    "leaves to down what a crash left",
    async () => {
      const child = startLab(...large);
      await until(() => namespaces().length > 20);
      child.kill("SIGKILL");
      await child.exited;
      expect((await lab("status")).status).toBe(7);
      expect((await lab("down")).status).toBe(0);
      expectNothingLeft();
    },
    limitMs,
  );
});

/** Byte i of the stream is a hash of i, so that a moved, lost or changed byte shows. */
const byteAt = "(i) => (Math.imul(i, 0x9e3779b1) >>> 13) & 255";
const streamBytes = 64 * 1024 * 1024;

const tcpServer = `
  const byteAt = ${byteAt};
  let at = 0;
  let wrong = 0;
  Bun.listen({ hostname: "198.51.100.2", port: 5001, socket: {
    data(_socket, bytes) {
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== byteAt(at + i)) wrong++;
      at += bytes.length;
    },
    close() { process.exit(wrong === 0 && at === ${streamBytes} ? 0 : 1); },
  } });
  console.log("ready");`;

const tcpClient = `
  const byteAt = ${byteAt};
  const bytes = new Uint8Array(${streamBytes});
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(i);
  let at = 0;
  const pump = (socket) => {
    while (at < bytes.length) {
      const count = socket.write(bytes, at, Math.min(1 << 20, bytes.length - at));
      if (count <= 0) return;
      at += count;
    }
    socket.end();
  };
  await Bun.connect({ hostname: "198.51.100.2", port: 5001, socket: {
    open: pump, drain: pump, data() {}, close() { process.exit(0); },
  } });`;
