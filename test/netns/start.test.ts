/** How the executable starts: with nothing around it, with hostile files around it, and twice. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import {
  executable,
  fastcast,
  isBuilt,
  Lab,
  onRealKernels,
  output,
  Program,
  testMs,
  until,
  whole,
} from "./rig.ts";

const failedStatus = 1;
const builtOnly = isBuilt ? "" : " (skipped: needs dist/fastcast, npm run build)";
const skipsUnbuilt = !isBuilt && process.env.CI !== "true";

onRealKernels("the executable, in two sites", ["chroot", "ldd", "mknod", "env"], () => {
  let lab: Lab;
  let room: string;

  beforeAll(async () => {
    room = mkdtempSync(`${tmpdir()}/fs-`);
    lab = await Lab.up("s", 2, "--hosts", "1");
  }, testMs);
  // A test that failed half-way leaves its site's process to the next as it found it.
  beforeEach(async () => {
    await Promise.all([...Program.running].map((program) => program.end("SIGTERM")));
    for (const machine of ["site1/edge", "site2/edge"]) await lab.done("restart", machine);
  }, testMs);
  afterAll(async () => {
    await lab?.down();
    rmSync(room, { recursive: true, force: true });
  });

  test.skipIf(skipsUnbuilt)(
    `alone in a file system, with the C library and devices, it is a whole site${builtOnly}`,
    async () => {
      await makeRoot(room);
      // `ip netns exec` has made a mount namespace, which ends with the program.
      const script = 'mount -t proc proc "$0/proc"; mount -t sysfs sysfs "$0/sys"; exec "$@"';
      const bare = ["env", "-i", Bun.which("chroot") ?? "chroot", room, "/fastcast"];
      const inRoot = ["sh", "-e", "-c", script, room, ...bare];
      const version = await lab.output("site1/edge", ...inRoot, "--version");
      expect(version).toBe(`${manifest.version}\n`);
      await lab.crash("site1/edge");
      copyFileSync(lab.config("site1/edge"), `${room}/site.yaml`);
      const site = ["site", "--config", "/site.yaml", "--control-socket", "/run/site.sock"];
      const program = lab.start("site1/edge", ...inRoot, ...site);
      await program.says(`FastCast ${manifest.version} runs as site1`);
      const group = "239.4.1.1";
      const receiver = await lab.recv("site2/host1", group, "--expect", "100", "--interval", "0.2");
      await untilHealthy(`${room}/run/site.sock`);
      await until("the member is known", async () => {
        const groups = await ask(`${room}/run/site.sock`, "/v1/groups");
        return JSON.stringify(groups.remote).includes(group);
      });
      await lab.send("site1/host1", group, "--count", "100").ended;
      await until("they cross", () => receiver.received === 100).catch(() => undefined);
      expect(await receiver.stop()).toMatchObject({ ...whole, received: 100 });
      expect(await program.end("SIGTERM")).toMatchObject({ status: 0, out: "" });
      expect(existsSync(`${room}/run/site.sock`)).toBe(false);
      expect(await lab.output("site1/edge", "ls", "/sys/class/net")).not.toContain("fc0");
    },
    testMs,
  );

  test.skipIf(skipsUnbuilt)(
    `without a search path or any variable it starts${builtOnly}`,
    async () => {
      const { status, out, err } = await new Program([executable, "--version"], { env: {} }).ended;
      expect([status, out, err]).toEqual([0, `${manifest.version}\n`, ""]);
    },
  );

  test.skipIf(skipsUnbuilt)(
    `.env, bunfig.toml and package.json of the current directory are ignored${builtOnly}`,
    async () => {
      const cwd = `${room}/hostile`;
      const mark = `${cwd}/ran`;
      mkdirSync(cwd, { recursive: true });
      const variables = "FASTCAST_SITE=evil\nFASTCAST_CONFIG=/evil.yaml\nBUN_OPTIONS=--smol\n";
      for (const name of [".env", ".env.local", ".env.production"]) {
        writeFileSync(`${cwd}/${name}`, variables);
      }
      writeFileSync(
        `${cwd}/bunfig.toml`,
        'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n',
      );
      writeFileSync(`${cwd}/evil.ts`, `require("node:fs").writeFileSync("${mark}", "");`);
      writeFileSync(
        `${cwd}/package.json`,
        '{"name":"evil","version":"6.6.6","preload":"./evil.ts"}',
      );
      writeFileSync(`${cwd}/tsconfig.json`, "not JSON");
      writeFileSync(`${cwd}/good.yaml`, "site: good\nlans: [lo]\n");
      const version = await new Program([executable, "--version"], { env: {}, cwd }).ended;
      expect(version).toEqual({ status: 0, out: `${manifest.version}\n`, err: "" });
      const show = [executable, "config", "show", "--config", "good.yaml"];
      const shown = await new Program(show, { env: {}, cwd }).ended;
      expect(shown.status).toBe(0);
      expect(shown.out).toContain("good");
      expect(shown.out).not.toContain("evil");
      expect(existsSync(mark)).toBe(false);
    },
  );

  test(
    "a second process on one control socket refuses, says what to do, and harms nobody",
    async () => {
      await lab.crash("site2/edge");
      const socket = lab.socket("site1/edge");
      const argv = ["site", "--config", lab.config("site2/edge"), "--control-socket", socket];
      const second = await lab.start("site2/edge", ...fastcast, ...argv).ended;
      expect(second.status).toBe(failedStatus);
      expect(second.err).toContain(`another process serves ${socket}`);
      expect(second.err).toMatch(/Stop it, or choose another path with control\.socket/);
      expect((await ask(socket, "/")).site).toBe("site1");
      expect(await lab.output("site2/edge", "ls", "/sys/class/net")).not.toContain("fc0");
      // The socket of the one that was killed is no obstacle.
      await lab.done("restart", "site2/edge");
      await untilHealthy(lab.socket("site2/edge"));
    },
    testMs,
  );

  test(
    "a second site on one machine refuses, says what to do, and harms nobody",
    async () => {
      await untilHealthy(lab.socket("site1/edge"));
      const config = lab.config("site1/edge");
      const argv = ["site", "--config", config, "--control-socket", `${room}/other.sock`];
      const second = await lab.start("site1/edge", ...fastcast, ...argv).ended;
      expect(second.status).toBe(failedStatus);
      expect(second.err).toContain("EADDRINUSE");
      expect(second.err).toContain("router.listen");
      expect(second.err).not.toContain("defect");
      await untilHealthy(lab.socket("site1/edge"));
      expect(await lab.output("site1/edge", "ls", "/sys/class/net")).toContain("fc0");
    },
    testMs,
  );
});

type Answer = Readonly<Record<string, unknown>>;

async function ask(unix: string, endpoint: string): Promise<Answer> {
  return (await (await fetch(`http://site${endpoint}`, { unix })).json()) as Answer;
}

const untilHealthy = async (unix: string): Promise<void> =>
  until(`${unix} is healthy`, async () => (await ask(unix, "/healthz")).ok === true);

/** A file system of the executable, the C library that it names, and what the kernel offers. */
async function makeRoot(room: string): Promise<void> {
  const libraries = (await output(["ldd", executable])).match(/(?<=\s)\/\S+/g) ?? [];
  for (const file of [executable, ...libraries]) {
    const to = file === executable ? `${room}/fastcast` : room + file;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(file, to);
  }
  for (const directory of ["proc", "sys", "run", "dev/net"]) {
    mkdirSync(`${room}/${directory}`, { recursive: true });
  }
  await output(["mknod", `${room}/dev/net/tun`, "c", "10", "200"]);
  await output(["mknod", `${room}/dev/null`, "c", "1", "3"]);
  await output(["mknod", `${room}/dev/urandom`, "c", "1", "9"]);
}
