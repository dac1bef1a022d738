import { describe, expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { Policy } from "../../src/site/policy.ts";
import { RemoteWants } from "../../src/site/remote.ts";
import {
  exclude,
  foreign,
  group,
  group2,
  include,
  openPolicy,
  own,
  own2,
  row,
  rules,
  ssm,
} from "./site.ts";

describe("what other sites want", () => {
  test("is the union of their rows", () => {
    const remote = new RemoteWants(openPolicy);
    const rows = [
      row("a", { wants: [include(group, own), exclude(group2, own)] }),
      row("b", { wants: [include(group, own2), exclude(group2, own, own2)] }),
    ];
    expect(remote.onRows(rows)).toEqual([
      { kind: "wanted", want: include(group, own, own2) },
      { kind: "wanted", want: exclude(group2, own) },
    ]);
    expect([...remote]).toEqual([include(group, own, own2), exclude(group2, own)]);
  });

  test("only what changed is told", () => {
    const remote = new RemoteWants(openPolicy);
    remote.onRows([row("a", { wants: [exclude(group), exclude(group2)] })]);
    expect(remote.onRows([row("b", { wants: [exclude(group2), exclude(group)] })])).toEqual([]);
    expect(remote.onRows([row("a", { wants: [include(group, own)] })])).toEqual([
      { kind: "wanted", want: include(group, own) },
      { kind: "unwanted", group: group2 },
    ]);
    expect(remote.get(group2)).toBeUndefined();
  });

  test("(*,G) of a source-specific group is no want (RFC 4607 §1)", () => {
    const remote = new RemoteWants(openPolicy);
    const wants = [exclude(ssm), include(ssm, foreign)];
    expect(remote.onRows([row("a", { wants })])).toEqual([
      { kind: "wanted", want: include(ssm, foreign) },
    ]);
  });

  test("groups that never cross are not asked of the site, whatever a row says", () => {
    const wants = ["224.0.0.5", "239.255.1.1", "ff15::1"].map((text) => exclude(address(text)));
    expect(new RemoteWants(openPolicy).onRows([row("a", { wants })])).toEqual([]);
  });

  test("what the site's policy keeps in is not asked of the site, and can be shown", () => {
    const policy = new Policy(rules("out", [`deny ${group}`, `deny ${ssm} from ${own2}`]));
    const remote = new RemoteWants(policy);
    const wants = [exclude(group), exclude(group2), include(ssm, own, own2)];
    expect(remote.onRows([row("a", { wants })])).toEqual([
      { kind: "wanted", want: exclude(group2) },
      { kind: "wanted", want: include(ssm, own) },
    ]);
    expect([...remote.denied]).toEqual([group]);
    remote.onRows([]);
    expect([...remote.denied]).toEqual([]);
  });
});
