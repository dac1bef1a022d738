import type { PrivilegeFacts } from "./facts.ts";
import { type Finding, host, well } from "./finding.ts";

/** capabilities(7) */
const needed = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n } as const;

/** Gateways need both, Eavesdroppers the second; a role that runs has had them. */
export function judgeCapabilities(facts: PrivilegeFacts, rolesRun: boolean): Finding[] {
  const code = "CAPABILITIES";
  const { effective, bounding, isRoot } = facts;
  if (effective === undefined || bounding === undefined) return [];
  const barred = lacking(bounding);
  if (barred.length > 0) {
    const evidence = `no process here can have ${barred.join(", ")} (CapBnd ${hex(bounding)})`;
    const fix = `in a container, add ${barred.map((name) => `--cap-add ${name}`).join(" ")}`;
    return [{ severity: "critical", code, subject: host, evidence, fix }];
  }
  const lost = lacking(effective);
  if (lost.length === 0) return [well(code, host, `${Object.keys(needed).join(", ")} are there`)];
  if (rolesRun) return [well(code, host, "this command lacks some, but the roles run")];
  const evidence = `this process lacks ${lost.join(", ")} (CapEff ${hex(effective)})`;
  const fix = isRoot
    ? "start the roles from a shell or unit that keeps these capabilities"
    : "run the roles as root, or by systemd with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW";
  return [{ severity: "warning", code, subject: host, evidence, fix }];
}

/** A compiled executable obeys BUN_OPTIONS and BUN_BE_BUN, whoever sets them. */
export function judgeExecutable(facts: PrivilegeFacts): Finding[] {
  const code = "EXECUTABLE_PRIVILEGED";
  const { executable, hasFileCapabilities, isSetuid } = facts;
  const found = [
    ...(hasFileCapabilities ? [`setcap -r ${executable}`] : []),
    ...(isSetuid ? [`chmod u-s,g-s ${executable}`] : []),
  ];
  if (found.length > 0) {
    const what = hasFileCapabilities ? "carries file capabilities" : "is setuid or setgid";
    const evidence = `${executable} ${what}: any user runs own code with them`;
    const fix = `${found.join("; ")}; give capabilities by systemd's AmbientCapabilities=`;
    return [{ severity: "warning", code, subject: host, evidence, fix }];
  }
  if (hasFileCapabilities === undefined || isSetuid === undefined) return [];
  return [well(code, host, `${executable} carries no file capabilities`)];
}

export function judgeTunDevice({ tunFault, isRoot }: PrivilegeFacts): Finding[] {
  const code = "TUN_DEVICE";
  if (tunFault === undefined) return [well(code, host, "/dev/net/tun opens")];
  const evidence = `/dev/net/tun: ${tunFault}: a Gateway cannot make its tunnel interface`;
  if (tunFault === "EACCES" && !isRoot) {
    const fix = "run the Gateway as root, or give its user access to /dev/net/tun";
    return [{ severity: "warning", code, subject: host, evidence, fix }];
  }
  const fix = "modprobe tun; in a container add --device /dev/net/tun";
  return [{ severity: "critical", code, subject: host, evidence, fix }];
}

const lacking = (mask: bigint): string[] =>
  Object.entries(needed).flatMap(([name, bit]) => (((mask >> bit) & 1n) === 0n ? [name] : []));

const hex = (mask: bigint): string => mask.toString(16).padStart(16, "0");
