/**
 * A site as hosts make it: one LAN whose host joins, leaves, answers queries and sends, and the
 * site interface between that LAN and the Gateway. It writes down what was sent and delivered.
 */
import { type Address, address } from "../../src/base/address.ts";
import { readU32, writeU16, writeU32 } from "../../src/base/bytes.ts";
import type { Eavesdropper } from "../../src/role/eavesdropper.ts";
import type { Gateway } from "../../src/role/gateway.ts";
import type { LanVoice, SiteInterface, SiteLan } from "../../src/role/node.ts";
import type { Router } from "../../src/role/router.ts";
import { type Want, wantsSource } from "../../src/wire/want.ts";
import { framed, packet } from "../site/site.ts";
import { wrap } from "../wire/igmp-packet.ts";
import { groupNumber, type World } from "./world.ts";

export type Sent = {
  readonly id: number;
  readonly site: number;
  readonly group: Address;
  readonly atMs: number;
};
export type Delivered = { readonly id: number; readonly atMs: number };
/** A time in which the host is a member; `toMs` is Infinity while it stays. */
export type Stay = { readonly fromMs: number; toMs: number };

const recordType = { isExclude: 2, toInclude: 3, toExclude: 4 } as const;
const idAt = 20;

export class SiteModel implements SiteInterface {
  readonly kind = "simulated";
  readonly index: number;
  readonly name: string;
  readonly host: string;
  readonly source: Address;
  readonly lans: readonly SiteLan[];
  readonly voice: LanVoice;
  router: Router | undefined;
  gateway: Gateway | undefined;
  eavesdropper: Eavesdropper | undefined;
  /** What the Gateway lets through. */
  readonly wants = new Map<Address, Want>();
  readonly members = new Set<Address>();
  readonly stays = new Map<Address, Stay[]>();
  readonly delivered: Delivered[] = [];
  readonly #world: World;

  constructor(index: number, world: World) {
    this.#world = world;
    this.index = index;
    this.name = `s${index}`;
    this.host = `192.0.2.${index + 1}`;
    this.source = address(`10.${index}.0.11`);
    this.lans = [{ name: "eth1", prefixes: [{ address: address(`10.${index}.0.0`), bits: 16 }] }];
    this.voice = { address: address(`10.${index}.0.1`), send: () => this.#onQuery() };
  }

  routerOf(index: number): string {
    return `192.0.2.${index + 1}:7800`;
  }

  // The host.

  join(group: Address): void {
    if (this.members.has(group)) return;
    this.members.add(group);
    const stays = this.stays.get(group) ?? [];
    stays.push({ fromMs: this.#world.nowMs, toMs: Number.POSITIVE_INFINITY });
    this.stays.set(group, stays);
    this.#report(group, recordType.toExclude);
  }

  leave(group: Address): void {
    if (!this.members.delete(group)) return;
    const stay = this.stays.get(group)?.at(-1);
    if (stay) stay.toMs = this.#world.nowMs;
    this.#report(group, recordType.toInclude);
  }

  /**
   * One packet with its number as payload: onto the LAN, and to the Gateway if it is let through.
   */
  send(id: number, group: Address): void {
    const bytes = packet(this.source, group);
    writeU32(bytes, idAt, id);
    const { nowMs } = this.#world;
    const source = readU32(bytes, 12);
    this.eavesdropper?.onData(source, groupNumber(group), bytes.length, 8, nowMs);
    this.eavesdropper?.onDataRead(nowMs);
    const want = this.wants.get(group);
    if (!want || !wantsSource(want, this.source)) return;
    const frames = framed([bytes]);
    this.gateway?.onCaptured(frames, frames.length, nowMs);
  }

  #report(group: Address, type: number): void {
    const message = new Uint8Array(16);
    message[0] = 0x22;
    writeU16(message, 6, 1);
    message[8] = type;
    writeU32(message, 12, groupNumber(group));
    const bytes = wrap(message, { source: this.source, destination: address("224.0.0.22") });
    this.eavesdropper?.onIgmp(bytes, bytes.length, this.#world.nowMs);
  }

  /** Any query is answered for all groups within a second. */
  #onQuery(): void {
    for (const group of this.members) {
      this.#world.after(this.#world.prng.below(1_000), () => {
        if (this.members.has(group)) this.#report(group, recordType.isExclude);
      });
    }
  }

  // What the Gateway asks of its site.

  allow(want: Want): void {
    this.wants.set(want.group, want);
  }

  forbid(group: Address): void {
    this.wants.delete(group);
  }

  emit(_lans: number, bytes: Uint8Array, from: number): void {
    this.delivered.push({ id: readU32(bytes, from + idAt), atMs: this.#world.nowMs });
  }

  flush(): void {}

  counters(): Readonly<Record<string, number>> {
    return {};
  }
}
