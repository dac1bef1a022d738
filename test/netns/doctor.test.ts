/** The doctor against real kernels, each in a network namespace with one thing wrong. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { hasFileAttribute } from "../../src/io/libc.ts";

const missing = [
  ...(process.platform === "linux" ? [] : ["Linux"]),
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...(Bun.which("ip") ? [] : ["iproute2"]),
];
const suite = missing.length === 0 ? "with root" : `skipped: needs ${missing.join(", ")}`;

const entry = fileURLToPath(new URL("../../cmd/fastcast.ts", import.meta.url));
const mroute = fileURLToPath(new URL("../../src/io/mroute.ts", import.meta.url));
const namespace = `dr${process.pid}`;
/** No role of this machine is asked: the doctor looks for this socket only. */
const socket = `/run/${namespace}.sock`;
const limitMs = 30_000;

async function run(...argv: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("FASTCAST_"));
  const child = Bun.spawn(argv, {
    env: { ...Object.fromEntries(inherited), FASTCAST_CONTROL_SOCKET: socket },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [status, out, err] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  return { status, out, err };
}

async function must(...argv: string[]): Promise<void> {
  const { status, err } = await run(...argv);
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${err}`);
}

const ip = (line: string): Promise<void> => must("ip", "-n", namespace, ...line.split(" "));

const sysctl = (path: string, value: number): Promise<void> =>
  inside("sh", "-c", `echo ${value} > /proc/sys/net/ipv4/${path}`);

const inside = (...argv: string[]): Promise<void> =>
  must("ip", "netns", "exec", namespace, ...argv);

const doctor = (...flags: string[]) =>
  run("ip", "netns", "exec", namespace, process.execPath, entry, "doctor", ...flags);

type Report = {
  readonly ok: boolean;
  readonly worst: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly Readonly<Record<string, string>>[];
  readonly unseen: readonly unknown[];
};

async function examined(name = "a0"): Promise<Report> {
  const { out, err } = await doctor("--json", "--interface", name);
  expect(err).toBe("");
  return JSON.parse(out);
}

/** Findings above notes, as `severity CODE subject`. */
const faults = (report: Report): string[] =>
  report.findings
    .filter(({ severity }) => severity === "critical" || severity === "warning")
    .map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);

describe.skipIf(missing.length > 0)(`fastcast doctor (${suite})`, () => {
  beforeAll(async () => {
    await must("ip", "netns", "add", namespace);
    await ip("link add a0 type veth peer name b0");
    await ip("link add br0 type bridge mcast_snooping 1 mcast_querier 1");
    await ip("link set b0 master br0");
    await ip("address add 192.0.2.1/24 dev a0");
    for (const name of ["lo", "a0", "b0", "br0"]) await ip(`link set ${name} up`);
    for (const name of ["all", "a0", "b0", "br0"]) await sysctl(`conf/${name}/rp_filter`, 0);
  }, limitMs);

  afterAll(async () => {
    await must("ip", "netns", "del", namespace);
    expect(existsSync(`/run/netns/${namespace}`)).toBe(false);
  });

  test(
    "a host on which nothing is wrong",
    async () => {
      const report = await examined();
      expect(faults(report)).toEqual([]);
      expect(report.ok).toBe(true);
      const { status, out } = await doctor("--interface", "a0", "--verbose");
      expect(status).toBe(0);
      expect(out).toContain("  a0: up, MULTICAST, 192.0.2.1/24\n");
      expect(out).toContain(`  roles: no control socket at ${socket}: none runs here\n`);
    },
    limitMs,
  );

  test(
    "the document's shape",
    async () => {
      const report = await examined("none0");
      expect(Object.keys(report)).toEqual(["ok", "worst", "counts", "findings", "unseen"]);
      expect(report).toMatchObject({ ok: false, worst: "critical" });
      expect(Object.keys(report.counts)).toEqual(["critical", "warning", "note", "well"]);
      expect(report.findings[0]).toEqual({
        severity: "critical",
        code: "INTERFACE_MISSING",
        subject: "none0",
        evidence: "there is no interface none0",
        fix: "name one that `ip link` lists, with lans: or --interface",
      });
      expect(report.unseen).toContainEqual({ what: "roles", why: expect.any(String) });
    },
    limitMs,
  );

  test(
    "strict rp_filter, which the larger of two settings makes",
    async () => {
      await sysctl("conf/a0/rp_filter", 1);
      const strict = await examined();
      await ip("route add default dev a0");
      const routed = await examined();
      await ip("route del default dev a0");
      await sysctl("conf/a0/rp_filter", 0);
      expect(faults(strict)).toEqual(["warning RP_FILTER a0"]);
      expect(faults(routed)).toEqual([]);
    },
    limitMs,
  );

  test(
    "an interface without MULTICAST, with the exit statuses of both kinds",
    async () => {
      await ip("link set a0 multicast off");
      const report = await examined();
      const plain = await doctor("--interface", "a0");
      const nagios = await doctor("--interface", "a0", "--nagios");
      await ip("link set a0 multicast on");
      expect(faults(report)).toEqual(["critical NO_MULTICAST_FLAG a0"]);
      expect(plain.status).toBe(1);
      expect(plain.out).toContain("    fix: ip link set a0 multicast on\n");
      expect(nagios.status).toBe(2);
      expect(nagios.out).toStartWith("FASTCAST CRITICAL - 1 critical, 0 warnings, ");
    },
    limitMs,
  );

  test(
    "a bridge that snoops while nobody asks, from its port and from itself",
    async () => {
      await ip("link set br0 type bridge mcast_querier 0");
      await ip("address add 192.0.2.2/24 dev br0");
      const ofPort = await examined("b0");
      const ofBridge = await examined("br0");
      await ip("link set br0 type bridge mcast_querier 1");
      expect(faults(ofPort)).toContain("warning SNOOPING_WITHOUT_QUERIER b0");
      expect(faults(ofBridge)).toEqual(["warning SNOOPING_WITHOUT_QUERIER br0"]);
      expect(faults(await examined("br0"))).toEqual([]);
    },
    limitMs,
  );

  test(
    "another daemon on the multicast routing table: on this LAN, and on none of ours",
    async () => {
      const owner = Bun.spawn(
        ["ip", "netns", "exec", namespace, process.execPath, "-e", foreignOwner],
        { stdout: "pipe", stderr: "inherit" },
      );
      const { value } = await owner.stdout.getReader().read();
      expect(new TextDecoder().decode(value)).toBe("ready\n");
      const shared = await examined("a0");
      const elsewhere = await doctor("--nagios", "--interface", "br0");
      owner.kill();
      await owner.exited;
      expect(faults(shared)).toEqual(["critical MRT_IN_USE a0"]);
      expect(shared.findings[0]?.evidence).toContain("routes on a0, b0");
      expect(elsewhere.status).toBe(1);
      expect(elsewhere.out).toContain("warning MRT_IN_USE host");
      expect(faults(await examined("a0"))).toEqual([]);
    },
    limitMs,
  );

  test.skipIf(!Bun.which("setcap"))("file capabilities are seen (needs setcap)", async () => {
    const file = `${tmpdir()}/${namespace}`;
    writeFileSync(file, "", { mode: 0o755 });
    const before = hasFileAttribute(file, "security.capability");
    await must("setcap", "cap_net_raw+ep", file);
    const after = hasFileAttribute(file, "security.capability");
    rmSync(file);
    expect([before, after]).toEqual([false, true]);
    expect(hasFileAttribute(file, "security.capability")).toBeUndefined();
  });

  test.skipIf(!Bun.which("nft"))(
    "a firewall that drops IGMP (needs nft)",
    async () => {
      await inside("nft", "add table ip t");
      await inside("nft", "add chain ip t in { type filter hook input priority 0; }");
      await inside("nft", "add rule ip t in ip protocol igmp drop");
      const report = await examined();
      await inside("nft", "delete table ip t");
      expect(faults(report)).toEqual(["warning FIREWALL host"]);
    },
    limitMs,
  );
});

/** Routes between a0 and b0, as pimd would. */
const foreignOwner = `
  const { MulticastRouting } = await import(${JSON.stringify(mroute)});
  const { interfaceIndex } = await import(${JSON.stringify(mroute.replace("mroute", "libc"))});
  new MulticastRouting({
    family: 4,
    lans: [interfaceIndex("a0")],
    tun: interfaceIndex("b0"),
    table: undefined,
  });
  console.log("ready");
  setTimeout(() => process.exit(), 60000);`;
