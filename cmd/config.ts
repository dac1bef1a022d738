/** `fastcast config`: check a configuration, write a first one, show what is in effect. */
import { Argument, type Command, Option } from "commander";
import { type RoleName, roleNames } from "../src/config.ts";
import { configKeys } from "./config-keys.ts";
import { sampleConfig } from "./config-sample.ts";
import { loadWithOrigins } from "./config-source.ts";

export function addConfig(program: Command): void {
  const config = program.command("config").description("check, write or show a configuration");
  config
    .command("check")
    .description("list all faults of a configuration file, in the present environment")
    .addArgument(new Argument("<file>", "the file, YAML or JSON"))
    .addOption(roleOption())
    .addHelpText("after", "\nExample:\n  fastcast config check fastcast.yaml --role site")
    .action(checkConfig);
  config
    .command("init")
    .description("print a commented configuration to start from")
    .addHelpText("after", "\nExample:\n  fastcast config init > fastcast.yaml")
    .action(() => {
      process.stdout.write(sampleConfig);
    });
  config
    .command("show")
    .description("print every value in effect, and where it comes from")
    .option("-c, --config <file>", "configuration file; else the variable FASTCAST_CONFIG")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  fastcast config show --config fastcast.yaml")
    .action(showConfig);
}

const roleOption = (): Option =>
  new Option("--role <role>", "also check what this role needs").choices(roleNames);

function checkConfig(file: string, options: { role?: RoleName }): void {
  loadWithOrigins({ file, flags: {}, env: process.env, role: options.role });
  console.log(`${file}: no faults`);
}

function showConfig(options: { config?: string; json?: true }): void {
  const loaded = loadWithOrigins({ file: options.config, flags: {}, env: process.env });
  const rows = configKeys.map(({ dotted, path }) => ({
    key: dotted,
    value: shown(dotted, valueAt(loaded.config, path)),
    origin: loaded.origin(dotted),
  }));
  if (options.json) {
    console.log(JSON.stringify(rows, undefined, 2));
    return;
  }
  const lines = rows.map(({ key, value, origin }) => [key, cell(value), origin] as const);
  const widths = [0, 1].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const [key, value, origin] of lines) {
    console.log(`${key.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${origin}`);
  }
}

function valueAt(config: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, step) => (part as Record<string, unknown>)[step], config);
}

/** A secret is never printed, only that there is one. */
const shown = (dotted: string, value: unknown): unknown =>
  dotted === "control.token" && value !== undefined ? "(hidden)" : (value ?? null);

function cell(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return "-";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return value.join(", ");
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
