/** What a crash of each role costs, under traffic of 500 packets a second. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  figure,
  Lab,
  onRealKernels,
  type PlanView,
  type Program,
  type Receiver,
  type RecvReport,
  testMs,
  until,
  whole,
} from "./rig.ts";

const rate = 500;
const resumeLimitMs = 10_000;
const second = { packets: rate };

/** No loss is judged here, but whatever comes comes once and in order. */
const onceInOrder = { duplicated: 0, reordered: 0, late: 0, corrupted: 0, foreign: 0 } as const;

/** Site 1 sends to sites 2 and 3, and site 3 sends to site 2. */
const paths = {
  "1-2": { group: "239.2.1.1", member: "site2/host1" },
  "1-3": { group: "239.2.1.1", member: "site3/host1" },
  "3-2": { group: "239.2.2.1", member: "site2/host2" },
} as const;
type Path = keyof typeof paths;
const allPaths = Object.keys(paths) as Path[];

onRealKernels("the crash of a role, each on a machine of its own", [], () => {
  let lab: Lab;
  let senders: Program[] = [];

  beforeAll(async () => {
    lab = await Lab.up("f", 3, "--hosts", "2", "--separate");
    senders = ["site1/host1 239.2.1.1", "site3/host2 239.2.2.1"].map((text) => {
      const [machine = "", group = ""] = text.split(" ");
      return lab.send(machine, group, "--rate", `${rate}`);
    });
  }, testMs);
  afterAll(async () => {
    await Promise.all(senders.map((sender) => sender.end()));
    await lab?.down();
  });

  /** Receivers on all paths, while packets flow. */
  const watch = async (): Promise<Map<Path, Receiver>> => {
    const receivers = new Map<Path, Receiver>();
    for (const path of allPaths) {
      const { group, member } = paths[path];
      receivers.set(path, await lab.recv(member, group, "--interval", "0.2"));
    }
    await advance(receivers.values(), second.packets);
    return receivers;
  };

  const flowIds = async (): Promise<number[]> => {
    const { flows } = await lab.control<PlanView>("manager", "/v1/plan");
    return flows.map(({ flow }) => flow).toSorted((a, b) => a - b);
  };

  /** The flows that have an entry in any Router. */
  const entryFlows = async (): Promise<number[]> => {
    const routers = ["site1/router", "site2/router", "site3/router"].map(async (router) =>
      lab.control<{ entries: { flow: number }[] }>(router, "/v1/entries"),
    );
    const flows = (await Promise.all(routers)).flatMap(({ entries }) =>
      entries.map(({ flow }) => flow),
    );
    return [...new Set(flows)].toSorted((a, b) => a - b);
  };

  test(
    "of the Manager: nothing is lost; back again, it changes nothing",
    async () => {
      const receivers = await watch();
      // Entries of flows that the joins one by one have outdated go a while later.
      await until("only planned entries are left", async () =>
        Bun.deepEquals(await entryFlows(), await flowIds()),
      );
      const before = await flowIds();
      await lab.crash("manager");
      await advance(receivers.values(), 2 * second.packets);
      await lab.done("restart", "manager");
      await until("it has planned", async () => (await flowIds()).length >= before.length);
      await advance(receivers.values(), 3 * second.packets);
      expect(await flowIds()).toEqual(before);
      type Counters = { manager: { plans: number; changesSent: number } };
      const { manager } = await lab.control<Counters>("manager", "/v1/counters");
      expect(manager.plans).toBeGreaterThan(0);
      expect(manager.changesSent).toBe(0);
      for (const [path, report] of await stopAll(receivers)) {
        expect([path, report]).toEqual([path, expect.objectContaining(whole)]);
      }
    },
    testMs,
  );

  test(
    "of the Manager: a join meanwhile is served when it is back, and disturbs nobody",
    async () => {
      const receivers = await watch();
      await lab.crash("manager");
      const { group } = paths["3-2"];
      const joiner = await lab.recv("site1/host2", group, "--interval", "0.2");
      await lab.untilMembers("site3/gateway", group, ["site1", "site2"]);
      await advance(receivers.values(), second.packets);
      expect(joiner.received).toBe(0);
      const atMs = performance.now();
      await lab.done("restart", "manager");
      await until("the joiner receives", () => joiner.received > 0, resumeLimitMs);
      figure("Manager: restart to first packet of a waiting join in ms", performance.now() - atMs);
      await advance([joiner, ...receivers.values()], second.packets);
      expect(await joiner.stop()).toMatchObject(whole);
      for (const [path, report] of await stopAll(receivers)) {
        expect([path, report]).toEqual([path, expect.objectContaining(whole)]);
      }
    },
    testMs,
  );

  test.each([
    ["site2/router", ["1-2", "3-2"]],
    ["site1/router", ["1-2", "1-3"]],
    ["site2/gateway", ["1-2", "3-2"]],
    ["site1/gateway", ["1-2", "1-3"]],
  ] as [string, Path[]][])(
    "of %s: delivery resumes by itself, other paths lose nothing",
    async (machine, hit) => {
      const receivers = await watch();
      await lab.crash(machine);
      const atMs = performance.now();
      await lab.done("restart", machine);
      for (const path of hit) {
        await advance([receivers.get(path) as Receiver], second.packets, resumeLimitMs);
      }
      figure(`${machine}: ${second.packets} more packets after ms`, performance.now() - atMs);
      await advance(receivers.values(), 2 * second.packets);
      for (const [path, report] of await stopAll(receivers)) {
        const expected = hit.includes(path) ? onceInOrder : whole;
        expect([path, report]).toEqual([path, expect.objectContaining(expected)]);
        if (!hit.includes(path)) continue;
        const gapMs = longestGapMs(receivers.get(path) as Receiver);
        figure(`${machine}: outage of path ${path} in ms, lost packets`, `${gapMs} ${report.lost}`);
        expect(gapMs).toBeLessThan(resumeLimitMs);
      }
    },
    testMs,
  );

  test.each(["site2/eavesdropper", "site1/eavesdropper"])(
    "of %s: nothing is lost while it is away, nor when it is back",
    async (machine) => {
      const receivers = await watch();
      await lab.crash(machine);
      await advance(receivers.values(), 2 * second.packets);
      await lab.done("restart", machine);
      await advance(receivers.values(), 4 * second.packets);
      for (const [path, report] of await stopAll(receivers)) {
        expect([path, report]).toEqual([path, expect.objectContaining(whole)]);
      }
    },
    testMs,
  );
});

onRealKernels("the crash of a whole site's process", [], () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.up("k", 2, "--hosts", "1");
  }, testMs);
  afterAll(async () => lab?.down());

  const group = "239.2.3.1";

  test.each(["site1/edge", "site2/edge"])(
    "of %s leaves nothing in the kernel, and delivery resumes when it is back",
    async (machine) => {
      // Both directions, so that each edge has routes in the kernel.
      const sender = lab.send("site1/host1", group, "--rate", `${rate}`);
      const back = await lab.recv("site1/host1", "239.2.4.1", "--interval", "1");
      const receiver = await lab.recv("site2/host1", group, "--interval", "0.2");
      await lab.untilMembers("site1/edge", group, ["site2"]);
      await lab.untilMembers("site2/edge", "239.2.4.1", ["site1"]);
      await advance([receiver], second.packets);
      const before = await kernelState(lab, machine);
      expect(before.interfaces).toContain("fc0");
      expect(before.routes).not.toBe("");
      expect(before.vifs).not.toEqual([]);
      await lab.crash(machine);
      const atMs = performance.now();
      await until("the kernel has swept up", async () => {
        const { interfaces, routes, vifs } = await kernelState(lab, machine);
        return !interfaces.includes("fc0") && routes === "" && vifs.length === 0;
      });
      expect((await kernelState(lab, machine)).rules).toEqual(["from all lookup default"]);
      await lab.done("restart", machine);
      await advance([receiver], second.packets, resumeLimitMs);
      figure(`${machine}: ${second.packets} more packets after ms`, performance.now() - atMs);
      expect(await receiver.stop()).toMatchObject(onceInOrder);
      figure(`${machine}: outage in ms`, longestGapMs(receiver));
      await Promise.all([sender.end(), back.stop()]);
    },
    testMs,
  );
});

/** Waits until each receiver has so many more packets. */
async function advance(
  receivers: Iterable<Receiver>,
  packets: number,
  limitMs?: number,
): Promise<void> {
  const goals = [...receivers].map((one) => ({ one, goal: one.received + packets }));
  const isReached = (): boolean => goals.every(({ one, goal }) => one.received >= goal);
  await until(`${packets} more packets`, isReached, limitMs);
}

async function stopAll(receivers: ReadonlyMap<Path, Receiver>): Promise<[Path, RecvReport][]> {
  const stopping = [...receivers].map(async ([path, one]): Promise<[Path, RecvReport]> => [
    path,
    await one.stop(),
  ]);
  return Promise.all(stopping);
}

/** The longest time between two packets that followed each other. */
function longestGapMs(receiver: Receiver): number {
  const arrivals = receiver.arrivalsMs();
  const gaps = arrivals.slice(1).map((at, i) => at - (arrivals[i] as number));
  return Math.round(Math.max(...gaps));
}

type KernelState = {
  readonly interfaces: readonly string[];
  readonly routes: string;
  readonly vifs: readonly string[];
  readonly rules: readonly string[];
};

/** What a Gateway may have left behind in a machine's kernel. */
async function kernelState(lab: Lab, machine: string): Promise<KernelState> {
  const lines = async (...argv: readonly string[]): Promise<string[]> =>
    (await lab.output(machine, ...argv)).split("\n").filter((line) => line !== "");
  return {
    interfaces: await lines("ls", "/sys/class/net"),
    routes: (await lines("ip", "mroute", "show", "table", "all")).join("\n"),
    // The first line is the table's head.
    vifs: (await lines("cat", "/proc/net/ip_mr_vif")).slice(1),
    rules: (await lines("ip", "mrule")).map((line) => line.replace(/^\d+:\s*/, "").trim()),
  };
}
