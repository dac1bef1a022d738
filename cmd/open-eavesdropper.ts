import type { RoleControl } from "../src/control/app.ts";
import { eavesdropperControl } from "../src/control/eavesdropper.ts";
import { type Address, type Family, familyOf } from "../src/base/address.ts";
import { voicesOf } from "../src/io/interfaces.ts";
import { DataRing, ipv4Headers, ipv6Headers, MembershipSocket } from "../src/io/lan-capture.ts";
import { PacketSender } from "../src/io/packet-sender.ts";
import { Eavesdropper } from "../src/role/eavesdropper.ts";
import type { LanVoice } from "../src/role/node.ts";
import { type Opening, seed } from "./open-role.ts";

/** How often the headers of data are read from the capture ring. */
const dataReadMs = 100;

type Opened = {
  readonly eavesdropper: Eavesdropper;
  readonly rings: Readonly<Record<Family, DataRing>>;
};

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
        opened.map(({ eavesdropper, rings }) => {
          const ringDropped = rings[4].dropped + rings[6].dropped;
          const records = eavesdropper.records();
          return [eavesdropper.lan, { ...eavesdropper.counters, records, ringDropped }];
        }),
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
  const { config, site, loop, incarnation, pipes } = opening;
  const addresses = voicesOf(lan);
  const ipv4 = openVoice(lan, addresses.ipv4);
  const ipv6 = addresses.ipv6 && openVoice(lan, addresses.ipv6);
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
  const eavesdropper = new Eavesdropper(options, { ipv4, ipv6 }, loop.nowMs);
  loop.onStop(() => {
    eavesdropper.onExit();
    ipv4.close();
    ipv6?.close();
  });
  hear(opening, new MembershipSocket(lan, 4), eavesdropper.onIgmp.bind(eavesdropper));
  hear(opening, new MembershipSocket(lan, 6), eavesdropper.onMld.bind(eavesdropper));
  const rings = { 4: new DataRing(lan, 4), 6: new DataRing(lan, 6) };
  loop.onStop(() => {
    rings[4].close();
    rings[6].close();
  });
  loop.add(`eavesdropper ${lan}`, eavesdropper);
  return { eavesdropper, rings };
}

function openVoice(lan: string, address: Address): LanVoice & { close(): void } {
  const sender = new PacketSender(lan, familyOf(address));
  return {
    address,
    send(bytes, length) {
      sender.push(bytes, 0, length);
      sender.flush();
    },
    close: () => sender.close(),
  };
}

type OnPacket = (bytes: Uint8Array, length: number, nowMs: number) => void;

function hear({ loop, poller }: Opening, socket: MembershipSocket, onPacket: OnPacket): void {
  poller.watch(socket.descriptor, () =>
    loop.fact((nowMs) => socket.read((bytes, length) => onPacket(bytes, length, nowMs))),
  );
  loop.onStop(() => socket.close());
}

function readData(loop: Opening["loop"], { eavesdropper, rings }: Opened): void {
  loop.fact((nowMs) => {
    const onIpv4 = ipv4Headers((source, group, bytes, ttl) =>
      eavesdropper.onData(source, group, bytes, ttl, nowMs),
    );
    const onIpv6 = ipv6Headers((channel, bytes, hopLimit) =>
      eavesdropper.onData6(channel, bytes, hopLimit, nowMs),
    );
    rings[4].read(onIpv4);
    rings[6].read(onIpv6);
    eavesdropper.onDataRead(nowMs);
  });
}
