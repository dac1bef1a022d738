/** The kernel's multicast routing table, when another daemon owns it, and what reaches the TUN. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { fastcast, Lab, onRealKernels, type Program, testMs, until, whole } from "./rig.ts";

const group = "239.3.1.1";
const privateTable = 7010;
const permissionStatus = 6;

/** Stands in for pimd or smcroute: owns the default table, with one interface of its own. */
const otherDaemon = (at: string): string => `
  const { dlopen, ptr } = require("bun:ffi");
  const { readFileSync } = require("node:fs");
  const int = "i32";
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: [int, int, int], returns: int },
    setsockopt: { args: [int, int, int, "ptr", int], returns: int },
  });
  const fd = symbols.socket(2, 3, 2);
  const set = (option, bytes) => {
    if (symbols.setsockopt(fd, 0, option, ptr(bytes), bytes.length) !== 0) {
      throw new Error("setsockopt " + option);
    }
  };
  set(200, new Uint8Array([1, 0, 0, 0]));
  const vif = new DataView(new ArrayBuffer(16));
  vif.setUint8(2, 8);
  vif.setUint8(3, 1);
  vif.setInt32(8, Number(readFileSync("/sys/class/net/${at}/ifindex", "utf8")), true);
  set(202, new Uint8Array(vif.buffer));
  console.log("owns the table");
  setInterval(() => {}, 1000);`;

onRealKernels("the kernel's multicast routing table", ["tcpdump"], () => {
  let lab: Lab;
  let other: Program | undefined;
  let site: Program | undefined;

  beforeAll(async () => {
    lab = await Lab.up("r", 2, "--hosts", "2");
  }, testMs);
  afterEach(async () => {
    await site?.end("SIGTERM");
    await other?.end("SIGTERM");
    [site, other] = [undefined, undefined];
  });
  afterAll(async () => lab?.down());

  const startOther = async (at: string): Promise<Program> => {
    const program = lab.start("site1/edge", process.execPath, "-e", otherDaemon(at));
    await program.says("owns the table");
    return program;
  };
  /** Site 1 without the lab, so that its end can be judged. */
  const startSite = (): Program =>
    lab.start("site1/edge", ...fastcast, "site", "--config", lab.config("site1/edge"));
  const rules = async (): Promise<string[]> => {
    const lines = (await lab.output("site1/edge", "ip", "mrule")).trim().split("\n");
    return lines.map((line) => line.replace(/^\d+:\s*/, "").trim());
  };
  const table = async (): Promise<string | number> => {
    type Status = { interface: { table: string | number } };
    return (await lab.control<Status>("site1/edge", "/v1/gateway")).interface.table;
  };
  /** Fifty packets from site 1 to a member in site 2 that has just joined. */
  const crosses = async (to: string): Promise<void> => {
    const receiver = await lab.recv("site2/host1", to, "--expect", "50", "--interval", "0.2");
    await lab.untilMembers("site1/edge", to, ["site2"]);
    await lab.send("site1/host1", to, "--count", "50").ended;
    await until("they cross", () => receiver.received === 50).catch(() => undefined);
    expect(await receiver.stop()).toMatchObject({ ...whole, received: 50 });
  };
  const onlyDefault = ["from all lookup default"];

  test(
    "only packets that other sites want reach the TUN",
    async () => {
      const receiver = await lab.recv("site2/host1", group, "--expect", "300", "--interval", "0.2");
      await lab.untilMembers("site1/edge", group, ["site2"]);
      const atTun = async (): Promise<number> => lab.counter("site1/edge", "fc0", "tx_packets");
      const before = await atTun();
      // A member at home makes a group no more wanted elsewhere.
      const home = await lab.recv("site1/host2", "239.3.1.2", "--expect", "300");
      await lab.send("site1/host1", "239.3.1.2", "--count", "300", "--rate", "1000").ended;
      expect(await home.stop()).toMatchObject(whole);
      await lab.send("site1/host1", "239.3.1.3", "--count", "300", "--rate", "1000").ended;
      expect((await atTun()) - before).toBe(0);
      await lab.send("site1/host1", group, "--count", "300", "--rate", "1000").ended;
      await until("they cross", () => receiver.received === 300);
      expect((await atTun()) - before).toBe(300);
      expect(await receiver.stop()).toMatchObject(whole);
    },
    testMs,
  );

  test(
    "owned by a daemon on another interface: a private one is taken, and given back",
    async () => {
      await lab.crash("site1/edge");
      other = await startOther("wan0");
      site = startSite();
      await site.says("FastCast 0.1.0 runs");
      expect(await table()).toBe(privateTable);
      const rule = `from all iif lan0 lookup ${privateTable}`;
      expect(await rules()).toEqual([rule, ...onlyDefault]);
      await crosses("239.3.2.1");
      expect(await site.end("SIGTERM")).toMatchObject({ status: 0 });
      expect(await rules()).toEqual(onlyDefault);
    },
    testMs,
  );

  test(
    "a private one that a crash left a rule for does not swallow packets later",
    async () => {
      other = await startOther("wan0");
      site = startSite();
      await site.says("FastCast 0.1.0 runs");
      expect(await table()).toBe(privateTable);
      await site.end("SIGKILL"); // and it has ended, since its status is known
      await other.end("SIGTERM");
      site = startSite();
      await site.says("FastCast 0.1.0 runs");
      expect(await table()).toBe("default");
      expect(await rules()).toEqual(onlyDefault);
      await crosses("239.3.3.1");
    },
    testMs,
  );

  test(
    "owned by a daemon on the same LAN: it says so and what to do",
    async () => {
      other = await startOther("lan0");
      site = startSite();
      const { status, err } = await site.ended;
      expect([0, permissionStatus]).not.toContain(status);
      expect(err).toContain("another daemon owns the kernel's multicast routing table");
      expect(err).toContain("lan0");
      expect(err).toMatch(/Stop it|take that LAN out/);
      expect(err).not.toContain("defect");
      expect(await rules()).toEqual(onlyDefault);
      expect(await lab.output("site1/edge", "ls", "/sys/class/net")).not.toContain("fc0");
    },
    testMs,
  );

  test(
    "a TUN that somebody removes ends the role, which says so",
    async () => {
      site = startSite();
      await site.says("FastCast 0.1.0 runs");
      await lab.output("site1/edge", "ip", "link", "delete", "fc0");
      const { status, err } = await site.ended;
      expect(status).toBe(1);
      expect(err).toContain("the tunnel interface fc0 is gone");
      expect(err).toContain("start the role again");
      expect(err).not.toContain("defect");
    },
    testMs,
  );
});
