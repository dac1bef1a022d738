/** All judges over all facts. */
import { judgeBridge } from "./bridge.ts";
import { judgeContacts } from "./contacts.ts";
import type { Facts, InterfaceFacts, RoleFacts } from "./facts.ts";
import { type Finding, host, severities } from "./finding.ts";
import { judgeFirewall } from "./firewall.ts";
import { judgeIgmpVersion, judgeInterface, judgeMtu, judgeMtus } from "./interfaces.ts";
import {
  judgeIpv6,
  judgeMemberships,
  judgeMulticastRouting,
  judgeReceiveBuffer,
} from "./kernel.ts";
import { judgeOverlaps } from "./overlaps.ts";
import { judgeCapabilities, judgeExecutable, judgeTunDevice } from "./privileges.ts";
import { judgeGatewayDrops, judgeHealth, judgeLanFindings, judgeRings } from "./roles.ts";
import { judgeRoutingOwner, judgeRpFilter } from "./routing.ts";

/** What was found, the worst first. */
export function examine(facts: Facts): Finding[] {
  const found = [
    ...(facts.platform === "linux" ? hostFindings(facts) : [notLinux(facts.platform)]),
    ...judgeContacts(facts.contacts),
    ...facts.roles.flatMap(roleFindings),
    ...judgeOverlaps(uniqueRows(facts.roles)),
  ];
  const rank = ({ severity }: Finding): number => severities.indexOf(severity);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

function hostFindings(facts: Facts): Finding[] {
  const { privileges, interfaces, kernel } = facts;
  return [
    ...judgeExecutable(privileges),
    ...(facts.lans === "none" ? [] : siteFindings(facts)),
    ...interfaces.flatMap(judgeMtu),
    ...judgeReceiveBuffer(kernel),
    ...judgeIpv6(kernel),
  ];
}

/** What matters where a Gateway or an Eavesdropper touches LANs. */
function siteFindings({ privileges, interfaces, kernel, roles, ...facts }: Facts): Finding[] {
  const gateways = roles.flatMap(({ gateway }) => gateway ?? []);
  const lans = interfaces.filter(({ use }) => use === "lan");
  const rolesRun = roles.some((role) =>
    role.roles.some((name) => name === "gateway" || name === "eavesdropper"),
  );
  return [
    ...judgeCapabilities(privileges, rolesRun),
    ...judgeTunDevice(privileges),
    ...(facts.lans === "named" ? [] : [noLanNamed(lans)]),
    ...lans.flatMap((lan) => lanFindings(lan, kernel.hasDefaultRoute)),
    ...lans.flatMap((lan) => judgeBridge(lan, { isAsked: isAsked(lan.name, roles) })),
    ...judgeMtus(interfaces),
    ...judgeMulticastRouting(kernel),
    ...judgeRoutingOwner({
      kernel,
      lans: lans.map(({ name }) => name),
      tuns: [...facts.tuns, ...gateways.map(({ tun }) => tun)],
      gateways,
    }),
    ...judgeMemberships(kernel),
    ...judgeFirewall(kernel),
  ];
}

const lanFindings = (lan: InterfaceFacts, hostHasDefaultRoute: boolean): Finding[] => [
  ...judgeInterface(lan),
  ...judgeRpFilter(lan, hostHasDefaultRoute),
  ...judgeIgmpVersion(lan),
];

/** An Eavesdropper has a capture ring on its LAN. */
const isAsked = (lan: string, roles: readonly RoleFacts[]): boolean =>
  roles.some(
    ({ rings, findings }) =>
      rings.some((ring) => ring.lan === lan) &&
      !findings.some((finding) => finding.lan === lan && finding.code === "NO_QUERIER"),
  );

const roleFindings = (role: RoleFacts): Finding[] => [
  ...judgeHealth(role),
  ...judgeLanFindings(role),
  ...judgeGatewayDrops(role),
  ...judgeRings(role),
];

/** Several Gateways on one host know the same rows. */
const uniqueRows = (roles: readonly RoleFacts[]): RoleFacts["rows"] => [
  ...new Map(roles.flatMap(({ rows }) => rows).map((row) => [row.site, row])).values(),
];

const notLinux = (platform: string): Finding => ({
  severity: "critical",
  code: "NOT_LINUX",
  subject: host,
  evidence: `this host runs ${platform}: roles need Linux, and nothing else of it was checked`,
  fix: "run the roles on Linux; fastcast send and recv work here",
});

const noLanNamed = (lans: readonly InterfaceFacts[]): Finding => ({
  severity: "note",
  code: "NO_LAN_NAMED",
  subject: host,
  evidence:
    lans.length === 0
      ? "no LAN is named, and no Ethernet interface with an IPv4 address is up"
      : `no LAN is named: looked at ${lans.map(({ name }) => name).join(", ")}`,
  fix: "name the site's LANs with --interface, or the configuration with --config",
});
