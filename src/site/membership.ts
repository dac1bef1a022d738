/**
 * What a site receives and sends, merged from its Eavesdroppers. Each reports its LAN by snapshot
 * and change; one that goes away keeps its members for a while, since absent is unknown, not gone.
 * So does one that starts anew: its first snapshot lacks whatever has not been reported again yet.
 * Additions count at once; a want that shrinks, or a sender that falls silent, is withdrawn after a
 * short hold, so that a host which leaves and joins again changes nothing outside the site. Groups
 * that flap are damped: longer holds, and few changes a second.
 */
import { type Address, type Prefix, prefixContains } from "../base/address.ts";
import { Deadlines } from "../base/deadlines.ts";
import { limits } from "../limits.ts";
import type { LanSender, MessageOf } from "../wire/message.ts";
import { sameWant, unionOfWants, type Want } from "../wire/want.ts";
import { Damping } from "./damping.ts";

type Lan = {
  /** The life of its Eavesdropper. */
  incarnation: number;
  readonly wants: Map<Address, Want>;
  /** What an earlier life told, until the present one has had time to hear every member. */
  readonly former: Map<Address, Want>;
  readonly senders: Map<string, LanSender>;
  /** Whether its Eavesdropper is linked. */
  present: boolean;
};

/** Who speaks: the LAN, and the life of its Eavesdropper. */
export type LanTeller = { readonly lan: string; readonly incarnation: number };

export type SenderView = LanSender & { readonly lan: string };

const senderKey = (source: Address, group: Address): string => `${source} ${group}`;

export class SiteMembership {
  readonly counters = { lansRefused: 0, groupsRefused: 0, sendersRefused: 0, foreignSenders: 0 };
  readonly damping = new Damping();
  readonly #prefixes: readonly Prefix[];
  readonly #lans = new Map<string, Lan>();
  readonly #absence = new Deadlines<string>();
  readonly #formerEnd = new Deadlines<string>();
  /** What stands towards the outside: at least what is wanted now, but for delayed groups. */
  readonly #wants = new Map<Address, Want>();
  readonly #withdrawals = new Deadlines<Address>();
  /** Groups that flap and are wanted more than stands, until they may change again. */
  readonly #delayed = new Deadlines<Address>();
  #changed = false;

  constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes;
  }

  /** Whether the site's wants or senders changed since the last call. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  wants(): IterableIterator<Want> {
    return this.#wants.values();
  }

  want(group: Address): Want | undefined {
    return this.#wants.get(group);
  }

  /** Which LANs have a listener of the group now, by name. */
  *lansWanting(group: Address): IterableIterator<string> {
    for (const [name, lan] of this.#lans) {
      if (lan.wants.has(group) || lan.former.has(group)) yield name;
    }
  }

  /** Local sources that belong to the site, with the LAN each was heard on. */
  *senders(): IterableIterator<SenderView> {
    for (const [lan, { senders }] of this.#lans) {
      for (const sender of senders.values()) yield { ...sender, lan };
    }
  }

  lanNames(): { lan: string; present: boolean; groups: number; senders: number }[] {
    return [...this.#lans].map(([lan, { present, wants, senders }]) => ({
      lan,
      present,
      groups: wants.size,
      senders: senders.size,
    }));
  }

  onLan(from: LanTeller, message: MessageOf<"lan">, nowMs: number): "accepted" | "table-full" {
    const { lan: name, incarnation } = from;
    const lan = this.#lanOf(name, incarnation);
    if (!lan) {
      this.counters.lansRefused++;
      return "table-full";
    }
    lan.present = true;
    this.#absence.delete(name);
    const touched = new Set<Address>();
    if (message.full) {
      for (const group of lan.wants.keys()) touched.add(group);
      if (incarnation !== lan.incarnation) this.#onNewLife(name, lan, incarnation, nowMs);
      lan.wants.clear();
      lan.senders.clear();
      this.#changed = true;
    }
    for (const want of message.wants) {
      if (lan.wants.size >= limits.groupsPerLanMax && !lan.wants.has(want.group)) {
        this.counters.groupsRefused++;
        continue;
      }
      lan.wants.set(want.group, want);
      touched.add(want.group);
    }
    for (const group of message.lapsed) {
      lan.wants.delete(group);
      lan.former.delete(group);
      touched.add(group);
    }
    for (const group of touched) this.#settle(group, nowMs);
    this.#onSenders(lan, message);
    return "accepted";
  }

  /** The Eavesdropper of a LAN is gone; its members stay for `eavesdropperAbsenceMs`. */
  onLanGone(name: string, nowMs: number): void {
    const lan = this.#lans.get(name);
    if (!lan) return;
    lan.present = false;
    this.#absence.set(name, nowMs + limits.eavesdropperAbsenceMs);
  }

  onDeadline(nowMs: number): void {
    for (const name of this.#absence.takeDue(nowMs)) {
      const lan = this.#lans.get(name);
      this.#lans.delete(name);
      this.#formerEnd.delete(name);
      this.#changed = true;
      for (const group of [...(lan?.wants.keys() ?? []), ...(lan?.former.keys() ?? [])]) {
        this.#settle(group, nowMs);
      }
    }
    for (const name of this.#formerEnd.takeDue(nowMs)) {
      const former = this.#lans.get(name)?.former;
      const groups = [...(former?.keys() ?? [])];
      former?.clear();
      this.#changed = true;
      for (const group of groups) this.#settle(group, nowMs);
    }
    for (const group of this.#delayed.takeDue(nowMs)) this.#settle(group, nowMs);
    for (const group of this.#withdrawals.takeDue(nowMs)) this.#withdraw(group, nowMs);
    this.damping.onDeadline(nowMs);
  }

  nextDeadlineMs(): number {
    return Math.min(
      this.#absence.nextMs(),
      this.#formerEnd.nextMs(),
      this.#delayed.nextMs(),
      this.#withdrawals.nextMs(),
      this.damping.nextDeadlineMs(),
    );
  }

  #lanOf(name: string, incarnation: number): Lan | undefined {
    const known = this.#lans.get(name);
    if (known) return known;
    if (this.#lans.size >= limits.eavesdroppersPerSiteMax) return undefined;
    const lan: Lan = {
      incarnation,
      wants: new Map(),
      former: new Map(),
      senders: new Map(),
      present: true,
    };
    this.#lans.set(name, lan);
    return lan;
  }

  /** The Eavesdropper has started anew and knows little: what it told before still stands. */
  #onNewLife(name: string, lan: Lan, incarnation: number, nowMs: number): void {
    lan.incarnation = incarnation;
    for (const [group, want] of lan.wants) {
      const before = lan.former.get(group);
      lan.former.set(group, before ? unionOfWants(before, want) : want);
    }
    this.#formerEnd.set(name, nowMs + limits.eavesdropperAbsenceMs);
  }

  #onSenders(lan: Lan, message: MessageOf<"lan">): void {
    for (const { source, group } of message.silent) {
      if (lan.senders.delete(senderKey(source, group))) this.#changed = true;
    }
    for (const sender of message.senders) {
      if (!this.#prefixes.some((prefix) => prefixContains(prefix, sender.source))) {
        this.counters.foreignSenders++;
        continue;
      }
      const key = senderKey(sender.source, sender.group);
      if (!lan.senders.has(key)) {
        if (lan.senders.size >= limits.sendersPerLanMax) {
          this.counters.sendersRefused++;
          continue;
        }
        this.#changed = true;
      }
      lan.senders.set(key, sender);
    }
  }

  #merged(group: Address): Want | undefined {
    let merged: Want | undefined;
    for (const { wants, former } of this.#lans.values()) {
      for (const want of [wants.get(group), former.get(group)]) {
        if (want) merged = merged ? unionOfWants(merged, want) : want;
      }
    }
    return merged;
  }

  /** Widens at once, unless it flaps; narrows when the hold is over. */
  #settle(group: Address, nowMs: number): void {
    const now = this.#merged(group);
    const standing = this.#wants.get(group);
    if (now && (!standing || sameWant(unionOfWants(standing, now), now))) {
      if (this.#withdrawals.delete(group)) this.damping.onGrow(group, nowMs);
      return this.#widen(group, now, nowMs);
    }
    if (!standing) {
      this.#delayed.delete(group);
      return;
    }
    this.damping.onShrink(group, nowMs);
    const holdMs = this.damping.holdMs(group);
    if (now) this.#widen(group, unionOfWants(standing, now), nowMs);
    if (!this.#withdrawals.has(group)) this.#withdrawals.set(group, nowMs + holdMs);
  }

  #widen(group: Address, want: Want, nowMs: number): void {
    const standing = this.#wants.get(group);
    if (standing && sameWant(standing, want)) {
      this.#delayed.delete(group);
      return;
    }
    if (this.#delayed.has(group)) return;
    this.damping.onGrow(group, nowMs);
    const atMs = this.damping.changeMs(group, nowMs);
    if (atMs > nowMs) this.#delayed.set(group, atMs);
    else this.#set(group, want);
  }

  #withdraw(group: Address, nowMs: number): void {
    const atMs = this.damping.changeMs(group, nowMs);
    if (atMs > nowMs) {
      this.#withdrawals.set(group, atMs);
      return;
    }
    this.#delayed.delete(group);
    this.#set(group, this.#merged(group));
  }

  #set(group: Address, want: Want | undefined): void {
    const standing = this.#wants.get(group);
    if (want && standing && sameWant(want, standing)) return;
    if (!want && !standing) return;
    this.#changed = true;
    if (want) this.#wants.set(group, want);
    else this.#wants.delete(group);
  }
}
