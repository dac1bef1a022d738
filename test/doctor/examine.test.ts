import { expect, test } from "bun:test";
import { examine } from "../../src/doctor/examine.ts";
import { facts, faultsOf, gateway, kernel, lan, privileges, role } from "./facts.ts";

test("a good host with a good site", () => {
  expect(faultsOf(examine({ ...facts, roles: [role] }))).toEqual([]);
});

test("the worst comes first", () => {
  const found = examine({
    ...facts,
    interfaces: [{ ...lan, flags: 0x3, rpFilter: { all: 1, own: 1 } }],
    kernel: { ...kernel, igmpMembershipsMax: 20 },
  });
  expect(faultsOf(found)).toEqual([
    "critical NO_MULTICAST_FLAG eth1",
    "warning RP_FILTER eth1",
    "note FEW_MEMBERSHIPS host",
  ]);
});

test("another system than Linux: said once, and its contacts are judged all the same", () => {
  const contact = { key: "router.contacts", endpoint: "192.0.2.9:1", answer: { fault: "x" } };
  const found = examine({ ...facts, platform: "darwin", interfaces: [], contacts: [contact] });
  expect(faultsOf(found)).toEqual([
    "critical NOT_LINUX host",
    "critical CONTACT_UNREACHABLE 192.0.2.9:1",
  ]);
});

test("no LAN named, a running Gateway under another tunnel name", () => {
  const found = examine({
    ...facts,
    lans: "guessed",
    privileges: { ...privileges, effective: 0n },
    kernel: { ...kernel, multicastForwarding: 1, vifs: ["eth1", "fc7"] },
    roles: [{ ...role, gateway: { ...gateway, tun: "fc7" } }],
  });
  expect(faultsOf(found)).toEqual(["note NO_LAN_NAMED host"]);
});

test("a Router needs no capability, TUN or LAN", () => {
  const found = examine({
    ...facts,
    lans: "none",
    interfaces: [],
    privileges: { ...privileges, effective: 0n, bounding: 0n, tunFault: "ENOENT" },
    kernel: { ...kernel, multicastForwarding: 1, vifs: ["eth2"], igmpMembershipsMax: 20 },
  });
  expect(faultsOf(found)).toEqual([]);
});

test("a bridge that does not query is well while an Eavesdropper misses no querier", () => {
  const bridge = { name: "br0", isPort: true, snooping: 1, querier: 0, router: 1 };
  const bridged = { ...facts, interfaces: [{ ...lan, bridge }] };
  const missed = { lan: "eth1", code: "NO_QUERIER", evidence: "255 s", fix: "enable it" };
  expect(faultsOf(examine(bridged))).toEqual(["warning SNOOPING_WITHOUT_QUERIER eth1"]);
  expect(faultsOf(examine({ ...bridged, roles: [role] }))).toEqual([]);
  expect(faultsOf(examine({ ...bridged, roles: [{ ...role, findings: [missed] }] }))).toEqual([
    "warning SNOOPING_WITHOUT_QUERIER eth1",
    "warning NO_QUERIER eth1",
  ]);
});

test("the WAN is judged by its MTU only", () => {
  const wan = { ...lan, name: "ppp0", use: "wan", flags: 0x1, mtuBytes: 1_492 } as const;
  expect(faultsOf(examine({ ...facts, interfaces: [lan, wan] }))).toEqual(["note MTU_SMALL ppp0"]);
});
