import type { RoleControl } from "../src/control/app.ts";
import { routerControl } from "../src/control/router.ts";
import { type LinkView, Router } from "../src/role/router.ts";
import { type Opening, seed } from "./open-role.ts";

/** Opens the Router: its listener for links. */
export function openRouter({
  config,
  site,
  loop,
  incarnation,
  control,
  pipes,
}: Opening): RoleControl {
  const { listen, advertise, contacts } = config.router;
  const options = {
    fabric: config.fabric,
    site,
    incarnation,
    contacts,
    advertise: { endpoint: advertise ?? listen, control },
    gatewayInside: pipes,
    seed: seed(),
  };
  const router = new Router(options, loop.nowMs);
  loop.add("router", router);
  loop.listen(router, listen);
  const links = (): LinkView[] => router.links(loop.nowMs);
  return routerControl({
    health: () => "ok",
    status: () => ({
      site,
      incarnation,
      epoch: router.entries.fence.highest,
      entries: router.entries.size,
      entriesHash: router.entries.hash,
      links: links().filter(({ kind }) => kind === "router"),
    }),
    counters: () => ({ ...router.counters, dropped: router.drops }),
    links,
    entries: () => router.entryViews(),
    change: (change) => router.change(change),
  });
}
