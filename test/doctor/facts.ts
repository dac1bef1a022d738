/** A host on which all is well, to be changed fact by fact. */
import type {
  Facts,
  InterfaceFacts,
  KernelFacts,
  PrivilegeFacts,
  RoleFacts,
} from "../../src/doctor/facts.ts";
import type { Finding } from "../../src/doctor/finding.ts";

export const privileges: PrivilegeFacts = {
  isRoot: true,
  effective: 0x1ff_ffff_ffffn,
  bounding: 0x1ff_ffff_ffffn,
  executable: "/usr/bin/fastcast",
  hasFileCapabilities: false,
  isSetuid: false,
  tunFault: undefined,
};

export const lan: InterfaceFacts = {
  name: "eth1",
  use: "lan",
  flags: 0x1003,
  hasCarrier: true,
  mtuBytes: 1_500,
  addresses: ["192.0.2.1/24"],
  hasDefaultRoute: false,
  rpFilter: { all: 0, own: 0 },
  forceIgmpVersion: { all: 0, own: 0 },
  bridge: undefined,
};

export const kernel: KernelFacts = {
  igmpMembershipsMax: 1_024,
  receiveBufferBytesMax: 8_388_608,
  ipv6Disabled: false,
  routesMulticast: true,
  multicastForwarding: 0,
  vifs: [],
  hasDefaultRoute: true,
  ruleset: "",
};

export const gateway: NonNullable<RoleFacts["gateway"]> = {
  tun: "fc0",
  table: "default",
  capturedPackets: 1_000,
  tunDropped: 0,
  tooLong: 0,
  refused: 0,
};

export const role: RoleFacts = {
  socket: "/run/fastcast/site.sock",
  roles: ["router", "gateway", "eavesdropper"],
  faults: [],
  findings: [],
  rows: [],
  gateway,
  rings: [{ lan: "eth1", dropped: 0 }],
};

export const facts: Facts = {
  platform: "linux",
  lans: "named",
  tuns: ["fc0"],
  privileges,
  interfaces: [lan],
  kernel,
  contacts: [],
  roles: [],
  unseen: [],
};

/** `severity CODE subject` of each, without what is well. */
export const faultsOf = (findings: readonly Finding[]): string[] =>
  findings
    .filter(({ severity }) => severity !== "well")
    .map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);
