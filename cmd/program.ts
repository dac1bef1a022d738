/**
 * The command line: which commands there are, their help, and how each end of a command becomes
 * an exit status. Every command has a file of its own, imported only when it is named or when all
 * are listed.
 */
import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { CommandError, exitMeaning, exitStatus } from "./exit.ts";

type AddCommands = (program: Command) => void;

const roles = async (): Promise<AddCommands> => (await import("./role.ts")).addRoles;

/** Each command's file; the order is that of the help. */
const commands: Readonly<Record<string, () => Promise<AddCommands>>> = {
  site: roles,
  router: roles,
  gateway: roles,
  eavesdropper: roles,
  manager: roles,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  demo: async () => (await import("./demo.ts")).addDemo,
  config: async () => (await import("./config.ts")).addConfig,
  lab: async () => (await import("./lab.ts")).addLab,
  send: async () => (await import("./send.ts")).addSend,
  recv: async () => (await import("./recv.ts")).addRecv,
};

const examples = `
First five minutes:
  fastcast demo                                  see it work on this machine (Linux, root)
  fastcast config init > fastcast.yaml           write a commented configuration
  fastcast config check fastcast.yaml --role site
  fastcast doctor --config fastcast.yaml         find what would keep it from working here
  fastcast site --config fastcast.yaml           run a whole small site in one process
  fastcast manager --config manager.yaml         run the Manager, once per fabric`;

/** Runs one command line, without the program's own name, and answers its exit status. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const program = await programFor(args);
    await program.parseAsync(args, { from: "user" });
    return exitStatus.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.usage;
    if (error instanceof CommandError) {
      console.error(`fastcast: ${error.message}`);
      return error.status;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.error(`fastcast: this is a defect of FastCast, please report it:\n${detail}`);
    return exitStatus.failed;
  }
}

async function programFor(args: readonly string[]): Promise<Command> {
  const program = new Command("fastcast")
    .description(manifest.description)
    .version(manifest.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showSuggestionAfterError()
    .showHelpAfterError("(see fastcast --help)")
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "fastcast: ")),
    })
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText("after", `${examples}\n\n${statusHelp()}`);
  const named = commands[args[0] ?? ""];
  const loaders = new Set(named ? [named] : Object.values(commands));
  for (const load of loaders) (await load())(program);
  for (const command of program.commands) addVersion(command);
  return program;
}

/** `--version` works behind every command, too. */
function addVersion(command: Command): void {
  command.version(manifest.version, "-V, --version", "print the version");
  for (const inner of command.commands) addVersion(inner);
}

function statusHelp(): string {
  const rows = Object.entries(exitMeaning).map(
    ([name, meaning]) => `  ${exitStatus[name as keyof typeof exitStatus]}  ${meaning}`,
  );
  return ["Exit status:", ...rows].join("\n");
}
