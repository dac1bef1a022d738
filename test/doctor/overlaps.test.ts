import { expect, test } from "bun:test";
import { judgeOverlaps } from "../../src/doctor/overlaps.ts";
import { faultsOf } from "./facts.ts";

const row = (site: string, ...prefixes: string[]) => ({ site, prefixes });

test("sites apart, a site's own overlaps, and no rows at all", () => {
  const berlin = row("berlin", "192.0.2.0/25", "192.0.2.0/26", "2001:db8:1::/48");
  const paris = row("paris", "192.0.2.128/25", "2001:db8:2::/48");
  expect(judgeOverlaps([berlin, paris]).map(({ evidence }) => evidence)).toEqual([
    "the prefixes of 2 sites are apart",
  ]);
  expect(judgeOverlaps([])).toEqual([]);
});

test.each([
  ["192.0.2.0/24", "192.0.2.0/24"],
  ["192.0.2.0/24", "192.0.2.64/26"],
  ["192.0.2.64/26", "192.0.2.0/24"],
  ["2001:db8::/32", "2001:db8:7::/48"],
])("%s and %s", (a, b) => {
  const found = judgeOverlaps([row("berlin", a, "198.51.100.0/24"), row("paris", b)]);
  expect(faultsOf(found)).toEqual(["warning OVERLAPPING_SUBNETS sites"]);
  expect(found[0]?.evidence).toContain(`${a} of berlin`);
  expect(found[0]?.evidence).toContain(`${b} of paris`);
});

test("a prefix of the same site in between hides nothing", () => {
  const found = judgeOverlaps([
    row("berlin", "192.0.2.0/24"),
    row("paris", "192.0.2.0/25", "192.0.2.0/26"),
  ]);
  expect(found[0]?.evidence).toContain("192.0.2.0/24 of berlin and 192.0.2.0/25 of paris");
});

test("many pairs are counted, few are shown", () => {
  const rows = Array.from({ length: 9 }, (_, i) => row(`site${i}`, "192.0.2.0/24"));
  expect(judgeOverlaps(rows)[0]?.evidence).toContain(", and 3 more");
});
