import { assert } from "../../src/base/assert.ts";
import type { Sent } from "./site-model.ts";
import type { World } from "./world.ts";

/** No packet is delivered twice at a site, nor ever at the site that it came from. */
export function checkOnce({ sites }: World, sent: ReadonlyMap<number, Sent>): void {
  for (const { delivered, index, name } of sites) {
    const seen = new Set<number>();
    for (const { id, atMs } of delivered) {
      assert(!seen.has(id), () => `packet ${id} twice at ${name}, at ${atMs} ms`);
      assert(sent.get(id)?.site !== index, () => `packet ${id} came back to ${name}`);
      seen.add(id);
    }
  }
}
