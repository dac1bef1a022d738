import { describe, expect, test } from "bun:test";
import { type AlmrpName, protocolOf, protocols } from "../../src/almrp/protocols.ts";
import { almrpNames } from "../../src/config.ts";
import { conformance } from "./conformance.ts";

const names = Object.keys(protocols) as AlmrpName[];

test("the table offers what the configuration offers, each under its own name", () => {
  expect(names.toSorted()).toEqual([...almrpNames].sort());
  for (const name of names) expect(protocolOf(name).name).toBe(name);
});

describe("conformance", () => {
  for (const name of names) conformance(protocolOf(name));
  for (const root of ["median", "centre"] as const) {
    const name = `star with root ${root}`;
    conformance({ ...protocolOf("star"), name, defaults: { root } });
  }
});
