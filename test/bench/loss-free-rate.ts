/**
 * Finds the highest rate that the lab carries without loss, and what a packet costs the roles:
 * three sites, star, one sender, a receiver in each of the two other sites. Each step of the ladder
 * runs several times and the median speaks; the last loss-free step is the figure.
 *
 *   sudo npm run bench -- [--size BYTES] [--rounds N] [--json FILE]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    size: { type: "string", default: "1200" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    json: { type: "string" },
  },
});

const fastcast = `${import.meta.dir}/../../dist/fastcast`;
const lab = `bench${process.pid}`;
const group = "233.252.0.7";
const ladder = [1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80].map((thousand) => thousand * 1000);
const ticksPerSecond = 100;
const size = Number(values.size);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

type Delivery = { received: number; lost: number; latencyMs: { p50: number; p99: number } };
type Step = {
  rate: number;
  offered: number;
  sentPerSecond: number;
  lostShare: number;
  rolesMicrosPerPacket: number;
  machineMicrosPerPacket: number;
  p50Ms: number;
  p99Ms: number;
};

function run(...args: string[]): string {
  const child = Bun.spawnSync([fastcast, ...args]);
  if (child.exitCode === 0) return child.stdout.toString();
  throw new Error(`fastcast ${args.join(" ")}: ${child.stderr.toString()}`);
}

function start(machine: string, ...args: string[]) {
  const command = [fastcast, "lab", "exec", "--name", lab, machine, "--", fastcast, ...args];
  return Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
}

/** CPU seconds that the roles of all sites have used. */
function roleSeconds(): number {
  const state = JSON.parse(readFileSync(`/run/fastcast/lab/${lab}/state.json`, "utf8")) as {
    processes: { pid: number }[];
  };
  return state.processes.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }, 0);
}

/** Busy CPU seconds of the whole machine. */
function machineSeconds(): number {
  const line = readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

async function joined(receiver: ReturnType<typeof start>): Promise<void> {
  const reader = receiver.stderr.getReader();
  for (let text = ""; !text.includes("joined");) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`receiver ended: ${text}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
}

async function once(rate: number): Promise<Step> {
  const offered = rate * seconds;
  const receiving = ["site2/host1", "site3/host1"].map((machine) =>
    start(machine, "recv", group, "--idle", "2", "--expect", String(offered), "--json"),
  );
  for (const receiver of receiving) await joined(receiver);
  await Bun.sleep(1000);
  const before = { roles: roleSeconds(), machine: machineSeconds() };
  const startedMs = performance.now();
  const sender = start(
    "site1/host1",
    ...["send", group, "--rate", String(rate), "--size", String(size), "--count", String(offered)],
  );
  await sender.exited;
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const roles = roleSeconds() - before.roles;
  const machine = machineSeconds() - before.machine;
  const deliveries = await Promise.all(
    receiving.map(async (receiver) => JSON.parse(await new Response(receiver.stdout).text())),
  );
  const each = deliveries.map((report) => ({
    received: report.received as number,
    latencyMs: (report.senders[0]?.latencyMs ?? { p50: -1, p99: -1 }) as Delivery["latencyMs"],
  }));
  const least = Math.min(...each.map(({ received }) => received));
  return {
    rate,
    offered,
    sentPerSecond: Math.round(offered / tookSeconds),
    lostShare: 1 - least / offered,
    rolesMicrosPerPacket: (roles / offered) * 1e6,
    machineMicrosPerPacket: (machine / offered) * 1e6,
    p50Ms: Math.max(...each.map(({ latencyMs }) => latencyMs.p50)),
    p99Ms: Math.max(...each.map(({ latencyMs }) => latencyMs.p99)),
  };
}

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[numbers.length >> 1] as number;

async function step(rate: number): Promise<Step> {
  const runs: Step[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await once(rate));
  const of = (field: keyof Step): number => median(runs.map((one) => one[field]));
  return {
    rate,
    offered: of("offered"),
    sentPerSecond: of("sentPerSecond"),
    lostShare: of("lostShare"),
    rolesMicrosPerPacket: of("rolesMicrosPerPacket"),
    machineMicrosPerPacket: of("machineMicrosPerPacket"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
  };
}

const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  bun: Bun.version,
};
console.log(`machine: ${JSON.stringify(machine)}`);
console.log(`three sites, star, ${size}-byte payloads, ${rounds} rounds of ${seconds} s, medians`);
console.log("  rate/s   lost %   roles us/packet   machine us/packet   p50 ms   p99 ms");
const steps: Step[] = [];
try {
  run("lab", "up", "--name", lab, "--sites", "3", "--hosts", "1");
  for (const rate of ladder) {
    const result = await step(rate);
    steps.push(result);
    console.log(
      [
        String(rate).padStart(8),
        (result.lostShare * 100).toFixed(3).padStart(8),
        result.rolesMicrosPerPacket.toFixed(1).padStart(17),
        result.machineMicrosPerPacket.toFixed(1).padStart(19),
        result.p50Ms.toFixed(3).padStart(8),
        result.p99Ms.toFixed(3).padStart(8),
      ].join(" "),
    );
    if (result.lostShare > 0.01) break;
  }
} finally {
  run("lab", "down", "--name", lab);
}
const best = steps.filter(({ lostShare }) => lostShare === 0).at(-1);
console.log(`highest loss-free rate: ${best?.rate ?? 0} packets per second`);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, size, steps, best }, undefined, 2)}\n`);
}
