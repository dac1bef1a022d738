import { expect, test } from "bun:test";
import { judgeFirewall } from "../../src/doctor/firewall.ts";
import { kernel } from "./facts.ts";

const evidenceOf = (ruleset: string | undefined): string[] =>
  judgeFirewall({ ...kernel, ruleset })
    .filter(({ severity }) => severity !== "well")
    .map(({ evidence }) => evidence);

/** As `nft list ruleset` prints it. */
const chain = (name: string, ...rules: string[]): string =>
  `table ip filter {\n\tchain ${name} {\n${rules.map((rule) => `\t\t${rule}\n`).join("")}\t}\n}\n`;

const closed = (hook: string): string => `type filter hook ${hook} priority filter; policy drop;`;

test("open, empty, or not seen", () => {
  expect(evidenceOf("")).toEqual([]);
  expect(evidenceOf(undefined)).toEqual([]);
  const open = "type filter hook input priority filter; policy accept;";
  expect(evidenceOf(chain("INPUT", open, "tcp dport 22 accept"))).toEqual([]);
});

test.each(["meta l4proto 2 drop", "ip protocol igmp counter packets 3 bytes 96 reject"])(
  "a rule that drops IGMP: %s",
  (rule) => {
    expect(evidenceOf(chain("INPUT", rule))).toEqual([`chain INPUT has the rule: ${rule}`]);
  },
);

test("chains that drop by policy and name no multicast", () => {
  const [forward = ""] = evidenceOf(chain("FORWARD", closed("forward"), "tcp dport 22 accept"));
  expect(forward).toContain("chain FORWARD (hook forward) drops by policy");
  const [input = ""] = evidenceOf(chain("INPUT", closed("input")));
  expect(input).toContain("IGMP to this host");
});

test.each(["ip protocol igmp accept", "ip daddr 224.0.0.0/4 accept", "pkttype multicast accept"])(
  "a closed chain with: %s",
  (rule) => {
    expect(evidenceOf(chain("INPUT", closed("input"), rule))).toEqual([]);
  },
);
