/**
 * Opens a role: configuration in, ports opened, nodes in one loop, control endpoints served, until
 * SIGTERM or SIGINT. A site is the same nodes as three roles, joined by pipes.
 */
import { randomInt } from "node:crypto";
import manifest from "../package.json" with { type: "json" };
import { parsePrefix, type Prefix } from "../src/base/address.ts";
import type { Config, RoleName } from "../src/config.ts";
import { controlApp, type RoleControl } from "../src/control/app.ts";
import { serveTcp, serveUnix } from "../src/io/http.ts";
import { awaitAddresses } from "../src/io/interfaces.ts";
import { SystemError } from "../src/io/libc.ts";
import { type Log, Loop } from "../src/io/loop.ts";
import { Poller } from "../src/io/poller.ts";
import { limits } from "../src/limits.ts";
import { CommandError, exitStatus } from "./exit.ts";
import { openEavesdroppers } from "./open-eavesdropper.ts";
import { openGateway } from "./open-gateway.ts";
import { openManager } from "./open-manager.ts";
import { openRouter } from "./open-router.ts";

/** What every opener gets: the process's loop, poller and configuration. */
export type Opening = {
  readonly config: Config;
  readonly site: string;
  readonly loop: Loop;
  readonly poller: Poller;
  readonly log: Log;
  /** Rises with every start; the order of lives of one role. */
  readonly incarnation: number;
  /** What others call for control; empty when there is nothing to reach. */
  readonly control: string;
  /** A role of the same process is reached through a pipe of its name. */
  readonly pipes: boolean;
};

type Open = (opening: Opening) => readonly RoleControl[];

const openers: Record<RoleName, Open> = {
  router: (opening) => [openRouter(opening)],
  gateway: (opening) => [openGateway(opening)],
  eavesdropper: (opening) => [openEavesdroppers(opening)],
  manager: (opening) => [openManager(opening)],
  site: (opening) => [openRouter(opening), openGateway(opening), openEavesdroppers(opening)],
};

/** Runs the role until it is told to end. Throws `CommandError`. */
export async function openRole(role: RoleName, config: Config): Promise<void> {
  const log: Log = (level, who, text) => console.error(`${level}: ${who}: ${text}`);
  const fatal = (error: unknown): void => end(role, error);
  const loop = new Loop(log, fatal);
  const poller = new Poller(Bun.main);
  const opening: Opening = {
    config,
    site: config.site ?? "",
    loop,
    poller,
    log,
    incarnation: Date.now(),
    control: config.control.advertise ?? config.control.listen ?? "",
    pipes: role === "site",
  };
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  try {
    await awaitAddresses(config.lans, limits.interfaceWaitMs);
    const roles = openers[role](opening);
    poller.start();
    loop.onStop(() => poller.stop());
    await serve(role, config, roles, loop);
  } catch (error) {
    loop.stop();
    throw asCommandError(role, error);
  }
  loop.turn();
  log("info", role, `FastCast ${manifest.version} runs${config.site ? ` as ${config.site}` : ""}`);
  await ended();
  loop.stop();
  // Peers may hold connections open, and a long poll its timer: nothing of that is waited for.
  process.exit(exitStatus.done);
}

async function serve(
  role: RoleName,
  config: Config,
  roles: readonly RoleControl[],
  loop: Loop,
): Promise<void> {
  const { socket, listen, token } = config.control;
  const options = { site: config.site, version: manifest.version };
  const local = controlApp(roles, { ...options, token: undefined });
  loop.onStop(await serveUnix(socket ?? `/run/fastcast/${role}.sock`, local.fetch));
  if (listen === undefined) return;
  loop.onStop(serveTcp(listen, controlApp(roles, { ...options, token }).fetch));
}

/** The prefixes of the configuration, which has been checked. */
export const prefixesOf = (texts: readonly string[]): Prefix[] =>
  texts.flatMap((text) => parsePrefix(text) ?? []);

export const seed = (): number => randomInt(2 ** 32);

/** A broken invariant, or an interface that is gone: whoever started the role starts it anew. */
function end(role: RoleName, error: unknown): void {
  if (error instanceof SystemError) console.error(`fastcast: ${role}: ${error.message}`);
  else console.error(`fastcast: ${role}: this is a defect of FastCast, please report it:`, error);
  process.exit(exitStatus.failed);
}

function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function asCommandError(role: RoleName, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  const missing = error.code === "EPERM" || error.code === "EACCES";
  const status = missing ? exitStatus.permission : exitStatus.failed;
  return new CommandError(`${role}: ${error.message}`, status);
}
