import type { RoleFacts } from "./facts.ts";
import { type Finding, type Severity, well } from "./finding.ts";

/** Findings of an Eavesdropper that are not warnings. */
const severityOf: Readonly<Record<string, Severity>> = {
  REPORTS_HIDDEN: "critical",
  STORM: "critical",
  TOO_MANY_GROUPS: "critical",
  LEAVE_WITHOUT_QUERIER: "note",
  MAC_COLLISION: "note",
};

/** What a role says of its own health. */
export function judgeHealth({ roles, faults, socket }: RoleFacts): Finding[] {
  const subject = roles.join(", ");
  if (faults.length === 0) return [well("ROLE", subject, `well, on ${socket}`)];
  const fix = `see what it wrote, and curl --unix-socket ${socket} http://fastcast/v1/status`;
  return faults.map((evidence) => ({
    severity: "critical",
    code: "ROLE_UNWELL",
    subject,
    evidence,
    fix,
  }));
}

/** What the Eavesdroppers found on their LANs, in their words. */
export function judgeLanFindings({ roles, findings, socket }: RoleFacts): Finding[] {
  if (!roles.includes("eavesdropper")) return [];
  if (findings.length === 0) return [well("LAN", "eavesdropper", `no finding, on ${socket}`)];
  return findings.map(({ lan, code, evidence, fix }) => ({
    severity: severityOf[code] ?? "warning",
    code,
    subject: lan,
    evidence,
    fix,
  }));
}

/** Packets that a Gateway lost between the LANs and itself, since its start. */
export function judgeGatewayDrops({ gateway }: RoleFacts): Finding[] {
  if (gateway === undefined) return [];
  const { tun, tunDropped, capturedPackets, tooLong, refused } = gateway;
  const subject = `gateway ${tun}`;
  const found: Finding[] = [];
  if (tunDropped > 0) {
    const evidence = `${tun} dropped ${tunDropped} packets, beside ${capturedPackets} captured`;
    const fix = `ip link set ${tun} txqueuelen 10000; give the Gateway more CPU if it goes on`;
    found.push({ severity: "warning", code: "TUN_DROPS", subject, evidence, fix });
  }
  if (tooLong > 0) {
    const evidence = `${tooLong} packets of other sites were larger than the MTU of a LAN`;
    const fix = "raise the MTU of the LAN, or let the application send smaller packets";
    found.push({ severity: "warning", code: "MTU_SMALL", subject, evidence, fix });
  }
  if (refused > 0) {
    const evidence = `the kernel refused ${refused} packets of other sites on their way to a LAN`;
    const fix = "see that the LAN interfaces are up, and raise their txqueuelen";
    found.push({ severity: "warning", code: "EMISSION_REFUSED", subject, evidence, fix });
  }
  if (found.length > 0) return found;
  return [well("TUN_DROPS", subject, `no drops, ${capturedPackets} packets captured`)];
}

/** Packets that the capture ring of an Eavesdropper lost: senders are seen late or never. */
export function judgeRings({ rings }: RoleFacts): Finding[] {
  return rings.map(({ lan, dropped }): Finding => {
    if (dropped === 0) return well("RING_DROPS", lan, "the capture ring lost nothing");
    const evidence = `the capture ring of ${lan} lost ${dropped} packets since the start`;
    const fix = "give the Eavesdropper more CPU; only what it learns of senders suffers";
    return { severity: "warning", code: "RING_DROPS", subject: lan, evidence, fix };
  });
}
