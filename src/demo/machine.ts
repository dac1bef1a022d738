/** What the demo needs of its machine; everything that lacks is named at once, with its cure. */
import { closeSync, constants, openSync, readFileSync } from "node:fs";

export type MachineFeatures = {
  readonly platform: string;
  readonly isRoot: boolean;
  /** The bit mask `CapEff` of proc(5). */
  readonly capabilities: bigint;
  readonly hasIp: boolean;
  /** Why /dev/net/tun cannot be opened; undefined when it can. */
  readonly tunFault: string | undefined;
};

/** capabilities(7) */
const needed = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n, CAP_SYS_ADMIN: 21n } as const;

export function machineFeatures(): MachineFeatures {
  const isLinux = process.platform === "linux";
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    capabilities: isLinux ? effectiveCapabilities() : 0n,
    hasIp: Bun.which("ip") !== null,
    tunFault: isLinux ? tunFault() : "ENOENT",
  };
}

/** One line for each thing that is missing. */
export function machineFaults(features: MachineFeatures): string[] {
  if (features.platform !== "linux") return ["Linux is needed. Try: a virtual machine with Linux"];
  const { isRoot, capabilities, hasIp, tunFault } = features;
  const lacking = Object.entries(needed).filter(([, bit]) => ((capabilities >> bit) & 1n) === 0n);
  const names = lacking.map(([name]) => name).join(", ");
  return [
    ...(isRoot ? [] : ["it makes network namespaces and needs root. Try: sudo fastcast demo"]),
    ...(isRoot && names !== ""
      ? [`root lacks ${names}. Try: in a container --privileged, or --cap-add for each`]
      : []),
    ...(hasIp ? [] : ["there is no program ip. Try: apt-get install iproute2"]),
    ...(tunFault === undefined || (!isRoot && tunFault === "EACCES")
      ? []
      : [`/dev/net/tun: ${tunFault}. Try: modprobe tun; in a container --device /dev/net/tun`]),
  ];
}

function effectiveCapabilities(): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

function tunFault(): string | undefined {
  try {
    closeSync(openSync("/dev/net/tun", constants.O_RDWR));
    return undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}
