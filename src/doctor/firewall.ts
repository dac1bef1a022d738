import type { KernelFacts } from "./facts.ts";
import { type Finding, host, well } from "./finding.ts";

type Chain = { readonly name: string; readonly rules: readonly string[] };

const igmp = /\bigmp\b|\b(?:protocol|l4proto) 2\b/;
/** A rule that names multicast may let it pass; the doctor gives it the benefit of the doubt. */
const multicast = /\bpkttype multicast\b|\b22[4-9]\.|\b23\d\.|\bmulticast\b/;

/**
 * As far as `nft list ruleset` shows: rules that drop IGMP, and chains that drop by policy and name
 * neither IGMP nor multicast. Rules are read as text, not run: it is a hint, never critical.
 */
export function judgeFirewall({ ruleset }: KernelFacts): Finding[] {
  if (ruleset === undefined) return [];
  const chains = chainsOf(ruleset);
  const found = [
    ...chains.flatMap(igmpDropped),
    ...closed(chains, "input", "IGMP to this host"),
    ...closed(chains, "forward", "packets of the LANs on their way to the Gateway's tunnel"),
  ];
  const evidence = chains.length === 0 ? "no nftables rules" : "no rule in sight drops IGMP";
  return found.length > 0 ? found : [well("FIREWALL", host, evidence)];
}

const fixes = {
  igmp: "remove the rule, or accept protocol 2 (IGMP) before it",
  policy: "accept protocol 2 (IGMP) and 224.0.0.0/4 in that chain",
} as const;

function igmpDropped({ name, rules }: Chain): Finding[] {
  const rule = rules.find((text) => igmp.test(text) && /\b(?:drop|reject)\b/.test(text));
  if (rule === undefined) return [];
  return [finding(`chain ${name} has the rule: ${rule}`, fixes.igmp)];
}

function closed(chains: readonly Chain[], hook: string, what: string): Finding[] {
  const isClosed = ({ rules }: Chain): boolean =>
    rules.some((rule) => rule.includes(`hook ${hook} `) && rule.includes("policy drop"));
  const closing = chains.find(isClosed);
  const names = chains.some(({ rules }) =>
    rules.some((rule) => (igmp.test(rule) || multicast.test(rule)) && /\baccept\b/.test(rule)),
  );
  if (closing === undefined || names) return [];
  const evidence = `chain ${closing.name} (hook ${hook}) drops by policy, perhaps ${what}`;
  return [finding(evidence, fixes.policy)];
}

const finding = (evidence: string, fix: string): Finding => ({
  severity: "warning",
  code: "FIREWALL",
  subject: host,
  evidence,
  fix,
});

/** The chains of a ruleset as `nft` prints it: one statement on a line. */
function chainsOf(ruleset: string): Chain[] {
  return [...ruleset.matchAll(/^\s*chain (\S+) \{\n([\s\S]*?)^\s*\}$/gm)].map(
    ([, name = "", body = ""]) => ({
      name,
      rules: body
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== ""),
    }),
  );
}
