import { assert } from "../../src/base/assert.ts";
import type { Sent } from "./site-model.ts";
import type { World } from "./world.ts";

/**
 * Whoever has been a member for `joinMs` and stays one misses nothing, whatever others do: trees
 * are made before they are broken.
 */
export function checkSteadyMembers(
  { sites, nowMs }: World,
  sent: ReadonlyMap<number, Sent>,
  joinMs: number,
): void {
  const transitMs = 1_000;
  for (const { delivered, stays, index, name } of sites) {
    const got = new Set(delivered.map(({ id }) => id));
    for (const { id, site, group, atMs } of sent.values()) {
      if (site === index || atMs > nowMs - transitMs || got.has(id)) continue;
      const steady = stays
        .get(group)
        ?.some(({ fromMs, toMs }) => fromMs + joinMs <= atMs && atMs + transitMs <= toMs);
      assert(steady !== true, () => `${name} missed ${id} of ${group} from s${site} at ${atMs} ms`);
    }
  }
}
