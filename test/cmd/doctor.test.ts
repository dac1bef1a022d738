import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitStatus } from "../../cmd/exit.ts";

const entry = join(import.meta.dir, "../../cmd/fastcast.ts");
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "fd-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the doctor; it finds no role but one that answers on a socket of the test. */
async function doctor(...args: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("FASTCAST_"));
  const child = Bun.spawn([process.execPath, entry, "doctor", ...args], {
    env: { ...Object.fromEntries(inherited), FASTCAST_CONTROL_SOCKET: `${directory}/role.sock` },
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

/** A Router's configuration: nothing of a LAN is looked at. */
function routerFile(contact: string): string {
  const file = join(directory, "router.yaml");
  const advertise = "192.0.2.1:7800";
  writeFileSync(file, JSON.stringify({ site: "a", router: { advertise, contacts: [contact] } }));
  return file;
}

const codesOf = (out: string): string[] =>
  (JSON.parse(out).findings as { severity: string; code: string }[])
    .filter(({ severity }) => severity === "critical")
    .map(({ code }) => code);

test("a contact that answers, then one that does not", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const contact = `127.0.0.1:${server.port}`;
  const file = routerFile(contact);
  const isLinux = process.platform === "linux";
  const reached = await doctor("--config", file, "--json", "--verbose");
  expect(reached.err).toBe("");
  expect(codesOf(reached.out)).toEqual(isLinux ? [] : ["NOT_LINUX"]);
  expect(JSON.parse(reached.out).findings).toContainEqual(
    expect.objectContaining({ severity: "well", code: "CONTACT", subject: contact }),
  );
  server.stop(true);
  const lost = await doctor("--config", file, "--json");
  expect(codesOf(lost.out)).toContain("CONTACT_UNREACHABLE");
  expect(lost.status).toBe(exitStatus.failed);
  const nagios = await doctor("--config", file, "--nagios");
  expect(nagios.status).toBe(2);
  expect(nagios.out).toContain(`critical CONTACT_UNREACHABLE ${contact}: router.contacts: `);
});

test("one form of output, names of interfaces, a configuration without faults", async () => {
  const both = await doctor("--json", "--nagios");
  expect([both.status, both.out]).toEqual([exitStatus.usage, ""]);
  expect((await doctor("--interface", "eth1", "../eth2")).status).toBe(exitStatus.usage);
  const file = join(directory, "bad.yaml");
  writeFileSync(file, "sit: a\n");
  expect((await doctor("--config", file)).status).toBe(exitStatus.configuration);
});

test("the help says what each exit status means", async () => {
  const { out } = await doctor("--help");
  expect(out).toContain("Exit status: 0 when nothing is critical");
  expect(out).toContain("--nagios");
});
