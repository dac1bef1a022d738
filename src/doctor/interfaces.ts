import type { InterfaceFacts } from "./facts.ts";
import { type Finding, well } from "./finding.ts";

const IFF_UP = 0x1;
const IFF_MULTICAST = 0x1000;

/** What hosts of Ethernet LANs send by default. */
const commonMtuBytes = 1_500;
/** RFC 8200 §5; below it a path of the Internet is broken. */
const pathMtuBytesMin = 1_280;

/** Exists, is up, has a carrier, sends multicast, has an IPv4 address. */
export function judgeInterface(facts: InterfaceFacts): Finding[] {
  const { name: subject, flags, addresses, hasCarrier } = facts;
  if (flags === undefined) {
    const evidence = `there is no interface ${subject}`;
    const fix = "name one that `ip link` lists, with lans: or --interface";
    return [{ severity: "critical", code: "INTERFACE_MISSING", subject, evidence, fix }];
  }
  const found: Finding[] = [];
  if ((flags & IFF_MULTICAST) === 0) {
    const evidence = `${subject} lacks the MULTICAST flag (flags ${hex(flags)})`;
    const fix = `ip link set ${subject} multicast on`;
    found.push({ severity: "critical", code: "NO_MULTICAST_FLAG", subject, evidence, fix });
  }
  if ((flags & IFF_UP) === 0) {
    const evidence = `${subject} is down (flags ${hex(flags)})`;
    const fix = `ip link set ${subject} up`;
    return [...found, { severity: "critical", code: "INTERFACE_DOWN", subject, evidence, fix }];
  }
  if (hasCarrier === false) {
    const evidence = `${subject} is up, but has no carrier`;
    const fix = "check the cable, the switch port, or the other end of the virtual link";
    found.push({ severity: "warning", code: "NO_CARRIER", subject, evidence, fix });
  }
  if (addresses.length === 0) {
    const evidence = `${subject} has no IPv4 address: it can neither query nor own sources`;
    const fix = `ip address add ADDRESS/BITS dev ${subject}`;
    found.push({ severity: "critical", code: "NO_IPV4_ADDRESS", subject, evidence, fix });
  }
  if (found.length > 0) return found;
  return [well("INTERFACE", subject, `up, MULTICAST, ${addresses.join(", ")}`)];
}

/** A LAN drops what is larger than its MTU; a WAN only splits what TCP carries. */
export function judgeMtu({ name, use, mtuBytes }: InterfaceFacts): Finding[] {
  const code = "MTU_SMALL";
  if (mtuBytes === undefined) return [];
  if (use === "lan" && mtuBytes < commonMtuBytes) {
    const evidence = `the MTU of ${name} is ${mtuBytes}: larger packets of other sites are dropped`;
    const fix = `ip link set ${name} mtu ${commonMtuBytes}, or let applications send less at once`;
    return [{ severity: "warning", code, subject: name, evidence, fix }];
  }
  if (use === "wan" && mtuBytes < commonMtuBytes) {
    const severity = mtuBytes < pathMtuBytesMin ? "warning" : "note";
    const evidence = `the MTU of ${name}, towards other sites, is ${mtuBytes}`;
    const fix = "links are TCP and adapt; where they hang, let ICMP pass or clamp the MSS";
    return [{ severity, code, subject: name, evidence, fix }];
  }
  return [well("MTU", name, `${mtuBytes} bytes`)];
}

/** Packets of the LAN with the largest MTU do not fit the others. */
export function judgeMtus(all: readonly InterfaceFacts[]): Finding[] {
  const lans = all.flatMap(({ name, use, mtuBytes }) =>
    use === "lan" && mtuBytes !== undefined ? [{ name, mtuBytes }] : [],
  );
  const sizes = lans.map(({ mtuBytes }) => mtuBytes);
  if (new Set(sizes).size < 2) return [];
  const subject = lans.map(({ name }) => name).join(", ");
  const figures = lans.map(({ name, mtuBytes }) => `${name} ${mtuBytes}`).join(", ");
  const evidence = `the LANs differ: ${figures}`;
  const fix = `send packets of at most ${Math.min(...sizes)} bytes, or give all the same MTU`;
  return [{ severity: "note", code: "MTU_DIFFERS", subject, evidence, fix }];
}

/** Versions 1 and 2 cannot name sources. */
export function judgeIgmpVersion({ name, forceIgmpVersion }: InterfaceFacts): Finding[] {
  const code = "IGMP_VERSION_FORCED";
  if (forceIgmpVersion === undefined) return [];
  const { all, own } = forceIgmpVersion;
  const forced = all || own;
  if (forced === 0 || forced === 3) return [well(code, name, "force_igmp_version is off")];
  const figures = `force_igmp_version: all ${all}, ${name} ${own}`;
  const evidence = `${figures}: joins of channels lose their source`;
  const fix = `sysctl -w net.ipv4.conf.${all ? "all" : name}.force_igmp_version=0`;
  return [{ severity: "warning", code, subject: name, evidence, fix }];
}

const hex = (flags: number): string => `0x${flags.toString(16)}`;
