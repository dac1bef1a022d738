/**
 * What a site receives and sends, merged from its Eavesdroppers. Each reports its LAN by snapshot
 * and change; one that goes away keeps its members for a while, since absent is unknown, not gone.
 * Additions count at once; a want that shrinks, or a sender that falls silent, is withdrawn after a
 * short hold, so that a host which leaves and joins again changes nothing outside the site.
 */
import { type Address, type Prefix, prefixContains } from "../base/address.ts";
import { Deadlines } from "../base/deadlines.ts";
import { limits } from "../limits.ts";
import type { LanSender, MessageOf } from "../wire/message.ts";
import { sameWant, unionOfWants, type Want } from "../wire/want.ts";

type Lan = {
  readonly wants: Map<Address, Want>;
  readonly senders: Map<string, LanSender>;
  /** Void once the snapshot of a returned Eavesdropper is complete. */
  present: boolean;
};

export type SenderView = LanSender & { readonly lan: string };

const senderKey = (source: Address, group: Address): string => `${source} ${group}`;

export class SiteMembership {
  readonly counters = { lansRefused: 0, foreignSenders: 0 };
  readonly #prefixes: readonly Prefix[];
  readonly #lans = new Map<string, Lan>();
  readonly #absence = new Deadlines<string>();
  /** What stands towards the outside: at least what is wanted now. */
  readonly #wants = new Map<Address, Want>();
  readonly #withdrawals = new Deadlines<Address>();
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
    for (const [name, lan] of this.#lans) if (lan.wants.has(group)) yield name;
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

  onLan(name: string, message: MessageOf<"lan">, nowMs: number): "accepted" | "table-full" {
    const lan = this.#lanOf(name);
    if (!lan) {
      this.counters.lansRefused++;
      return "table-full";
    }
    lan.present = true;
    this.#absence.delete(name);
    const touched = new Set<Address>();
    if (message.full) {
      for (const group of lan.wants.keys()) touched.add(group);
      lan.wants.clear();
      lan.senders.clear();
      this.#changed = true;
    }
    for (const want of message.wants) {
      lan.wants.set(want.group, want);
      touched.add(want.group);
    }
    for (const group of message.lapsed) {
      lan.wants.delete(group);
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
      const groups = [...(this.#lans.get(name)?.wants.keys() ?? [])];
      this.#lans.delete(name);
      this.#changed = true;
      for (const group of groups) this.#settle(group, nowMs);
    }
    for (const group of this.#withdrawals.takeDue(nowMs)) this.#set(group, this.#merged(group));
  }

  nextDeadlineMs(): number {
    return Math.min(this.#absence.nextMs(), this.#withdrawals.nextMs());
  }

  #lanOf(name: string): Lan | undefined {
    const known = this.#lans.get(name);
    if (known) return known;
    if (this.#lans.size >= limits.eavesdroppersPerSiteMax) return undefined;
    const lan: Lan = { wants: new Map(), senders: new Map(), present: true };
    this.#lans.set(name, lan);
    return lan;
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
      if (!lan.senders.has(key)) this.#changed = true;
      lan.senders.set(key, sender);
    }
  }

  #merged(group: Address): Want | undefined {
    let merged: Want | undefined;
    for (const { wants } of this.#lans.values()) {
      const want = wants.get(group);
      if (want) merged = merged ? unionOfWants(merged, want) : want;
    }
    return merged;
  }

  /** Widens at once; narrows when the hold is over. */
  #settle(group: Address, nowMs: number): void {
    const now = this.#merged(group);
    const standing = this.#wants.get(group);
    if (now && (!standing || sameWant(unionOfWants(standing, now), now))) {
      this.#withdrawals.delete(group);
      return this.#set(group, now);
    }
    if (now && standing) this.#set(group, unionOfWants(standing, now));
    if (!this.#withdrawals.has(group)) this.#withdrawals.set(group, nowMs + limits.withdrawHoldMs);
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
