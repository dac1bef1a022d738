/**
 * The lab's plan: from a few options to machines, addresses, wires and configurations, as plain
 * values. Nothing here touches the machine it runs on; `namespaces.ts` and `processes.ts` carry
 * the plan out.
 *
 *     hosts --- br0 (LAN switch) --- edge --- wan ports --- edge --- br0 --- hosts
 *               10.k.0.0/24          .1   198.51.100.0/24
 *               fd00:k::/64         ::1
 *
 * Every machine is a network namespace NAME-site1-edge, NAME-site1-host1, …; veth pairs are made
 * directly between namespaces, so the root namespace gets neither an interface nor an address.
 */
import { assert } from "../base/assert.ts";
import type { Job, LabOptions, Machine, MachineKind, RoleName } from "./machines.ts";
import { checkOptions, configFile, logFile, machinesOf, socketFile } from "./machines.ts";
import { roleConfig } from "./role-config.ts";
import type { Wiring } from "./wiring.ts";
import { wiringOf } from "./wiring.ts";

export type Plan = {
  readonly options: LabOptions;
  readonly machines: readonly Machine[];
  readonly wiring: Wiring;
  readonly jobs: readonly Job[];
  readonly configs: readonly { readonly file: string; readonly content: object }[];
};

/** Everything `lab up` does, in the order it does it. The token is 32 hexadecimal digits. */
export function planLab(options: LabOptions, directory: string, token: string): Plan {
  checkOptions(options);
  const machines = machinesOf(options);
  const jobs = jobsOf(options, machines, directory);
  const scope = { options, directory, token };
  const configs = jobs
    .filter((job) => job.role !== "wan-emulator")
    .map((job) => ({
      file: configFile(directory, job.machine),
      content: roleConfig(scope, job, machineAt(machines, job.machine)),
    }));
  return { options, machines, wiring: wiringOf(options, machines), jobs, configs };
}

const roleOf = {
  edge: "site",
  router: "router",
  gateway: "gateway",
  eavesdropper: "eavesdropper",
  manager: "manager",
  host: undefined,
  lan: undefined,
  wan: undefined,
} as const satisfies Record<MachineKind, RoleName | undefined>;

function jobsOf(options: LabOptions, machines: readonly Machine[], directory: string): Job[] {
  const job = (machine: Machine, role: RoleName, argv: readonly string[]): Job => ({
    machine: machine.path,
    role,
    namespace: machine.namespace,
    argv,
    socket: socketFile(directory, machine.path),
    log: logFile(directory, machine.path),
  });
  const jobs: Job[] = [];
  for (const machine of machines) {
    const role = roleOf[machine.kind];
    if (machine.kind === "wan" && options.wan === "emulated") {
      jobs.push(job(machine, "wan-emulator", ["lab", "wan-emulator", "--state", directory]));
    } else if (role && options.roles) {
      jobs.push(job(machine, role, [role, "--config", configFile(directory, machine.path)]));
    }
  }
  return jobs;
}

function machineAt(machines: readonly Machine[], path: string): Machine {
  const machine = machines.find((one) => one.path === path);
  assert(machine !== undefined, `no machine ${path} in the plan`);
  return machine;
}
