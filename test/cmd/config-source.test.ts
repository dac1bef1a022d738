import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closest, configKeys } from "../../cmd/config-keys.ts";
import { sampleConfig } from "../../cmd/config-sample.ts";
import { type ConfigSources, loadConfig, loadWithOrigins } from "../../cmd/config-source.ts";
import { CommandError } from "../../cmd/exit.ts";

/** Runs `check` with the path of a file that holds `text`. */
function withFile<Result>(text: string | Uint8Array, check: (file: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), "fastcast-config-"));
  try {
    const file = join(directory, "f.yaml");
    writeFileSync(file, text);
    return check(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The lines of the fault report, without the directory of the file. */
function faultsOf(sources: Partial<ConfigSources>): string[] {
  try {
    loadConfig({ flags: {}, env: {}, ...sources });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    expect(error.status).toBe(3);
    const [, ...lines] = error.message.split("\n");
    return lines.map((line) => line.replace(/^\S*\/(?=f\.yaml)/, ""));
  }
  return [];
}

const faultsOfText = (text: string | Uint8Array, others: Partial<ConfigSources> = {}): string[] =>
  withFile(text, (file) => faultsOf({ file, ...others }));

describe("layers", () => {
  const text = "site: berlin\nlans: [eth1]\nrouter:\n  listen: 192.0.2.1:7800\n";

  test("flag wins over variable, variable over file, file over default", () => {
    withFile(text, (file) => {
      const env = { FASTCAST_SITE: "paris", FASTCAST_LANS: "eth2, eth3" };
      const flags = { site: "rome" };
      const loaded = loadWithOrigins({ file, flags, env });
      expect(loaded.config.site).toBe("rome");
      expect(loaded.config.lans).toEqual(["eth2", "eth3"]);
      expect(loaded.config.router.listen).toBe("192.0.2.1:7800");
      expect(loaded.config.gateway.tun).toBe("fc0");
      expect(loaded.origin("site")).toBe("flag --site");
      expect(loaded.origin("lans")).toBe("environment FASTCAST_LANS");
      expect(loaded.origin("router.listen")).toBe(`${file}:4:3`);
      expect(loaded.origin("gateway.tun")).toBe("default");
    });
  });

  test("FASTCAST_CONFIG names the file, --config wins over it", () => {
    withFile(text, (file) => {
      expect(loadConfig({ flags: {}, env: { FASTCAST_CONFIG: file } }).site).toBe("berlin");
      const env = { FASTCAST_CONFIG: "/nowhere/f.yaml" };
      expect(loadConfig({ file, flags: {}, env }).site).toBe("berlin");
      expect(faultsOf({ env })).toEqual([
        "f.yaml: cannot be read (ENOENT); check its path and permissions",
      ]);
    });
  });

  test("JSON is read too", () => {
    const json = JSON.stringify({ site: "berlin", router: { contacts: ["192.0.2.1:7800"] } });
    withFile(json, (file) => {
      const config = loadConfig({ file, flags: {}, env: {} });
      expect(config.router.contacts).toEqual(["192.0.2.1:7800"]);
    });
  });

  test("a variable or flag makes the section that the file does not have", () => {
    const config = loadConfig({
      flags: { "router.contacts": ["192.0.2.1:7800", "192.0.2.2:7800"] },
      env: {
        FASTCAST_GATEWAY_MROUTE_TABLE: "100",
        FASTCAST_MANAGER_APPLICATIONS: '[{"name":"tv","groups":["233.252.0.0/24"]}]',
      },
    });
    expect(config.router.contacts).toHaveLength(2);
    expect(config.gateway.mroute_table).toBe(100);
    expect(config.manager.applications[0]?.name).toBe("tv");
  });

  test("an empty file is an empty configuration", () => {
    withFile("# nothing yet\n", (file) => {
      expect(loadConfig({ file, flags: {}, env: {} }).fabric).toBe("fastcast");
    });
  });
});

describe("faults name their place", () => {
  test("all at once, from every layer", () => {
    const text = "sitee: berlin\nrouter:\n  contacts: [192.0.2.1:7800, nope]\n";
    const endpointRule = "must be address:port, such as 192.0.2.1:7800 or [2001:db8::1]:7800";
    const faults = faultsOfText(text, {
      env: { FASTCAST_LANZ: "eth0", FASTCAST_CONTROL_LISTEN: "x" },
      flags: { "router.listen": "7800" },
    });
    expect(faults.sort()).toEqual([
      `environment: FASTCAST_CONTROL_LISTEN: ${endpointRule}, found "x"`,
      'environment: FASTCAST_LANZ: unknown variable, did you mean "FASTCAST_LANS"?',
      'f.yaml:1:1: sitee: unknown key, did you mean "site"?',
      `f.yaml:3:30: router.contacts[1]: ${endpointRule}, found "nope"`,
      `flag --router-listen: ${endpointRule}, found "7800"`,
    ]);
  });

  test("a missing key stands at the nearest part that is there", () => {
    const text = "manager:\n  applications:\n    - name: tv\n";
    expect(faultsOfText(text)).toEqual(["f.yaml:3:7: manager.applications[0].groups: is missing"]);
    expect(faultsOfText("site: berlin\n", { role: "eavesdropper" })[0]).toStartWith(
      "f.yaml:1:1: lans:",
    );
  });

  test("an unknown key without a near one lists the keys", () => {
    expect(faultsOfText("eavesdropper:\n  colour: red\n")).toEqual([
      "f.yaml:2:3: eavesdropper.colour: unknown key; " +
        "the keys here are gateway, querier, router_discovery",
    ]);
  });

  test("values behind an alias are found", () => {
    const text = "router: &r\n  listen: nope\n  contacts: []\nfabric: a\n";
    expect(faultsOfText(text)[0]).toStartWith("f.yaml:2:11: router.listen:");
  });

  test.each([
    ["a: [1\n", /^f\.yaml:2:1: /],
    ["site: a\nsite: b\n", /^f\.yaml:2:1: Map keys must be unique/],
    ["router:\n  listen: [::]:7800\n", /^f\.yaml:2:\d+: /],
    ["site: !name berlin\n", /^f\.yaml:1:7: Unresolved tag/],
    ["site: *berlin\n", /^f\.yaml: .*write the values out$/],
    [
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" +
        "c: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
      /^f\.yaml: .*write the values out$/,
    ],
    ["- site\n- zone\n", /^f\.yaml:1:1: must be a section/],
    ["router:\n  - listen\n  - contacts\n", /^f\.yaml:2:3: router: must be a section/],
    [Uint8Array.of(0xff, 0xfe, 0x80), /^f\.yaml: is not UTF-8/],
    ["#".repeat(2 * 1024 * 1024), /^f\.yaml: is longer than/],
  ])("broken file %#", (text, fault) => {
    const faults = faultsOfText(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  test("a broken file does not hide the faults of the environment", () => {
    const faults = faultsOfText("a: [1\n", { env: { FASTCAST_SITES: "a" } });
    expect(faults).toHaveLength(2);
    expect(faults[1]).toBe(
      'environment: FASTCAST_SITES: unknown variable, did you mean "FASTCAST_SITE"?',
    );
  });

  test("a section that is no section stays a fault when a flag sets a key in it", () => {
    const faults = faultsOfText("router: 5\n", { flags: { "router.listen": "192.0.2.1:7800" } });
    expect(faults).toEqual(["f.yaml:1:9: router: must be a section with keys of its own, found 5"]);
  });

  test("a secret is never printed", () => {
    expect(faultsOf({ env: { FASTCAST_CONTROL_TOKEN: "secret" } })).toEqual([
      "environment: FASTCAST_CONTROL_TOKEN: must have at least 16 characters",
    ]);
  });

  test("variables of the machine are not ours, documented ones are no keys", () => {
    const env = { HOME: "/root", FASTCAST_LAB_DIR: "/tmp/lab" };
    expect(faultsOf({ env })).toEqual([]);
  });

  test("JSON of a list of sections is checked as text first", () => {
    const [fault = ""] = faultsOf({ env: { FASTCAST_MANAGER_APPLICATIONS: "tv" } });
    expect(fault).toStartWith("environment: FASTCAST_MANAGER_APPLICATIONS: must be a JSON list");
  });
});

describe("names of keys", () => {
  test("variables and flags are unique and follow the key", () => {
    const contacts = configKeys.find((key) => key.dotted === "router.contacts");
    expect(contacts?.variable).toBe("FASTCAST_ROUTER_CONTACTS");
    expect(contacts?.flag).toBe("router-contact");
    expect(configKeys.find((key) => key.dotted === "gateway.prefixes")?.flag).toBe(
      "gateway-prefix",
    );
    expect(new Set(configKeys.map((key) => key.flag)).size).toBe(configKeys.length);
  });

  test("every key has a description", () => {
    expect(configKeys.filter((key) => key.about === "").map((key) => key.dotted)).toEqual([]);
  });

  test.each([
    ["sitee", "site"],
    ["zoen", "zone"],
    ["listn", "listen"],
    ["completely-else", undefined],
  ])("closest to %s is %s", (word, expected) => {
    expect(closest(word, ["site", "zone", "listen", "lans"])).toBe(expected as string);
  });
});

describe("the sample of `config init`", () => {
  test("is correct for a site as it stands", () => {
    expect(faultsOfText(sampleConfig, { role: "site" })).toEqual([]);
  });

  test("shows every key, and is correct with all of them in use", () => {
    const used = sampleConfig.replace(/^(\s*)#(?=[a-z_-]+:|- )/gm, "$1");
    expect(faultsOfText(used, { role: "manager" })).toEqual([]);
    withFile(used, (file) => {
      const loaded = loadWithOrigins({ file, flags: {}, env: {} });
      const absent = configKeys.filter(({ dotted }) => loaded.origin(dotted) === "default");
      expect(absent.map(({ dotted }) => dotted)).toEqual([]);
    });
  });
});
