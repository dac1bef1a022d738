import { expect, test } from "bun:test";
import {
  judgeGatewayDrops,
  judgeHealth,
  judgeLanFindings,
  judgeRings,
} from "../../src/doctor/roles.ts";
import { faultsOf, gateway, role } from "./facts.ts";

test("all judges of a role call a good one well", () => {
  for (const judge of [judgeHealth, judgeLanFindings, judgeGatewayDrops, judgeRings]) {
    expect(judge(role).map(({ severity }) => severity)).toEqual(["well"]);
  }
});

test("what a role says of its health is critical", () => {
  const [finding] = judgeHealth({ ...role, faults: ["gateway: not linked to the Router"] });
  expect(finding?.severity).toBe("critical");
  expect(finding?.evidence).toBe("gateway: not linked to the Router");
  expect(finding?.fix).toContain("curl --unix-socket /run/fastcast/site.sock");
});

test("an Eavesdropper's findings keep their words, each with its severity", () => {
  const finding = { lan: "eth1", evidence: "no query for 255 s", fix: "enable the querier" };
  const findings = ["NO_QUERIER", "REPORTS_HIDDEN", "LEAVE_WITHOUT_QUERIER"].map((code) => ({
    ...finding,
    code,
  }));
  const found = judgeLanFindings({ ...role, findings });
  expect(faultsOf(found)).toEqual([
    "warning NO_QUERIER eth1",
    "critical REPORTS_HIDDEN eth1",
    "note LEAVE_WITHOUT_QUERIER eth1",
  ]);
  expect(found[0]).toMatchObject({ evidence: finding.evidence, fix: finding.fix });
  expect(judgeLanFindings({ ...role, roles: ["router"] })).toEqual([]);
});

test.each([
  [{ tunDropped: 3 }, "warning TUN_DROPS gateway fc0"],
  [{ tooLong: 1 }, "warning MTU_SMALL gateway fc0"],
  [{ refused: 2 }, "warning EMISSION_REFUSED gateway fc0"],
])("a Gateway with %p", (change, expected) => {
  const changed = { ...role, gateway: { ...gateway, ...change } };
  expect(faultsOf(judgeGatewayDrops(changed))).toEqual([expected]);
  expect(judgeGatewayDrops({ ...role, gateway: undefined })).toEqual([]);
});

test("a capture ring that lost packets", () => {
  const rings = [
    { lan: "eth1", dropped: 0 },
    { lan: "eth2", dropped: 7 },
  ];
  const found = judgeRings({ ...role, rings });
  expect(faultsOf(found)).toEqual(["warning RING_DROPS eth2"]);
  expect(found[1]?.evidence).toContain("lost 7 packets");
});
