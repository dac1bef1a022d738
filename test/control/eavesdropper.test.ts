import { expect, test } from "bun:test";
import { eavesdropperControl } from "../../src/control/eavesdropper.ts";
import { appOf, get } from "./control.ts";

test("questions", async () => {
  const app = appOf([
    eavesdropperControl({
      health: () => "not linked to the Gateway: eth1",
      status: () => ({ lans: ["eth1"] }),
      counters: () => ({ eth1: { igmpPackets: 4 } }),
      groups: () => [{ group: "239.192.0.1" }],
      senders: () => [{ source: "10.1.0.11" }],
      findings: () => [{ code: "NO_QUERIER", fix: "enable one" }],
    }),
  ]);
  expect(await get(app, "/v1/eavesdropper")).toEqual({ lans: ["eth1"] });
  const groups = await get(app, "/v1/eavesdropper/groups");
  expect(groups).toEqual({ groups: [{ group: "239.192.0.1" }] });
  const senders = await get(app, "/v1/eavesdropper/senders");
  expect(senders).toEqual({ senders: [{ source: "10.1.0.11" }] });
  const findings = await get(app, "/v1/findings");
  expect(findings).toEqual({
    findings: [{ role: "eavesdropper", code: "NO_QUERIER", fix: "enable one" }],
  });
  expect(await get(app, "/v1/counters")).toEqual({ eavesdropper: { eth1: { igmpPackets: 4 } } });
  expect(await get(app, "/healthz")).toMatchObject({
    faults: ["eavesdropper: not linked to the Gateway: eth1"],
  });
});
