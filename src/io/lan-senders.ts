import type { SiteCounters, SiteLan } from "../role/node.ts";
import { PacketSender } from "./packet-sender.ts";

/** Puts packets on some of a site's LANs, each through a packet socket of its own. */
export class LanSenders {
  readonly #senders: readonly PacketSender[];

  /** Throws `SystemError`. */
  constructor(lans: readonly SiteLan[]) {
    this.#senders = lans.map((lan) => new PacketSender(lan.name));
  }

  /** See `SiteInterface`. */
  emit(lans: number, bytes: Uint8Array, from: number, length: number): void {
    for (let lan = 0; lan < this.#senders.length; lan++) {
      if ((lans >>> lan) & 1) this.#senders[lan]?.push(bytes, from, length);
    }
  }

  flush(): void {
    for (const sender of this.#senders) sender.flush();
  }

  /** Of all LANs together. */
  counters(): SiteCounters {
    const counters: Record<string, number> = {};
    for (const name of ["packets", "bytes", "tooLong", "refused"] as const) {
      counters[`emitted-${name}`] = this.#senders.reduce((sum, s) => sum + s.counters[name], 0);
    }
    return counters;
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }
}
