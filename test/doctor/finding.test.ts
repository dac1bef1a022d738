import { expect, test } from "bun:test";
import { severities, well } from "../../src/doctor/finding.ts";

test("what is well has nothing to mend, and ranks last", () => {
  expect(well("TUN_DEVICE", "host", "it opens")).toMatchObject({ severity: "well", fix: "" });
  expect(severities.at(-1)).toBe("well");
});
