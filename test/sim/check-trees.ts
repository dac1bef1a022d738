import { assert } from "../../src/base/assert.ts";
import type { World } from "./world.ts";

/** From its ingress on, the entries of every flow lead to each site at most once. */
export function checkTrees({ sites }: World): void {
  const flows = new Map<number, string>();
  for (const { router } of sites) {
    for (const { flow, ingress } of router?.entries ?? []) {
      assert((flows.get(flow) ?? ingress) === ingress, () => `flow ${flow} has two ingress sites`);
      flows.set(flow, ingress);
    }
  }
  const byName = new Map(sites.map((site) => [site.name, site]));
  for (const [flow, ingress] of flows) {
    const reached = [ingress];
    for (const site of reached) {
      const entry = byName.get(site)?.router?.entries.get(flow);
      for (const child of entry?.children ?? []) {
        assert(!reached.includes(child), () => `flow ${flow} reaches ${child} twice`);
        const parent = byName.get(child)?.router?.entries.get(flow)?.parent ?? site;
        assert(parent === site, () => `flow ${flow}: ${child} accepts from ${parent}, not ${site}`);
        reached.push(child);
      }
    }
  }
}
