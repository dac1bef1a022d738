/**
 * Finds the highest rate that the lab carries without loss, and what a packet costs the roles:
 * three sites, star, one sender, a receiver in each of the two other sites. Each step of the ladder
 * runs several times and the median speaks; the last loss-free step is the figure. Kinds of site
 * interface are compared step by step, round by round, each in a lab of its own.
 *
 *   sudo npm run bench -- [--interface routed] [--interface bridged] [--size BYTES] [--rounds N]
 *                         [--rates 5,10,20] [--json FILE]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    interface: { type: "string", multiple: true, default: ["routed"] },
    size: { type: "string", default: "1200" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    rates: { type: "string", default: "1,2,5,10,15,20,25,30,40,50,60,70,80" },
    json: { type: "string" },
  },
});

/** `NETNS_EXECUTABLE` names another build, for work while others rebuild. */
const fastcast = process.env.NETNS_EXECUTABLE ?? `${import.meta.dir}/../../dist/fastcast`;
const kinds = values.interface;
const labOf = (kind: string): string => `bench${process.pid}${kind}`;
const group = "233.252.0.7";
/** Thousands of packets per second. */
const ladder = values.rates.split(",").map((thousand) => Number(thousand) * 1000);
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

function start(lab: string, machine: string, ...args: string[]) {
  const command = [fastcast, "lab", "exec", "--name", lab, machine, "--", fastcast, ...args];
  return Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
}

/** CPU seconds that the roles of all sites have used. */
function roleSeconds(lab: string): number {
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

async function once(lab: string, rate: number): Promise<Step> {
  const offered = rate * seconds;
  const receiving = ["site2/host1", "site3/host1"].map((machine) =>
    start(lab, machine, "recv", group, "--idle", "2", "--expect", String(offered), "--json"),
  );
  for (const receiver of receiving) await joined(receiver);
  await Bun.sleep(1000);
  const before = { roles: roleSeconds(lab), machine: machineSeconds() };
  const startedMs = performance.now();
  const sender = start(
    lab,
    "site1/host1",
    ...["send", group, "--rate", String(rate), "--size", String(size), "--count", String(offered)],
  );
  await sender.exited;
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const roles = roleSeconds(lab) - before.roles;
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

/** One step of the ladder for each kind, their rounds taking turns. */
async function step(rate: number, racing: readonly string[]): Promise<Map<string, Step>> {
  const runs = new Map(racing.map((kind) => [kind, [] as Step[]]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of racing) runs.get(kind)?.push(await once(labOf(kind), rate));
  }
  return new Map([...runs].map(([kind, all]) => [kind, medians(rate, all)]));
}

function medians(rate: number, runs: readonly Step[]): Step {
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
console.log("interface   rate/s   lost %   roles us/packet   machine us/packet   p50 ms   p99 ms");
const steps = new Map(kinds.map((kind) => [kind, [] as Step[]]));
try {
  for (const kind of kinds) {
    run("lab", "up", "--name", labOf(kind), "--sites", "3", "--hosts", "1", "--interface", kind);
  }
  let racing = kinds;
  for (const rate of ladder) {
    for (const [kind, result] of await step(rate, racing)) {
      steps.get(kind)?.push(result);
      console.log(
        [
          kind.padEnd(9),
          String(rate).padStart(8),
          (result.lostShare * 100).toFixed(3).padStart(8),
          result.rolesMicrosPerPacket.toFixed(1).padStart(17),
          result.machineMicrosPerPacket.toFixed(1).padStart(19),
          result.p50Ms.toFixed(3).padStart(8),
          result.p99Ms.toFixed(3).padStart(8),
        ].join(" "),
      );
    }
    racing = racing.filter((kind) => (steps.get(kind)?.at(-1)?.lostShare ?? 0) <= 0.01);
    if (racing.length === 0) break;
  }
} finally {
  for (const kind of kinds) run("lab", "down", "--name", labOf(kind));
}
const results = kinds.map((kind) => {
  const taken = steps.get(kind) ?? [];
  const best = taken.filter(({ lostShare }) => lostShare === 0).at(-1);
  console.log(`${kind}: highest loss-free rate: ${best?.rate ?? 0} packets per second`);
  return { interface: kind, steps: taken, best };
});
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, size, results }, undefined, 2)}\n`);
}
