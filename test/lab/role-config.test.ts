import { expect, test } from "bun:test";
import * as v from "valibot";
import { Config } from "../../src/config.ts";
import { plan, token } from "./lab-plan.ts";

const configOf = (of: ReturnType<typeof plan>, file: string) =>
  v.parse(Config, of.configs.find((one) => one.file.endsWith(`/${file}`))?.content);

test("a site names its contacts, never itself", () => {
  const contacts = (site: number) => configOf(plan(), `site${site}-edge.yaml`).router.contacts;
  expect(contacts(1)).toEqual(["198.51.100.2:7800"]);
  expect(contacts(2)).toEqual(["198.51.100.1:7800"]);
  expect(contacts(3)).toEqual(["198.51.100.1:7800", "198.51.100.2:7800"]);
  expect(configOf(plan({ sites: 1 }), "site1-edge.yaml").router.contacts).toEqual([]);
});

test("an edge runs a whole site", () => {
  const config = configOf(plan(), "site2-edge.yaml");
  expect(config).toMatchObject({ fabric: "fc", site: "site2", lans: ["lan0"] });
  expect(config.router).toMatchObject({ advertise: "198.51.100.2:7800" });
  expect(config.eavesdropper.querier).toBe("on");
  expect(config.control).toMatchObject({
    socket: "/run/fastcast/lab/fc/site2-edge.sock",
    listen: "198.51.100.2:7802",
    token,
  });
});

test("separate roles find one another and the Manager finds the Gateways", () => {
  const separate = plan({ separate: true });
  expect(configOf(separate, "site2-gateway.yaml")).toMatchObject({
    gateway: { router: "10.2.0.1:7800", listen: "10.2.0.2:7801" },
    control: { listen: "10.2.0.2:7802" },
  });
  expect(configOf(separate, "site2-eavesdropper.yaml").eavesdropper).toMatchObject({
    gateway: "10.2.0.2:7801",
    querier: "on",
  });
  expect(configOf(separate, "manager.yaml").manager).toMatchObject({
    contacts: ["http://10.1.0.2:7802", "http://10.2.0.2:7802", "http://10.3.0.2:7802"],
    state: "/run/fastcast/lab/fc/manager.sqlite",
    almrp: "mst",
  });
  expect(configOf(plan({ sites: 5 }), "manager.yaml").manager.contacts).toEqual([
    "http://198.51.100.1:7802",
    "http://198.51.100.2:7802",
    "http://198.51.100.3:7802",
  ]);
});

test("Gateways of both layouts touch their sites as the lab was told", () => {
  const kindOf = (changes: Parameters<typeof plan>[0], machine: string): string =>
    configOf(plan(changes), `site2-${machine}.yaml`).gateway.interface;
  expect(kindOf({ interface: "bridged" }, "edge")).toBe("bridged");
  expect(kindOf({ interface: "bridged", separate: true }, "gateway")).toBe("bridged");
  expect(kindOf({}, "edge")).toBe("routed");
});
