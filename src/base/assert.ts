/**
 * Ends the process when one of our own invariants is broken. Input from people or peers never
 * reaches an assert: it is a named value and a counter.
 *
 * @param detail what was expected and what was found; a function where building it costs time
 */
export function assert(
  condition: boolean,
  detail: string | (() => string) = "invariant broken",
): asserts condition {
  if (!condition) throw new AssertionError(typeof detail === "string" ? detail : detail());
}

/** The exhaustive arm of a `switch` over a union. */
export function unreachable(value: never): never {
  throw new AssertionError(`no case for ${JSON.stringify(value)}`);
}

/** A broken invariant of FastCast itself; nothing catches it below the process's edge. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}
