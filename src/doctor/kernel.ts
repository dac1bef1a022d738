import type { KernelFacts } from "./facts.ts";
import { type Finding, host, well } from "./finding.ts";

/** The kernel's default, which programs with many groups soon reach. */
const membershipsDefault = 20;
/** Holds a burst of a few thousand small datagrams; the default holds 256 (`net.core`). */
const receiveBufferBytes = 4 * 1024 * 1024;

/** Groups that one socket can join; the error, ENOBUFS, is silent in many programs. */
export function judgeMemberships({ igmpMembershipsMax }: KernelFacts): Finding[] {
  const code = "FEW_MEMBERSHIPS";
  if (igmpMembershipsMax === undefined) return [];
  const evidence = `a socket of this host can join ${igmpMembershipsMax} groups`;
  if (igmpMembershipsMax > membershipsDefault) return [well(code, host, evidence)];
  const fix = "sysctl -w net.ipv4.igmp_max_memberships=1024, if programs here join more";
  return [{ severity: "note", code, subject: host, evidence, fix }];
}

export function judgeReceiveBuffer({ receiveBufferBytesMax }: KernelFacts): Finding[] {
  const code = "SMALL_RECEIVE_BUFFER";
  if (receiveBufferBytesMax === undefined) return [];
  const evidence = `a socket of this host can ask for ${receiveBufferBytesMax} bytes (rmem_max)`;
  if (receiveBufferBytesMax >= receiveBufferBytes) return [well(code, host, evidence)];
  const fix = `sysctl -w net.core.rmem_max=${receiveBufferBytes}, if receivers here lose bursts`;
  return [{ severity: "note", code, subject: host, evidence, fix }];
}

export function judgeMulticastRouting({ routesMulticast }: KernelFacts): Finding[] {
  const code = "NO_MULTICAST_ROUTING";
  if (routesMulticast === undefined) return [];
  if (routesMulticast) return [well(code, host, "the kernel can route multicast")];
  const evidence = "no /proc/net/ip_mr_vif: this kernel was built without CONFIG_IP_MROUTE";
  const fix = "run the Gateway on a distribution's kernel";
  return [{ severity: "critical", code, subject: host, evidence, fix }];
}

export function judgeIpv6({ ipv6Disabled }: KernelFacts): Finding[] {
  const code = "IPV6_DISABLED";
  if (ipv6Disabled === undefined) return [];
  if (!ipv6Disabled) return [well(code, host, "IPv6 is on")];
  const evidence = "this host has no IPv6: Routers reach one another by IPv4 only";
  const fix = "none, unless a contact has an IPv6 address";
  return [{ severity: "note", code, subject: host, evidence, fix }];
}
