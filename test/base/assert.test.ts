import { expect, test } from "bun:test";
import { assert, AssertionError, unreachable } from "../../src/base/assert.ts";

test("a broken invariant says what was expected", () => {
  expect(() => assert(false, "one and one is two")).toThrow("one and one is two");
  expect(() => assert(false)).toThrow(AssertionError);
  expect(new AssertionError("a")).toMatchObject({ name: "AssertionError", message: "a" });
});

test("the detail of an invariant that holds is never built", () => {
  assert(true, () => {
    throw new Error("built");
  });
  expect(() => assert(false, () => "built late")).toThrow("built late");
});

test("the arm that cannot be reached names the value that did", () => {
  expect(() => unreachable("third" as never)).toThrow('no case for "third"');
});
