import type { Family } from "../base/address.ts";
import type { SiteCounters, SiteLan } from "../role/node.ts";
import { PacketSender } from "./packet-sender.ts";

/** Puts packets on some of a site's LANs, each through a packet socket of its LAN and family. */
export class LanSenders {
  readonly #senders: readonly PacketSender[];
  readonly #ofFamily: Readonly<Record<Family, readonly PacketSender[]>>;
  /** Packets of a family that is not sent here. */
  #otherFamily = 0;

  /** Throws `SystemError`. */
  constructor(lans: readonly SiteLan[], families: readonly Family[]) {
    const open = (family: Family): PacketSender[] =>
      families.includes(family) ? lans.map((lan) => new PacketSender(lan.name, family)) : [];
    this.#ofFamily = { 4: open(4), 6: open(6) };
    this.#senders = [...this.#ofFamily[4], ...this.#ofFamily[6]];
  }

  /** See `SiteInterface`. */
  emit(lans: number, bytes: Uint8Array, from: number, length: number): void {
    const senders = this.#ofFamily[(bytes[from] as number) >>> 4 === 6 ? 6 : 4];
    if (senders.length === 0) this.#otherFamily++;
    for (let lan = 0; lan < senders.length; lan++) {
      if ((lans >>> lan) & 1) senders[lan]?.push(bytes, from, length);
    }
  }

  flush(): void {
    for (const sender of this.#senders) sender.flush();
  }

  /** Of all LANs together. */
  counters(): SiteCounters {
    const counters: Record<string, number> = { "emitted-otherFamily": this.#otherFamily };
    for (const name of ["packets", "bytes", "tooLong", "refused"] as const) {
      counters[`emitted-${name}`] = this.#senders.reduce((sum, s) => sum + s.counters[name], 0);
    }
    return counters;
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }
}
