import { expect, test } from "bun:test";
import { Evidence, seconds } from "../../src/lan/evidence.ts";

test("words come once for what is new, with all that was counted", () => {
  const evidence = new Evidence<string>();
  const look = (): string | undefined => evidence.take((count, last) => `${count} ${last}`);
  expect(look()).toBeUndefined();
  evidence.onSight("a");
  evidence.onSight("b", 3);
  expect(look()).toBe("4 b");
  expect(look()).toBeUndefined();
  evidence.onSight("c");
  expect(look()).toBe("5 c");
});

test("figures are whole seconds", () => {
  expect(seconds(255_400)).toBe("255 s");
});
