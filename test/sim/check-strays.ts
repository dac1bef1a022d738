import { assert } from "../../src/base/assert.ts";
import type { Sent } from "./site-model.ts";
import type { World } from "./world.ts";

/** Packets come out only where the group had a member within the last `lagMs`. */
export function checkStrays(
  { sites }: World,
  sent: ReadonlyMap<number, Sent>,
  lagMs: number,
): void {
  for (const { delivered, stays, name } of sites) {
    for (const { id, atMs } of delivered) {
      const group = (sent.get(id) as Sent).group;
      const isMember = stays
        .get(group)
        ?.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + lagMs);
      assert(isMember === true, () => `packet ${id} of ${group} strayed to ${name} at ${atMs} ms`);
    }
  }
}
