import { expect, test } from "bun:test";
import { machineFaults, type MachineFeatures } from "../../src/demo/machine.ts";

const complete: MachineFeatures = {
  platform: "linux",
  isRoot: true,
  capabilities: 0x1ff_ffff_ffffn,
  hasIp: true,
  tunFault: undefined,
};

test("nothing is missing", () => {
  expect(machineFaults(complete)).toEqual([]);
});

test.each([
  [{ platform: "darwin" }, "Linux"],
  [{ isRoot: false }, "sudo fastcast demo"],
  [{ capabilities: 0xa80425fbn }, "root lacks CAP_NET_ADMIN, CAP_SYS_ADMIN"],
  [{ hasIp: false }, "apt-get install iproute2"],
  [{ tunFault: "ENOENT" }, "/dev/net/tun: ENOENT. Try: modprobe tun"],
] as const)("%p", (change, text) => {
  const faults = machineFaults({ ...complete, ...change });
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(text);
});

test("all that is missing is named at once, and each with what to do", () => {
  const faults = machineFaults({
    ...complete,
    isRoot: false,
    capabilities: 0n,
    hasIp: false,
    tunFault: "ENOENT",
  });
  expect(faults).toHaveLength(3);
  expect(faults.every((fault) => fault.includes("Try: "))).toBe(true);
});
