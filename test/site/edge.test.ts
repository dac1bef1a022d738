import { expect, test } from "bun:test";
import { type EdgePolicy, siteEdge } from "../../src/site/edge.ts";
import {
  exclude,
  framed,
  group,
  group2,
  lanMessage,
  own,
  packet,
  prefix,
  row,
  rules,
} from "./site.ts";

const edgeOf = (policy: EdgePolicy = {}) =>
  siteEdge(
    {
      site: "a",
      zone: "/a",
      incarnation: 1,
      control: "",
      prefixes: [prefix],
      lans: ["eth1"],
      nameOf: () => undefined,
      ...policy,
    },
    0,
  );

const join = lanMessage({ full: true, wants: [exclude(group), exclude(group2)] });

test("without a policy everything crosses whose scope may", () => {
  const edge = edgeOf();
  edge.membership.onLan({ lan: "eth1", incarnation: 1 }, join, 0);
  expect(edge.row.due(edge.membership, false, 0)).toMatchObject({
    prefixes: ["10.1.0.0/16"],
    wants: [exclude(group), exclude(group2)],
  });
});

test("one policy and one set of limits hold for the row, the wants and both ways", () => {
  const edge = edgeOf({
    policy: rules("out", [`deny ${group}`]),
    limits: { groups: 1, sources: 1, packetsPerSecond: 10 },
  });
  edge.membership.onLan({ lan: "eth1", incarnation: 1 }, join, 0);
  expect(edge.row.due(edge.membership, false, 0)?.wants).toEqual([exclude(group)]);
  edge.remote.onRows([row("b", { wants: [exclude(group), exclude(group2)] })]);
  expect([...edge.remote]).toEqual([exclude(group2)]);
  const packets = [packet(own, group), ...Array.from({ length: 5 }, () => packet(own, group2))];
  const bytes = framed(packets);
  edge.ingress.onPackets(bytes, bytes.length, 0, () => {});
  expect(edge.ingress.drops).toMatchObject({ denied: 1, rateLimit: 3 });
});
