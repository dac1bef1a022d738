import { assert } from "../../src/base/assert.ts";
import type { Sent } from "./site-model.ts";
import type { World } from "./world.ts";

/** In steady state each packet reaches every other site with a member, in its sender's order. */
export function checkDelivery({ sites }: World, sent: ReadonlyMap<number, Sent>): void {
  for (const { delivered, members, index, name } of sites) {
    const bySender = new Map<string, number[]>();
    for (const { id } of delivered) {
      const from = sent.get(id);
      if (!from) continue;
      const key = `${from.site} ${from.group}`;
      bySender.set(key, [...(bySender.get(key) ?? []), id]);
    }
    for (const [key, ids] of bySender) {
      const sorted = ids.toSorted((a, b) => a - b);
      assert(String(ids) === String(sorted), () => `${name} got ${key} out of order`);
    }
    for (const { id, site, group, atMs } of sent.values()) {
      if (site === index || !members.has(group)) continue;
      const got = bySender.get(`${site} ${group}`)?.includes(id);
      assert(got === true, () => `${name} missed ${id} of ${group} from s${site}, sent at ${atMs}`);
    }
  }
}
