/** How `send` and `recv` meet the host: its interfaces, routes, clock, signals and UDP sockets. */
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Family, familyOf } from "../src/base/address.ts";
import { CommandError, exitStatus } from "./exit.ts";
import {
  defaultInterface,
  type GroupEndpoint,
  type Interface,
  namedInterface,
} from "./multicast-options.ts";

/** Bun's undocumented flag for SO_REUSEADDR: several receivers of a group on one host. */
export const reuseAddress = 16;

/** Bun passes the error alone although its types say `(socket, error)` (oven-sh/bun#35215). */
export type ErrorHandler = (error: unknown) => void;

/** The socket's descriptor, which Bun's types leave out. */
export const descriptorOf = (socket: object): number => (socket as { fd: number }).fd;

export const anyAddress = (family: Family): string => (family === 4 ? "0.0.0.0" : "::");

/** The interface named by people, else the one the kernel routes the group to. */
export async function interfaceFor(
  endpoint: GroupEndpoint,
  wanted: string | undefined,
): Promise<Interface> {
  const family = familyOf(endpoint.group);
  if (wanted !== undefined) await runningInterface(wanted);
  const table = networkInterfaces();
  if (wanted !== undefined) return namedInterface(wanted, family, table);
  return defaultInterface(await routedAddress(endpoint, family), family, table);
}

/** How long an interface that was just set up may take until its carrier is there. */
const carrierMs = 2_000;
const carrierPollMs = 20;

/** Bun lists only interfaces with a carrier, which a new veth gets up to a second after "up". */
async function runningInterface(name: string): Promise<void> {
  const endMs = performance.now() + carrierMs;
  while (existsSync(`/sys/class/net/${name}`) && !networkInterfaces()[name]) {
    if (performance.now() >= endMs) {
      const message = `interface ${name} is down, or has no carrier or no address`;
      throw new CommandError(message, exitStatus.failed);
    }
    await Bun.sleep(carrierPollMs);
  }
}

/** The local address that the kernel would send from; connecting a UDP socket sends nothing. */
async function routedAddress(endpoint: GroupEndpoint, family: Family): Promise<string | undefined> {
  try {
    const socket = await Bun.udpSocket({
      hostname: anyAddress(family),
      connect: { hostname: endpoint.group, port: endpoint.port },
      socket: { error() {} },
    });
    const { address } = socket.address;
    socket.close();
    // Link-local text may come cut short (Bun 1.4.5), so it names no interface.
    return address.startsWith("fe80:") ? undefined : address;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENETUNREACH" || code === "EADDRNOTAVAIL" || code === "EHOSTUNREACH") {
      return undefined;
    }
    throw error;
  }
}

/** What the system said, with the exit status it stands for. */
export function systemError(doing: string, error: unknown): CommandError {
  const code = codeOf(error);
  const status = code === "EACCES" || code === "EPERM" ? exitStatus.permission : exitStatus.failed;
  const text = error instanceof Error ? error.message : String(error);
  return new CommandError(`${doing}: ${text}`, status);
}

export const codeOf = (error: unknown): string | undefined =>
  (error as { code?: string } | undefined)?.code;

/** Microseconds since the epoch; steady, so a clock that is set during a run does not show. */
export const epochMicros = (): number =>
  Math.floor((performance.timeOrigin + performance.now()) * 1000);

/** Calls `stop` at SIGINT and SIGTERM until the returned function is called. */
export function onStopSignals(stop: () => void): () => void {
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return () => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
}
