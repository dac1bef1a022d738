import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { exitMeaning, exitStatus } from "../../cmd/exit.ts";

const entry = join(import.meta.dir, "../../cmd/fastcast.ts");

type Outcome = { readonly status: number; readonly out: string; readonly err: string };

/** Runs FastCast from source, without the variables of whoever runs the tests. */
function fastcast(args: readonly string[], env: Record<string, string> = {}): Outcome {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("FASTCAST_"));
  const ran = Bun.spawnSync([process.execPath, entry, ...args], {
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", ...env },
  });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

function withFile(text: string, check: (file: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "fastcast-cli-"));
  try {
    const file = join(directory, "f.yaml");
    writeFileSync(file, text);
    check(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("help and version", () => {
  test("--help lists the commands, examples and every exit status", () => {
    const { status, out, err } = fastcast(["--help"]);
    expect(status).toBe(exitStatus.done);
    expect(err).toBe("");
    const roles = ["site", "router", "gateway", "eavesdropper", "manager"];
    for (const command of [...roles, "config", "lab", "doctor"]) {
      expect(out).toMatch(new RegExp(`^  ${command} `, "m"));
    }
    expect(out).toContain("First five minutes:");
    for (const [name, meaning] of Object.entries(exitMeaning)) {
      expect(out).toContain(`  ${exitStatus[name as keyof typeof exitStatus]}  ${meaning}`);
    }
  });

  test("the exit statuses are numbered without a gap from 0", () => {
    const numbers: number[] = Object.values(exitStatus);
    expect(numbers).toEqual(numbers.map((_, i) => i));
  });

  test("--version prints the version of package.json", () => {
    expect(fastcast(["--version"])).toEqual({ status: 0, out: `${manifest.version}\n`, err: "" });
  });

  test("the help of a role shows its flags, with defaults, and no flag for the token", () => {
    const { status, out } = fastcast(["router", "--help"]);
    expect(status).toBe(0);
    expect(out).toContain("--router-contact <item>");
    expect(out).toContain("0.0.0.0:7800");
    expect(out).toContain("Example:");
    expect(out).not.toContain("--control-token");
    expect(out).not.toContain("--manager-state");
  });
});

describe("wrong usage ends with status 2", () => {
  test.each([
    [["rotuer"], "fastcast: unknown command 'rotuer'\n(Did you mean router?)"],
    [["site", "--lam", "eth0"], "fastcast: unknown option '--lam'\n(Did you mean --lan?)"],
    [["config", "chek"], "fastcast: unknown command 'chek'\n(Did you mean check?)"],
    [["config", "check"], "fastcast: missing required argument 'file'"],
    [["config", "check", "--role", "x", "f"], "Allowed choices are site, router"],
    [[], "Usage: fastcast"],
  ])("%j", (args, text) => {
    const { status, out, err } = fastcast(args);
    expect(status).toBe(exitStatus.usage);
    expect(out).toBe("");
    expect(err).toContain(text);
  });
});

describe("configuration", () => {
  test("faults are listed with their places, and end with status 3", () => {
    withFile("sitee: berlin\nrouter:\n  listen: nope\n", (file) => {
      for (const args of [
        ["config", "check", file],
        ["router", "--config", file],
      ]) {
        const { status, out, err } = fastcast(args);
        expect(status).toBe(exitStatus.configuration);
        expect(out).toBe("");
        expect(err).toStartWith("fastcast: the configuration has 2 faults\n");
        expect(err).toContain(`${file}:1:1: sitee: unknown key, did you mean "site"?\n`);
        expect(err).toContain(`${file}:3:11: router.listen: must be address:port`);
      }
    });
  });

  test("what a role misses is a fault too", () => {
    withFile("site: berlin\n", (file) => {
      expect(fastcast(["config", "check", file])).toEqual({
        status: 0,
        out: `${file}: no faults\n`,
        err: "",
      });
      const { status, err } = fastcast(["config", "check", file, "--role", "site"]);
      expect(status).toBe(exitStatus.configuration);
      expect(err).toContain("lans: a site needs at least one LAN");
    });
  });

  test("flags and variables of a role are checked by their names", () => {
    const args = ["eavesdropper", "--site", "berlin", "--lan", "eth1", "--lan", "a/b"];
    const { status, err } = fastcast(args, { FASTCAST_ZONE: "eu" });
    expect(status).toBe(exitStatus.configuration);
    expect(err).toContain("flag --lan: must be the name of a network interface");
    expect(err).toContain("environment: FASTCAST_ZONE: must be a zone path");
  });

  test("config init prints what config check accepts", () => {
    const { status, out } = fastcast(["config", "init"]);
    expect(status).toBe(0);
    withFile(out, (file) => {
      expect(fastcast(["config", "check", file, "--role", "site"]).status).toBe(0);
    });
  });

  test("config show tells each value with its origin, and hides the token", () => {
    withFile("site: berlin\ncontrol:\n  token: 0123456789abcdef\n", (file) => {
      const env = { FASTCAST_CONFIG: file, FASTCAST_LANS: "eth1" };
      const { status, out } = fastcast(["config", "show"], env);
      expect(status).toBe(0);
      expect(out).toMatch(new RegExp(`^site +berlin +${file}:1:1$`, "m"));
      expect(out).toMatch(/^lans +eth1 +environment FASTCAST_LANS$/m);
      expect(out).toMatch(/^gateway\.tun +fc0 +default$/m);
      expect(out).not.toContain("0123456789abcdef");
      const json = JSON.parse(fastcast(["config", "show", "--json"], env).out);
      expect(json).toContainEqual({ key: "site", value: "berlin", origin: `${file}:1:1` });
      expect(json).toContainEqual({ key: "zone", value: null, origin: "default" });
    });
  });
});
