/** The commands that run a role until SIGTERM: its flags come from the configuration's schema. */
import { type Command, Option } from "commander";
import { type RoleName, roleNames } from "../src/config.ts";
import { type ConfigKey, configKeys } from "./config-keys.ts";
import { type Flags, loadConfig } from "./config-source.ts";

type RoleHelp = {
  readonly summary: string;
  /** Top-level keys and sections of the configuration that the role reads. */
  readonly sections: readonly string[];
  readonly example: string;
};

const common = ["fabric", "site", "zone", "control"];

const roleHelp: Record<RoleName, RoleHelp> = {
  site: {
    summary: "run a whole small site: Eavesdropper, Gateway and Router in one process",
    sections: [...common, "lans", "router", "gateway", "eavesdropper"],
    example:
      "fastcast site --site berlin --lan eth1 --router-listen 192.0.2.1:7800 \\\n" +
      "    --router-contact 198.51.100.1:7800",
  },
  router: {
    summary: "forward frames between sites, at the site's edge to the Internet",
    sections: [...common, "router"],
    example: "fastcast router --site berlin --router-listen 192.0.2.1:7800",
  },
  gateway: {
    summary: "join the site's LANs with its Router; one per site",
    sections: [...common, "lans", "router", "gateway"],
    example: "fastcast gateway --site berlin --lan eth1 --gateway-router 10.1.0.2:7800",
  },
  eavesdropper: {
    summary: "learn who listens and who sends on a LAN; one per LAN",
    sections: [...common, "lans", "eavesdropper"],
    example: "fastcast eavesdropper --site berlin --lan eth1 --eavesdropper-gateway 10.1.0.3:7801",
  },
  manager: {
    summary: "plan the trees of all sites; once per fabric",
    sections: [...common, "manager"],
    example: "fastcast manager --manager-contact http://192.0.2.1:7880",
  },
};

export function addRoles(program: Command): void {
  for (const role of roleNames) addRole(program, role);
}

/**
 * The keys that have a flag in the command of `role`. The token has none: a command line is read
 * by every user of the host.
 */
const keysOfRole = (role: RoleName): ConfigKey[] =>
  configKeys.filter(
    ({ dotted, path }) =>
      roleHelp[role].sections.includes(path[0] ?? "") && dotted !== "control.token",
  );

/** `--config FILE`; with neither, flags and variables alone are the configuration. */
const configOption = (): Option =>
  new Option("-c, --config <file>", "configuration file; else the variable FASTCAST_CONFIG");

function addRole(program: Command, role: RoleName): void {
  const { summary, example } = roleHelp[role];
  const command = program.command(role).description(summary).addOption(configOption());
  const keys = keysOfRole(role);
  for (const key of keys) command.addOption(flagOption(key));
  command
    .addHelpText("after", `\nEvery flag is also a key of the file and a variable: a flag wins.`)
    .addHelpText("after", `\nExample:\n  ${example}`)
    .action(async (options: Record<string, string | string[]>) => {
      const file = options.config as string | undefined;
      const config = loadConfig({ file, flags: flagsOf(keys, options), env: process.env, role });
      const { openRole } = await import("./open-role.ts");
      await openRole(role, config);
    });
}

function flagOption(key: ConfigKey): Option {
  const isList = key.kind === "list";
  const about = key.standard === undefined ? key.about : `${key.about} (default: ${key.standard})`;
  const option = new Option(
    `--${key.flag} <${isList ? "item" : "value"}>`,
    isList ? `${about} May be repeated.` : about,
  );
  return isList
    ? option.argParser((item: string, before: string[] | undefined) => [...(before ?? []), item])
    : option;
}

/** What commander collected, by dotted key. */
function flagsOf(keys: readonly ConfigKey[], options: Record<string, string | string[]>): Flags {
  const flags: Record<string, string | string[]> = {};
  for (const key of keys) {
    const given = options[new Option(`--${key.flag}`).attributeName()];
    if (given !== undefined) flags[key.dotted] = given;
  }
  return flags;
}
