import { hostname } from "node:os";
import type { RoleControl } from "../src/control/app.ts";
import { managerControl } from "../src/control/manager.ts";
import { request } from "../src/io/http.ts";
import { Applications } from "../src/plan/demand.ts";
import { type Flow, keyText } from "../src/plan/flows.ts";
import { Manager, type ManagerEffect } from "../src/role/manager.ts";
import { ManagerStore } from "../src/store/manager-state.ts";
import { CommandError, exitStatus } from "./exit.ts";
import type { Opening } from "./open-role.ts";

/** Opens the Manager: its state, and a timer of its own, since it has no connections. */
export function openManager({ config, loop, log }: Opening): RoleControl {
  const { contacts, state, almrp, applications } = config.manager;
  const store = openStore(state);
  const { nextFlow, flows } = store.read();
  const epoch = { term: store.nextTerm(), manager: hostname() };
  const options = {
    epoch,
    contacts,
    applications: new Applications(applications, almrp),
    state: { nextFlow, flows: flows.map(({ json }) => flowOf(json)) },
  };
  const manager = new Manager(options, loop.nowMs);
  const shell = new ManagerShell(manager, store, config.control.token, () => loop.nowMs, log);
  shell.turn();
  loop.onStop(() => shell.stop());
  return managerControl({
    health: () => {
      if (manager.readsFrom) return "ok";
      return `no Gateway tells the rows of the sites (${manager.trouble ?? "not asked yet"})`;
    },
    status: () => ({
      epoch: manager.epoch,
      readsFrom: manager.readsFrom,
      sites: manager.sites().length,
    }),
    counters: () => manager.counters,
    sites: () => manager.sites(),
    plan: () => manager.plan(),
    applications: () => [...manager.applications],
  });
}

/** Carries out what the Manager wants, and wakes it at its deadlines. */
class ManagerShell {
  readonly #manager: Manager;
  readonly #store: ManagerStore;
  readonly #token: string | undefined;
  readonly #now: () => number;
  readonly #log: Opening["log"];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    manager: Manager,
    store: ManagerStore,
    token: string | undefined,
    now: () => number,
    log: Opening["log"],
  ) {
    this.#manager = manager;
    this.#store = store;
    this.#token = token;
    this.#now = now;
    this.#log = log;
  }

  turn(): void {
    if (this.#stopped) return;
    for (let effect = this.#manager.takeEffect(); effect; effect = this.#manager.takeEffect()) {
      this.#do(effect);
    }
    clearTimeout(this.#timer);
    const next = this.#manager.nextDeadlineMs();
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#manager.onDeadline(this.#now());
        this.turn();
      },
      Math.max(0, next - this.#now()),
    );
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#store.close();
  }

  #do(effect: ManagerEffect): void {
    switch (effect.kind) {
      case "log":
        return this.#log(effect.level, "manager", effect.text);
      case "save": {
        const { nextFlow, flows } = effect.state;
        const stored = flows.map((flow) => ({ key: keyText(flow), json: jsonOf(flow) }));
        return this.#store.write(effect.term, nextFlow, stored);
      }
      case "request":
        void this.#ask(effect);
    }
  }

  async #ask(effect: Extract<ManagerEffect, { kind: "request" }>): Promise<void> {
    const answer = await request({ ...effect, token: this.#token });
    if (this.#stopped) return;
    this.#manager.onAnswer(effect.id, answer, this.#now());
    this.turn();
  }
}

function openStore(path: string): ManagerStore {
  try {
    return new ManagerStore(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const remedy = "Choose a file in a directory that can be written, with manager.state.";
    throw new CommandError(`manager: cannot open ${path}: ${why}. ${remedy}`, exitStatus.failed);
  }
}

/** Maps become lists of pairs. */
const jsonOf = (flow: Flow): string =>
  JSON.stringify(flow, (_key, value: unknown) =>
    value instanceof Map ? { map: [...value] } : value,
  );

/** Every array has a `map` too, but inherited. */
const flowOf = (json: string): Flow =>
  JSON.parse(json, (_key, value: unknown) =>
    typeof value === "object" && value !== null && Object.hasOwn(value, "map")
      ? new Map((value as { map: [unknown, unknown][] }).map)
      : value,
  ) as Flow;
