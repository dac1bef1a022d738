import { expect, test } from "bun:test";
import { LabFault } from "../../src/lab/fault.ts";
import { isLabNamespace } from "../../src/lab/machines.ts";
import { plan } from "./lab-plan.ts";

test("a site has a switch, an edge and hosts; the lab a WAN and a Manager", () => {
  expect(plan({ sites: 1 }).machines.map((machine) => machine.path)).toEqual([
    "wan",
    "manager",
    "site1/lan",
    "site1/edge",
    "site1/host1",
    "site1/host2",
  ]);
});

test("--separate gives each role a machine of its own", () => {
  const machines = plan({ sites: 1, hosts: 0, separate: true }).machines;
  expect(machines.slice(3).map((machine) => [machine.namespace, machine.addresses])).toEqual([
    [
      "fc-site1-router",
      [
        { interface: "lan0", address: "10.1.0.1/24", ipv6: "fd00:1::1/64" },
        { interface: "wan0", address: "198.51.100.1/24" },
      ],
    ],
    ["fc-site1-gateway", [{ interface: "lan0", address: "10.1.0.2/24", ipv6: "fd00:1::2/64" }]],
    [
      "fc-site1-eavesdropper",
      [{ interface: "lan0", address: "10.1.0.3/24", ipv6: "fd00:1::3/64" }],
    ],
  ]);
});

test.each([
  [{ sites: 0 }],
  [{ sites: 251 }],
  [{ sites: 1.5 }],
  [{ hosts: -1 }],
  [{ hosts: 241 }],
  [{ name: "Lab" }],
  [{ name: "a b" }],
  [{ name: "-x" }],
])("refuses %p", (changes) => {
  expect(() => plan(changes)).toThrow(LabFault);
});

test("only names of the lab's own pattern are its namespaces", () => {
  const ours = ["fc-wan", "fc-manager", "fc-site1-lan", "fc-site250-host240", "fc-site2-router"];
  const others = ["fc", "fc-", "fc-site1", "fc-wan2", "fc-site1-lan-x", "xfc-wan", "fc2-wan"];
  expect(ours.filter((name) => isLabNamespace(name, "fc"))).toEqual(ours);
  expect(others.filter((name) => isLabNamespace(name, "fc"))).toEqual([]);
  for (const machine of plan({ separate: true }).machines) {
    expect(isLabNamespace(machine.namespace, "fc")).toBe(true);
  }
});
