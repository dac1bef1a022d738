import { expect, test } from "bun:test";
import { liveLine } from "../../src/demo/live.ts";
import { report } from "./observed.ts";

test("the sender has sent, and nobody else has anything yet", () => {
  expect(liveLine("site1", "sends", undefined, 12)).toMatchObject({ sent: 12, received: null });
  expect(liveLine("site4", "not yet", undefined, 12)).toMatchObject({ sent: null, received: null });
});

test("a member is owed everything from its first packet on", () => {
  expect(liveLine("site2", "yes", report(), 1_010)).toMatchObject({ sent: 1_010, received: 1_000 });
  const late = report({ first: 300, last: 699, received: 400 });
  expect(liveLine("site4", "yes", late, 710)).toMatchObject({ sent: 410, received: 400 });
  expect(liveLine("site4", "left", late, 9_000)).toMatchObject({ sent: 400, received: 400 });
});

test("the receiver may be ahead of what the sender has said", () => {
  expect(liveLine("site2", "yes", report(), 950).sent).toBe(1_000);
});
