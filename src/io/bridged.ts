/**
 * The site interface `bridged`: packets of wanted groups come from a packet ring on each LAN, and
 * those of other sites go straight onto the LANs. The kernel routes nothing: no tunnel, no table,
 * and whatever else routes multicast on this host is not disturbed. What programs on this host
 * itself send is not captured, since it cannot be told from what we put on the LAN.
 */
import { type Address, familyOf, ipv4Of } from "../base/address.ts";
import type { SitePort, SiteCounters, SiteLan } from "../role/node.ts";
import type { Want } from "../wire/want.ts";
import { LanRing, macOf } from "./lan-ring.ts";
import { LanSenders } from "./lan-senders.ts";

export class Bridged implements SitePort {
  readonly kind = "bridged";
  readonly lans: readonly SiteLan[];
  readonly sources: readonly LanRing[];
  readonly #senders: LanSenders;
  readonly #wanted = new Set<number>();
  #toldRings = true;

  /** Opens everything. Throws `SystemError`. */
  constructor(lans: readonly SiteLan[]) {
    this.lans = lans;
    this.#senders = new LanSenders(lans, [4]);
    // A frame from any of our LANs that comes in by another, or comes back, was emitted by us.
    const ownMacs = new Set(lans.map(({ name }) => macOf(name)));
    this.sources = lans.map(({ name }) => new LanRing(name, ownMacs));
  }

  /** Rings tell groups apart, the Gateway the sources that a want names. */
  allow(want: Want): void {
    if (familyOf(want.group) !== 4) return;
    this.#wanted.add(ipv4Of(want.group));
    this.#tellRings();
  }

  forbid(group: Address): void {
    if (familyOf(group) !== 4) return;
    this.#wanted.delete(ipv4Of(group));
    this.#tellRings();
  }

  emit(lans: number, bytes: Uint8Array, from: number, length: number): void {
    this.#senders.emit(lans, bytes, from, length);
  }

  flush(): void {
    this.#senders.flush();
  }

  counters(): SiteCounters {
    const counters: Record<string, number> = {};
    for (const ring of this.sources) {
      for (const [name, count] of Object.entries(ring.counters())) {
        counters[name] = (counters[name] ?? 0) + count;
      }
    }
    return { ...counters, ...this.#senders.counters() };
  }

  close(): void {
    for (const ring of this.sources) ring.close();
    this.#senders.close();
  }

  /** Many groups may change at once: the kernel gets one filter for all of them. */
  #tellRings(): void {
    if (!this.#toldRings) return;
    this.#toldRings = false;
    queueMicrotask(() => {
      this.#toldRings = true;
      for (const ring of this.sources) ring.want(this.#wanted);
    });
  }
}
