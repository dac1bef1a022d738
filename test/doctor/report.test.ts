import { describe, expect, test } from "bun:test";
import { type Finding, well } from "../../src/doctor/finding.ts";
import { nagiosText, reportObject, reportText, worstOf } from "../../src/doctor/report.ts";

const finding = (severity: Finding["severity"], code: string): Finding => ({
  severity,
  code,
  subject: "eth1",
  evidence: "3 of 4 | lost",
  fix: "mend it",
});
const findings = [
  finding("critical", "NO_MULTICAST_FLAG"),
  finding("warning", "RP_FILTER"),
  finding("warning", "MTU_SMALL"),
  well("TUN_DEVICE", "host", "/dev/net/tun opens"),
];
const unseen = [{ what: "firewall rules", why: "there is no program nft" }];
const mark = (_: string, text: string): string => text;

describe("text", () => {
  test("by severity, with evidence and fix, then what was not seen", () => {
    const text = reportText({ findings, unseen }, { isVerbose: false, mark });
    expect(text).toBe(`critical
  NO_MULTICAST_FLAG eth1
    3 of 4 | lost
    fix: mend it

warning
  RP_FILTER eth1
    3 of 4 | lost
    fix: mend it
  MTU_SMALL eth1
    3 of 4 | lost
    fix: mend it

not seen
  firewall rules: there is no program nft

1 critical, 2 warnings, 0 notes, 1 well`);
  });

  test("what is well is said when asked for", () => {
    const text = reportText({ findings, unseen }, { isVerbose: true, mark });
    expect(text).toContain("\nwell\n  host: /dev/net/tun opens\n");
  });
});

test("one object, in which ok means that nothing is critical", () => {
  const object = reportObject({ findings, unseen }, { isVerbose: false });
  expect(object).toEqual({
    ok: false,
    worst: "critical",
    counts: { critical: 1, warning: 2, note: 0, well: 1 },
    findings: findings.slice(0, 3),
    unseen,
  });
  const good = reportObject({ findings: findings.slice(3), unseen: [] }, { isVerbose: true });
  expect(good).toMatchObject({ ok: true, worst: "well", findings: findings.slice(3) });
});

test("monitoring plugins: state and figures on the first line, no other bar", () => {
  const [first, ...rest] = nagiosText({ findings, unseen }).split("\n");
  expect(first).toBe(
    "FASTCAST CRITICAL - 1 critical, 2 warnings, 0 notes, 1 well | " +
      "critical=1 warning=2 note=0 well=1",
  );
  expect(rest[0]).toBe("critical NO_MULTICAST_FLAG eth1: 3 of 4 / lost. Fix: mend it");
  expect(rest).toHaveLength(3);
  expect(nagiosText({ findings: [finding("note", "X")], unseen })).toStartWith("FASTCAST OK - ");
});

test("the worst", () => {
  expect(worstOf([])).toBe("well");
  expect(worstOf(findings.slice(1))).toBe("warning");
});
