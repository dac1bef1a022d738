import { parseEndpoint } from "../src/base/address.ts";
import type { Config, RoleName } from "../src/config.ts";

/** What a role misses in a configuration that is correct in itself; `path` names the key. */
export type RoleFault = { readonly path: readonly string[]; readonly message: string };

/** Everything that `role` needs and the configuration does not say; empty when it can start. */
export function roleFaults(role: RoleName, config: Config): RoleFault[] {
  const { router, control, manager } = config;
  const faults: RoleFault[] = [];
  const need = (isMet: boolean, dotted: string, message: string): void => {
    if (!isMet) faults.push({ path: dotted.split("."), message });
  };
  const [inSite, onLan] = [role !== "manager", role !== "manager" && role !== "router"];
  const accepts = role === "site" || role === "router";
  need(!inSite || config.site !== undefined, "site", `a ${role} needs its site's name`);
  need(
    !onLan || config.lans.length > 0,
    "lans",
    `a ${role} needs at least one LAN: list the interface of each, such as [eth1]`,
  );
  need(
    !accepts || router.advertise !== undefined || !isAnyAddress(router.listen),
    "router.advertise",
    `is needed because router.listen is ${router.listen}: the address:port that other sites dial`,
  );
  need(
    router.advertise === undefined || !isAnyAddress(router.advertise),
    "router.advertise",
    "must be the address that other sites dial, not one that means every address",
  );
  need(
    !inSite ||
      control.listen === undefined ||
      control.advertise !== undefined ||
      !isAnyAddress(control.listen),
    "control.advertise",
    `is needed because control.listen is ${control.listen}: the address:port a Manager calls`,
  );
  need(
    role !== "manager" || manager.contacts.length > 0,
    "manager.contacts",
    "a manager needs the control endpoint of a Gateway, such as http://192.0.2.1:7880",
  );
  return faults;
}

const isAnyAddress = (text: string): boolean =>
  ["0.0.0.0", "::"].includes(parseEndpoint(text)?.host ?? "");
