/**
 * The configuration of one role in the lab, in the words of `src/config.ts`. A lab has one fabric,
 * named after it, and one token; every role answers on a socket in the lab's directory, which the
 * root namespace reaches, and on an address of its own machine, which the Manager reaches.
 */
import type { Job, LabOptions, Machine } from "./machines.ts";
import {
  controlPort,
  lanAddress,
  managerNumber,
  siteName,
  socketFile,
  wanAddress,
} from "./machines.ts";

const linkPort = 7800;
const reportPort = 7801;
/** The Manager asks the Gateways of the first sites for the rows of all. */
const managerContactsMax = 3;

export type ConfigScope = {
  readonly options: LabOptions;
  readonly directory: string;
  readonly token: string;
};

export function roleConfig(scope: ConfigScope, job: Job, machine: Machine): object {
  const { options } = scope;
  const common = { fabric: options.name, control: control(scope, machine) };
  if (job.role === "manager") return { ...common, manager: managerSection(scope) };
  const site = { ...common, site: siteName(machine.site) };
  const lans = ["lan0"];
  switch (job.role) {
    case "site": {
      const parts = { router: router(scope, machine), gateway: siteInterface(options) };
      return { ...site, lans, ...parts, eavesdropper: { querier: "on" } };
    }
    case "router":
      return { ...site, router: router(scope, machine) };
    case "gateway":
      return { ...site, lans, gateway: { ...gateway(machine.site), ...siteInterface(options) } };
    default:
      return { ...site, lans, eavesdropper: eavesdropper(machine.site) };
  }
}

function control(scope: ConfigScope, machine: Machine): object {
  return {
    socket: socketFile(scope.directory, machine.path),
    listen: `${controlHost(machine)}:${controlPort}`,
    token: scope.token,
  };
}

function controlHost(machine: Machine): string {
  switch (machine.kind) {
    case "manager":
      return wanAddress(managerNumber);
    case "gateway":
      return gatewayHost(machine.site);
    case "eavesdropper":
      return lanAddress(machine.site, 3);
    default:
      return wanAddress(machine.site);
  }
}

const gatewayHost = (site: number): string => lanAddress(site, 2);

function router(scope: ConfigScope, machine: Machine): object {
  const contacts = [1, 2].filter((site) => site !== machine.site && site <= scope.options.sites);
  return {
    listen: `0.0.0.0:${linkPort}`,
    advertise: `${wanAddress(machine.site)}:${linkPort}`,
    contacts: contacts.map((site) => `${wanAddress(site)}:${linkPort}`),
  };
}

const gateway = (site: number): object => ({
  router: `${lanAddress(site, 1)}:${linkPort}`,
  listen: `${gatewayHost(site)}:${reportPort}`,
});

const siteInterface = ({ interface: kind }: LabOptions): object =>
  kind === undefined ? {} : { interface: kind };

const eavesdropper = (site: number): object => ({
  gateway: `${gatewayHost(site)}:${reportPort}`,
  querier: "on",
});

function managerSection({ options, directory }: ConfigScope): object {
  const sites = Array.from(
    { length: Math.min(managerContactsMax, options.sites) },
    (_, i) => i + 1,
  );
  const host = options.separate ? gatewayHost : wanAddress;
  return {
    contacts: sites.map((site) => `http://${host(site)}:${controlPort}`),
    state: `${directory}/manager.sqlite`,
    almrp: options.almrp,
  };
}
