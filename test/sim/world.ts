/**
 * A fabric in virtual time: the product's Routers, Gateways, Eavesdroppers and Manager of some
 * sites, with connections, HTTP and hosts of its own. One seed drives everything. It models no
 * bandwidth and no loss inside a connection; a crashed role's connections end as by a reset.
 */
import { type Address, address, ipv4Of } from "../../src/base/address.ts";
import { assert } from "../../src/base/assert.ts";
import { Deadlines } from "../../src/base/deadlines.ts";
import { Prng } from "../../src/base/prng.ts";
import { Eavesdropper } from "../../src/role/eavesdropper.ts";
import { Gateway } from "../../src/role/gateway.ts";
import type { Node, Port } from "../../src/role/node.ts";
import { Router } from "../../src/role/router.ts";
import { ManagerModel } from "./manager-model.ts";
import { SiteModel } from "./site-model.ts";

const turnsMax = 3_000_000;
const roundsMax = 1_000;

type End = {
  readonly role: Role;
  readonly port: Port;
  readonly peer: Port;
  readonly delayMs: number;
};

/** A running role, and where others dial it. */
export type Role = { readonly site: number; readonly node: Node; readonly endpoint: string };

export type RoleKind = "router" | "gateway" | "eavesdropper";

export class World {
  nowMs = 0;
  readonly prng: Prng;
  readonly sites: SiteModel[];
  readonly manager: ManagerModel;
  readonly #roles = new Map<string, Role>();
  readonly #ends = new Map<Port, End>();
  readonly #events = new Deadlines<() => void>();
  readonly #delays: number[][];
  #lastPort = 0;
  #incarnation = 1_000;

  constructor(seed: number, count: number) {
    this.prng = new Prng(seed);
    this.#delays = Array.from({ length: count }, () =>
      Array.from({ length: count }, () => 1 + this.prng.below(80)),
    );
    this.sites = Array.from({ length: count }, (_, i) => new SiteModel(i, this));
    for (const site of this.sites) {
      for (const kind of ["router", "gateway", "eavesdropper"] as const)
        this.start(kind, site.index);
    }
    this.manager = new ManagerModel(this);
  }

  // Roles.

  start(kind: RoleKind, index: number): void {
    const site = this.sites[index] as SiteModel;
    const options = { fabric: "sim", site: site.name, incarnation: this.#incarnation++ };
    const seed = this.prng.u32();
    if (kind === "router") {
      const contacts = index === 0 ? [] : [site.routerOf(0), site.routerOf(this.prng.below(index))];
      const advertise = { endpoint: site.routerOf(index), control: `${site.host}:7880` };
      const all = { ...options, contacts, advertise, seed };
      site.router = new Router(all, this.nowMs);
      this.#add(kind, { site: index, node: site.router, endpoint: site.routerOf(index) });
    } else if (kind === "gateway") {
      const all = { ...options, zone: `/${site.name}`, router: site.routerOf(index), seed };
      const gateway = { ...all, control: `${site.host}:7881`, prefixes: [] };
      site.wants.clear();
      site.gateway = new Gateway(gateway, site, this.nowMs);
      this.#add(kind, { site: index, node: site.gateway, endpoint: `${site.host}:7801` });
    } else {
      const roles = { querier: "on", routerDiscovery: "off" } as const;
      const all = { ...options, ...roles, lan: "eth1", gateway: `${site.host}:7801`, seed };
      site.eavesdropper = new Eavesdropper(all, { ipv4: site.voice }, this.nowMs);
      this.#add(kind, { site: index, node: site.eavesdropper, endpoint: "" });
    }
  }

  crash(kind: RoleKind, index: number): void {
    const role = this.#roles.get(`${kind} ${index}`);
    if (!role) return;
    this.#roles.delete(`${kind} ${index}`);
    const site = this.sites[index] as SiteModel;
    site[kind] = undefined;
    for (const end of this.#ends.values()) {
      if (end.role !== role) continue;
      this.#ends.delete(end.port);
      this.after(end.delayMs, () => this.#onGone(end.peer));
    }
  }

  isUp(kind: RoleKind, index: number): boolean {
    return this.#roles.has(`${kind} ${index}`);
  }

  // Time.

  after(delayMs: number, event: () => void): void {
    this.#events.set(event, this.nowMs + delayMs);
  }

  delayMs(a: number, b: number): number {
    if (a === b) return 0.1;
    return this.#delays[Math.min(a, b)]?.[Math.max(a, b)] as number;
  }

  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (let turn = 0; ; turn++) {
      assert(turn < turnsMax, "livelock of the fabric");
      this.#drain();
      let nextMs = Math.min(this.#events.nextMs(), this.manager.nextDeadlineMs());
      for (const { node } of this.#roles.values()) nextMs = Math.min(nextMs, node.nextDeadlineMs());
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const event of this.#events.takeDue(this.nowMs)) event();
      for (const { node } of this.#roles.values()) {
        if (node.nextDeadlineMs() <= this.nowMs) node.onDeadline(this.nowMs);
      }
      this.manager.onDeadline();
    }
    this.nowMs = untilMs;
  }

  // Connections.

  #add(kind: RoleKind, role: Role): void {
    this.#roles.set(`${kind} ${role.site}`, role);
  }

  #drain(): void {
    let rounds = 0;
    for (let busy = true; busy;) {
      assert(rounds++ < roundsMax, "roles never come to rest");
      busy = this.manager.drain();
      for (const role of this.#roles.values()) busy = this.#drainEffects(role) || busy;
      for (const end of this.#ends.values()) busy = this.#flush(end) || busy;
    }
  }

  #drainEffects(role: Role): boolean {
    let busy = false;
    for (let effect = role.node.takeEffect(); effect; effect = role.node.takeEffect()) {
      busy = true;
      if (effect.kind === "dial") this.#dial(role, effect.endpoint, effect.tag);
      if (effect.kind === "close") this.#close(effect.port);
    }
    return busy;
  }

  #dial(from: Role, endpoint: string, tag: string): void {
    const to = (): Role | undefined =>
      [...this.#roles.values()].find((role) => role.endpoint === endpoint);
    const delayMs = this.delayMs(from.site, to()?.site ?? from.site);
    this.after(2 * delayMs, () => {
      if (!this.#isRunning(from)) return;
      const target = to();
      if (!target) return from.node.onDialFailed(tag, this.nowMs);
      const [near, far] = [++this.#lastPort, ++this.#lastPort];
      this.#ends.set(near, { role: from, port: near, peer: far, delayMs });
      this.#ends.set(far, { role: target, port: far, peer: near, delayMs });
      from.node.onConnected(near, tag, this.nowMs);
      target.node.onConnected(far, undefined, this.nowMs);
    });
  }

  #isRunning(role: Role): boolean {
    for (const running of this.#roles.values()) if (running === role) return true;
    return false;
  }

  #flush(end: End): boolean {
    const outbox = end.role.node.outbox(end.port);
    if (!outbox || outbox.empty) return false;
    outbox.drain((memory, offset, length) => {
      const bytes = memory.slice(offset, offset + length);
      this.after(end.delayMs, () => {
        const peer = this.#ends.get(end.peer);
        peer?.role.node.onBytes(peer.port, bytes, this.nowMs);
      });
      return length;
    });
    return true;
  }

  #close(port: Port): void {
    const end = this.#ends.get(port);
    if (!end) return;
    this.#flush(end);
    this.#ends.delete(port);
    end.role.node.onClosed(port, this.nowMs);
    this.after(end.delayMs, () => this.#onGone(end.peer));
  }

  #onGone(port: Port): void {
    const end = this.#ends.get(port);
    if (!end) return;
    this.#ends.delete(port);
    end.role.node.onClosed(port, this.nowMs);
  }
}

export const groups: readonly Address[] = ["239.192.0.1", "239.192.0.2", "233.252.0.1"].map(
  address,
);
export const groupNumber = (group: Address): number => ipv4Of(group);
