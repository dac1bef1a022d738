/**
 * Carries the plan's wiring out with `ip`, and finds what runs in a lab's namespaces. The only
 * file of the lab that changes the network.
 */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { LabFault } from "./fault.ts";
import { isLabNamespace } from "./machines.ts";
import type { Interior, Wiring } from "./wiring.ts";
import { perPacketLine } from "./wiring.ts";

const namespaceRoot = "/run/netns";
/** `ip` processes at the same time; each sets up one namespace. */
const parallelMax = 8;
/** In the environment of what builds a lab, so that `down` finds builders whose `up` has died. */
const builderMark = "FASTCAST_LAB_BUILDER";

/** What a lab needs from its machine; says exactly what is missing. */
export function requireMachineFeatures(needsTun: boolean): void {
  if (process.getuid?.() !== 0) {
    throw new LabFault(
      "permission",
      "the lab makes network namespaces and needs root. Try: sudo fastcast lab …",
    );
  }
  if (!Bun.which("ip")) {
    throw new LabFault("permission", "no ip program found. Try: apt-get install iproute2");
  }
  if (needsTun && !existsSync("/dev/net/tun")) {
    throw new LabFault(
      "permission",
      "no /dev/net/tun, which Gateways need. Try: modprobe tun; in a container add " +
        "--device /dev/net/tun; or --no-roles",
    );
  }
}

/** Makes namespaces, wires and addresses. Throws at the first failure and leaves what it made. */
export async function buildNamespaces(
  name: string,
  wiring: Wiring,
  signal: AbortSignal,
): Promise<void> {
  const runner = new Runner({ [builderMark]: name }, signal);
  const additions = wiring.namespaces.map((namespace) => `netns add ${namespace}`);
  await runner.batch([], additions);
  await inParallel(wiring.interiors, (interior) => runner.sysctls(interior));
  await runner.batch([], wiring.links);
  const hasIpv6 = existsSync("/proc/sys/net/ipv6");
  await inParallel(wiring.interiors, ({ namespace, lines, ipv6Lines }) =>
    runner.batch(["-n", namespace], hasIpv6 ? [...lines, ...ipv6Lines] : lines),
  );
}

/** Processes that build a lab of this name, this process aside. */
export const buildersOf = (name: string): number[] =>
  processIds().filter((pid) => environmentOf(pid).includes(`${builderMark}=${name}`));

/** From now on a machine sends single packets into the WAN. */
export const sendPerPacket = async (namespace: string): Promise<void> =>
  new Runner().batch(["-n", namespace], [perPacketLine]);

/** Namespaces on this machine that belong to a lab of this name. */
export const labNamespaces = (name: string): string[] =>
  existsSync(namespaceRoot)
    ? readdirSync(namespaceRoot).filter((namespace) => isLabNamespace(namespace, name))
    : [];

/** Deletes namespaces; those that went away meanwhile do not matter. */
export async function deleteNamespaces(namespaces: readonly string[]): Promise<void> {
  const present = namespaces.filter((namespace) => existsSync(`${namespaceRoot}/${namespace}`));
  const deletions = present.map((namespace) => `netns del ${namespace}`);
  await new Runner().batch([], deletions);
}

export const namespaceExists = (namespace: string): boolean =>
  existsSync(`${namespaceRoot}/${namespace}`);

/** Every process whose network is one of these namespaces, this process aside. */
export function processesIn(namespaces: readonly string[]): number[] {
  const inodes = new Set(
    namespaces
      .map((namespace) => inodeOf(`${namespaceRoot}/${namespace}`))
      .filter((inode) => inode !== 0),
  );
  return processIds().filter((pid) => inodes.has(inodeOf(`/proc/${pid}/ns/net`)));
}

const processIds = (): number[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid);

/** 0 when there is nothing to see. */
const inodeOf = (file: string): number => seen(() => statSync(file).ino) ?? 0;

const environmentOf = (pid: number): string[] =>
  seen(() => readFileSync(`/proc/${pid}/environ`, "latin1"))?.split("\0") ?? [];

/** Undefined for what cannot be read: processes end while we look, and a sandbox hides some. */
function seen<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** Runs a command in a namespace with `ip netns exec`. */
export const inNamespace = (namespace: string, argv: readonly string[]): string[] => [
  "ip",
  "netns",
  "exec",
  namespace,
  ...argv,
];

/** Runs `ip` and `sh`; after an interrupt it starts nothing more. */
class Runner {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal | undefined;

  constructor(environment: Readonly<Record<string, string>> = {}, signal?: AbortSignal) {
    this.#environment = environment;
    this.#signal = signal;
  }

  async batch(flags: readonly string[], lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#run(["ip", ...flags, "-batch", "-"], `${lines.join("\n")}\n`, lines);
  }

  async sysctls({ namespace, sysctls }: Interior): Promise<void> {
    if (sysctls.length === 0) return;
    // Where a kernel lacks IPv6 there is no such file, and nothing to switch off.
    const writes = sysctls.map(([path, value]) => {
      const file = `/proc/sys/${path}`;
      return `[ ! -e ${file} ] || echo ${value} > ${file}`;
    });
    await this.#run(inNamespace(namespace, ["sh", "-e", "-c", writes.join("\n")]), "", []);
  }

  async #run(argv: string[], input: string, lines: readonly string[]): Promise<void> {
    this.#signal?.throwIfAborted();
    const child = Bun.spawn(argv, {
      env: { ...process.env, ...this.#environment },
      stdin: Buffer.from(input),
      stdout: "ignore",
      stderr: "pipe",
    });
    const [status, message] = await Promise.all([child.exited, child.stderr.text()]);
    if (status !== 0) throw new LabFault("failed", batchFault(argv, lines, status, message));
  }
}

/** Names the line of a batch that failed, and what `ip` said of it. */
function batchFault(
  argv: readonly string[],
  lines: readonly string[],
  status: number,
  message: string,
): string {
  const number = /Command failed -:(\d+)/.exec(message)?.[1];
  const line = number === undefined ? undefined : lines[Number(number) - 1];
  const what = line === undefined ? argv.join(" ") : `ip ${line}`;
  const why = message.replace(/Command failed.*/s, "").trim() || `exit status ${status}`;
  return `${what}: ${why}`;
}

async function inParallel<Item>(
  items: readonly Item[],
  each: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) {
      await each(item).catch((error: unknown) => {
        next = items.length; // the others start nothing more
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, worker));
}
