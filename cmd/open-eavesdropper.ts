import type { RoleControl } from "../src/control/app.ts";
import { eavesdropperControl } from "../src/control/eavesdropper.ts";
import { addressOf } from "../src/io/interfaces.ts";
import { DataRing, IgmpSocket } from "../src/io/lan-capture.ts";
import { PacketSender } from "../src/io/packet-sender.ts";
import { Eavesdropper } from "../src/role/eavesdropper.ts";
import { type Opening, seed } from "./open-role.ts";

/** How often the headers of data are read from the capture ring. */
const dataReadMs = 100;

type Opened = { readonly eavesdropper: Eavesdropper; readonly data: DataRing };

/** Opens one Eavesdropper for each LAN. */
export function openEavesdroppers(opening: Opening): RoleControl {
  const { loop } = opening;
  const opened = opening.config.lans.map((lan) => openOne(opening, lan));
  const all = opened.map(({ eavesdropper }) => eavesdropper);
  const timer = setInterval(() => {
    for (const one of opened) readData(loop, one);
  }, dataReadMs);
  loop.onStop(() => clearInterval(timer));
  return eavesdropperControl({
    health: () => {
      const lost = all.filter((one) => !one.gatewayLinked).map((one) => one.lan);
      return lost.length === 0 ? "ok" : `not linked to the Gateway: ${lost.join(", ")}`;
    },
    status: () => ({ lans: all.map((one) => one.status()) }),
    counters: () =>
      Object.fromEntries(
        opened.map(({ eavesdropper, data }) => [
          eavesdropper.lan,
          { ...eavesdropper.counters, records: eavesdropper.records(), ringDropped: data.dropped },
        ]),
      ),
    findings: () =>
      all.flatMap((one) =>
        one.findings(loop.nowMs).map(({ sinceMs, lastMs, ...finding }) => ({
          ...finding,
          forMs: Math.round(loop.nowMs - sinceMs),
          seenMsAgo: Math.round(loop.nowMs - lastMs),
        })),
      ),
    groups: () => all.flatMap((one) => one.groups(loop.nowMs)),
    senders: () => all.flatMap((one) => one.senders(loop.nowMs)),
  });
}

function openOne(opening: Opening, lan: string): Opened {
  const { config, site, loop, poller, incarnation, pipes } = opening;
  const sender = new PacketSender(lan);
  const voice = {
    address: addressOf(lan),
    send: (bytes: Uint8Array, length: number) => {
      sender.push(bytes, 0, length);
      sender.flush();
    },
  };
  const options = {
    fabric: config.fabric,
    site,
    lan,
    incarnation,
    gateway: pipes ? "pipe:gateway" : config.eavesdropper.gateway,
    querier: config.eavesdropper.querier,
    routerDiscovery: config.eavesdropper.router_discovery,
    seed: seed(),
  };
  const eavesdropper = new Eavesdropper(options, voice, loop.nowMs);
  const igmp = new IgmpSocket(lan);
  const data = new DataRing(lan);
  poller.watch(igmp.descriptor, () =>
    loop.fact((nowMs) => igmp.read((bytes, length) => eavesdropper.onIgmp(bytes, length, nowMs))),
  );
  loop.onStop(() => {
    eavesdropper.onExit();
    igmp.close();
    data.close();
    sender.close();
  });
  loop.add(`eavesdropper ${lan}`, eavesdropper);
  return { eavesdropper, data };
}

function readData(loop: Opening["loop"], { eavesdropper, data }: Opened): void {
  loop.fact((nowMs) => {
    data.read((source, group, bytes, ttl) => eavesdropper.onData(source, group, bytes, ttl, nowMs));
    eavesdropper.onDataRead(nowMs);
  });
}
