/** Routers that all know each other, and what must hold of their links in the end. */
import { expect } from "bun:test";
import type { Router } from "../../src/role/router.ts";
import type { RouterWorld } from "./router-world.ts";

export const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const endpointOf = (site: string): string =>
  `198.51.100.${site.charCodeAt(0)}:${7800 + site.length}`;

/** Routers that all know each other as contacts. */
export function mesh(world: RouterWorld, sites: readonly string[]): Router[] {
  return sites.map((site) => {
    const contacts = sites.filter((other) => other !== site).map(endpointOf);
    const router = world.router(site, contacts);
    world.listen(endpointOf(site), router);
    return router;
  });
}

/** One connection for each pair, and both ends hold it. */
export function expectLinked(world: RouterWorld, routers: readonly Router[], seed: number): void {
  for (const a of routers) {
    const routersOf = a.links(world.nowMs).filter(({ kind }) => kind === "router");
    const linked = routersOf.map(({ site }) => site);
    const others = routers.filter((other) => other !== a).map(({ site }) => site);
    expect([seed, ...linked.sort()]).toEqual([seed, ...others.sort()]);
    for (const b of routers) {
      if (a.site >= b.site) continue;
      const standing = world.between(a, b);
      expect([seed, standing.length]).toEqual([seed, 1]);
      expect(standing[0]?.ends.map(({ open }) => open)).toEqual([true, true]);
      const here = a
        .links(world.nowMs)
        .find(({ site, kind }) => site === b.site && kind === "router");
      const there = b
        .links(world.nowMs)
        .find(({ site, kind }) => site === a.site && kind === "router");
      expect([seed, here?.dialled]).toEqual([seed, !there?.dialled]);
    }
  }
  expectNoRemains(world, seed);
}

/** A Router knows no connection that is gone. */
export function expectNoRemains(world: RouterWorld, seed: number): void {
  for (const { ends } of world.connections) {
    for (const { node, port, open } of ends) {
      if (!open && world.runs(node)) expect([seed, node.outbox(port)]).toEqual([seed, undefined]);
    }
  }
}
