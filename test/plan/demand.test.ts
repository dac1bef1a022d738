import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { address } from "../../src/base/address.ts";
import { Applications, type Demand, demands } from "../../src/plan/demand.ts";
import { wantsSource } from "../../src/wire/want.ts";
import { exclude, group, group2, include, own, own2, row, ssm } from "../site/site.ts";

const none = new Applications([], "star");

const short = ({ ingress, channel, receivers }: Demand): string =>
  `${ingress}: ${channel.source ?? "*"} ${channel.group} -> ${receivers.join(" ")}`;

const shortOf = (...rows: Parameters<typeof row>[]): string[] =>
  demands(
    rows.map((fields) => row(...fields)),
    none,
  ).map(short);

const sends = (of = group, ...sources: (typeof own)[]) =>
  sources.map((source) => ({ source, group: of }));

describe("who must get what", () => {
  test("each sending site's packets go to the other sites that want them", () => {
    expect(
      shortOf(
        ["c", { wants: [exclude(group)] }],
        ["a", { wants: [exclude(group)], sends: sends(group, own) }],
        ["b", { wants: [exclude(group), exclude(group2)], sends: sends(group, own2) }],
      ),
    ).toEqual([`a: * ${group} -> b c`, `b: * ${group} -> a c`]);
  });

  test("nobody who sends, or nobody else who wants, is no demand", () => {
    expect(shortOf(["a", { wants: [exclude(group)] }], ["b", {}])).toEqual([]);
    expect(shortOf(["a", { wants: [exclude(group)], sends: sends(group, own) }])).toEqual([]);
  });

  test("sources with the same receivers are one (*,G); one that differs has its own", () => {
    expect(
      shortOf(
        ["a", { sends: sends(group, own, own2) }],
        ["b", { wants: [exclude(group)] }],
        ["c", { wants: [exclude(group, own2)] }],
        ["d", { wants: [include(group, own2)] }],
      ),
    ).toEqual([`a: * ${group} -> b c`, `a: ${own2} ${group} -> b d`]);
  });

  test("source-specific groups have channels (S,G) only (RFC 4607 §1)", () => {
    expect(
      shortOf(
        ["a", { sends: sends(ssm, own, own2) }],
        ["b", { wants: [include(ssm, own)] }],
        ["c", { wants: [exclude(ssm)] }],
      ),
    ).toEqual([`a: ${own} ${ssm} -> b`]);
  });

  test("a source that all listeners exclude is no demand", () => {
    expect(
      shortOf(["a", { sends: sends(group, own) }], ["b", { wants: [exclude(group, own)] }]),
    ).toEqual([`a: * ${group} -> b`]);
  });

  test("a row that names a group or a sender twice asks once", () => {
    expect(
      shortOf(
        ["a", { sends: sends(group, own, own) }],
        ["b", { wants: [include(group, own2), include(group, own)] }],
      ),
    ).toEqual([`a: ${own} ${group} -> b`]);
  });
});

test("each source reaches exactly the sites whose want covers it", () => {
  const sources = [own, own2, address("10.1.0.13")];
  const want = fc
    .record({ mode: fc.constantFrom("include", "exclude"), sources: fc.subarray(sources) })
    .map((fields) => ({ group, ...fields }) as ReturnType<typeof include>);
  const site = fc.record({
    wants: fc.array(want, { maxLength: 1 }),
    sends: fc.subarray(sources).map((some) => sends(group, ...some)),
  });
  fc.assert(
    fc.property(fc.array(site, { minLength: 1, maxLength: 5 }), (sites) => {
      const rows = sites.map((fields, i) => row(`s${i}`, fields));
      const all = demands(rows, none);
      for (const from of rows) {
        for (const { source } of from.sends) {
          const mine = all.filter(({ ingress }) => ingress === from.site);
          const exact = mine.find(({ channel }) => channel.source === source);
          const found = exact ?? mine.find(({ channel }) => channel.source === undefined);
          const wanting = rows.filter(
            (to) => to !== from && to.wants.some((one) => wantsSource(one, source)),
          );
          const reached = wanting.map((to) => to.site);
          // A source that nobody wants may fall to (*,G): the ingress knows that it is unwanted.
          if (reached.length > 0) expect(found?.receivers).toEqual(reached);
          else expect(exact).toBeUndefined();
        }
      }
      for (const { ingress, receivers } of all) {
        expect(receivers).not.toContain(ingress);
        expect(receivers.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 300 },
  );
});

describe("applications", () => {
  const all = new Applications(
    [
      { name: "wide", groups: ["239.0.0.0/8"], almrp: "mst" },
      { name: "one", groups: ["239.192.0.1"], almrp: "star" },
      { name: "narrow", groups: ["239.192.0.0/16", "232.0.0.0/8"], almrp: "mst" },
    ],
    "star",
  );
  test.each([
    ["239.192.0.1", "one", "star"],
    ["239.192.0.2", "narrow", "mst"],
    ["239.1.0.0", "wide", "mst"],
    ["232.1.1.1", "narrow", "mst"],
    ["233.252.0.1", undefined, "star"],
    ["ff1e::1", undefined, "star"],
  ] as const)("%s belongs to the longest prefix: %p", (text, name, almrp) => {
    expect(all.of(address(text))).toEqual({ name, almrp });
  });

  test("a demand carries its application's protocol", () => {
    const rows = [row("a", { sends: sends(group2, own) }), row("b", { wants: [exclude(group2)] })];
    expect(demands(rows, all)).toMatchObject([{ application: "narrow", almrp: "mst" }]);
  });
});
