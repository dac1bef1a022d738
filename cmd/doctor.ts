/**
 * `fastcast doctor`: what keeps FastCast from working on this host, with evidence and what to do.
 * The judges and the readers of facts are in `src/doctor/`.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Address, parseAddress, parseEndpoint } from "../src/base/address.ts";
import type { Config } from "../src/config.ts";
import { askRole, socketsOf } from "../src/doctor/ask.ts";
import { type Contact, dial } from "../src/doctor/dial.ts";
import { examine } from "../src/doctor/examine.ts";
import type { Facts, RoleFacts, Unseen } from "../src/doctor/facts.ts";
import type { Severity } from "../src/doctor/finding.ts";
import {
  type Examination,
  type Mark,
  nagiosText,
  reportObject,
  reportText,
  worstOf,
} from "../src/doctor/report.ts";
import { loadConfig } from "./config-source.ts";
import { exitStatus } from "./exit.ts";

type DoctorFlags = {
  readonly config?: string;
  readonly interface?: readonly string[];
  readonly json?: true;
  readonly nagios?: true;
  readonly verbose?: true;
};

const help = `
It reads this host's kernel and interfaces, asks the roles that run here what they find on their
LANs, and tries TCP to the contacts of the configuration. It changes nothing. Without root it sees
less, and says what it did not see. Without LANs it looks at every Ethernet interface that is up;
a configuration without LANs, as of a Router or Manager, keeps it off them.
Exit status: 0 when nothing is critical, 1 when something is. With --nagios 0 when all is well, 1
for a warning, 2 when something is critical.

Examples:
  $ sudo fastcast doctor --config /etc/fastcast/fastcast.yaml
  $ fastcast doctor --interface eth1 --verbose
  $ fastcast doctor --json | jq '.findings[].code'`;

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .summary("find what keeps FastCast from working on this host")
    .description("Checks this host and the roles that run on it, and says what to do.")
    .option("-c, --config <file>", "configuration file; else the variable FASTCAST_CONFIG")
    .option(
      "--interface <name...>",
      "look at these LANs instead of those of the configuration",
      interfaceNames,
    )
    .addOption(new Option("--json", "print one JSON document").conflicts("nagios"))
    .option("--nagios", "print and exit as monitoring plugins do")
    .option("-v, --verbose", "also say what is well")
    .addHelpText("after", help)
    .action(doctor);
}

function interfaceNames(name: string, before: readonly string[] = []): readonly string[] {
  if (/^(?!\.{1,2}$)[^\s/]{1,15}$/.test(name)) return [...before, name];
  throw new InvalidArgumentError("It must be the name of a network interface, such as eth1.");
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const config = loadConfig({ file: flags.config, flags: {}, env: process.env });
  const named = flags.interface ?? config.lans;
  const isGuess = named.length === 0 && !(flags.config ?? process.env.FASTCAST_CONFIG);
  const facts = await factsOf(config, isGuess ? undefined : named);
  const examination = { findings: examine(facts), unseen: facts.unseen };
  await Bun.write(Bun.stdout, `${output(examination, flags)}\n`);
  const worst = worstOf(examination.findings);
  process.exit(flags.nagios ? nagiosStatus[worst] : worst === "critical" ? 1 : exitStatus.done);
}

const nagiosStatus = { critical: 2, warning: 1, note: 0, well: 0 } as const;

function output(examination: Examination, { json, nagios, verbose }: DoctorFlags): string {
  const isVerbose = verbose === true;
  if (json) return JSON.stringify(reportObject(examination, { isVerbose }), undefined, 2);
  if (nagios) return nagiosText(examination);
  return reportText(examination, { isVerbose, mark: isColourful() ? coloured : plain });
}

/** `lans` undefined: to be guessed. */
async function factsOf(config: Config, lans: readonly string[] | undefined): Promise<Facts> {
  const unseen: Unseen[] = [];
  const contacts = contactsOf(config);
  const dialled = Promise.all(contacts.map(dial));
  const roles = await rolesOf(config, unseen);
  const peers = contacts.flatMap(({ host }) => parseAddress(host) ?? []);
  return {
    platform: process.platform,
    lans: lans === undefined ? "guessed" : lans.length > 0 ? "named" : "none",
    tuns: [config.gateway.tun],
    ...(await hostFacts({ lans, peers }, unseen)),
    contacts: await dialled,
    roles,
    unseen,
  };
}

type HostPart = Pick<Facts, "privileges" | "interfaces" | "kernel">;

/** Loaded on Linux only: it binds the C library. */
async function hostFacts(
  options: {
    readonly lans: readonly string[] | undefined;
    readonly peers: readonly Address[];
  },
  unseen: Unseen[],
): Promise<HostPart> {
  if (process.platform !== "linux") return nothingOfTheHost;
  const { Host } = await import("../src/doctor/host.ts");
  const host = new Host();
  const facts = host.read(options);
  unseen.push(...host.unseen);
  return facts;
}

const nothingOfTheHost: HostPart = {
  privileges: {
    isRoot: false,
    effective: undefined,
    bounding: undefined,
    executable: process.execPath,
    hasFileCapabilities: undefined,
    isSetuid: undefined,
    tunFault: undefined,
  },
  interfaces: [],
  kernel: {
    igmpMembershipsMax: undefined,
    receiveBufferBytesMax: undefined,
    ipv6Disabled: undefined,
    routesMulticast: undefined,
    multicastForwarding: undefined,
    vifs: undefined,
    hasDefaultRoute: false,
    ruleset: undefined,
  },
};

async function rolesOf(config: Config, unseen: Unseen[]): Promise<RoleFacts[]> {
  const sockets = socketsOf(config.control.socket);
  if (sockets.length === 0) {
    const where = config.control.socket ?? "/run/fastcast/";
    unseen.push({ what: "roles", why: `no control socket at ${where}: none runs here` });
  }
  const asked = await Promise.all(sockets.map((socket) => askRole(socket, unseen)));
  return asked.flatMap((role) => role ?? []);
}

/** The contacts of the configuration, which has been checked. */
function contactsOf({ router, manager }: Config): Contact[] {
  const ofRouter = router.contacts.flatMap((text) => parseEndpoint(text) ?? []);
  const ofManager = manager.contacts.map((text) => new URL(text));
  return [
    ...ofRouter.map(({ host, port }) => ({ key: "router.contacts", host, port })),
    ...ofManager.map(({ hostname, port }) => ({
      key: "manager.contacts",
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port || 80),
    })),
  ];
}

const isColourful = (): boolean =>
  process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";

/** Select Graphic Rendition: red, yellow, cyan, green; bold. */
const sgr = { critical: 31, warning: 33, note: 36, well: 32 } as const satisfies Record<
  Severity,
  number
>;
const coloured: Mark = (severity, text) => `\x1b[1;${sgr[severity]}m${text}\x1b[0m`;
const plain: Mark = (_, text) => text;
