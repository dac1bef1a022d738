/**
 * What a role is to the loop that runs it. A role is synchronous and owns neither sockets nor
 * clock: the loop tells it facts with `nowMs` (monotonic, in ms), then drains what the role wants
 * done (`takeEffect`), writes what waits in the outboxes of its links, and arms one timer at
 * `nextDeadlineMs()`. The same roles run under `test/sim` with a virtual clock.
 *
 * Data does not travel as effects: received bytes are borrowed until the call returns, and what is
 * to leave stands in a link's outbox.
 */
import type { Address, Prefix } from "../base/address.ts";
import type { Outbox } from "../flow/outbox.ts";
import type { Want } from "../wire/want.ts";

/** A connection, numbered by the loop; never reused while the process lives. */
export type Port = number;

export type Effect =
  /** Open a connection; the answer is `onConnected` or `onDialFailed`, with the same tag. */
  | { readonly kind: "dial"; readonly endpoint: string; readonly tag: string }
  /** Close a connection, its outbox first if the far end takes it; `onClosed` follows. */
  | { readonly kind: "close"; readonly port: Port }
  | { readonly kind: "log"; readonly level: "info" | "warning"; readonly text: string };

export interface Node {
  /**
   * A connection stands: one that this node dialled (`tag`), or one it accepted (no tag). A pipe
   * comes from a role of the same process.
   */
  onConnected(port: Port, tag: string | undefined, nowMs: number, isPipe?: boolean): void;
  onDialFailed(tag: string, nowMs: number): void;
  onBytes(port: Port, bytes: Uint8Array, nowMs: number): void;
  /** The connection is gone; nothing more comes or goes on it. */
  onClosed(port: Port, nowMs: number): void;
  onDeadline(nowMs: number): void;
  /** The earliest named deadline in ms; `Infinity` when there is none. */
  nextDeadlineMs(): number;
  takeEffect(): Effect | undefined;
  /** What waits to leave on a connection; undefined when the node knows no such port. */
  outbox(port: Port): Outbox | undefined;
}

/** One LAN of a site, as its Gateway touches it. */
export type SiteLan = { readonly name: string; readonly prefixes: readonly Prefix[] };

/** What a site interface counts, by cause. */
export type SiteCounters = Readonly<Record<string, number>>;

/**
 * How a Gateway touches its site. Implementations live in `io/`; tests and the simulator bring
 * their own. All calls return at once.
 */
export interface SiteInterface {
  readonly kind: string;
  readonly lans: readonly SiteLan[];
  /** Packets that this want covers shall be handed over; replaces what stood for the group. */
  allow(want: Want): void;
  /** No packet of the group shall be handed over. */
  forbid(group: Address): void;
  /** Puts a packet on the LANs of the bit mask, in `lans` order; bytes stand until `flush`. */
  emit(lans: number, bytes: Uint8Array, from: number, length: number): void;
  flush(): void;
  counters(): SiteCounters;
}

/** Packets from the site, each behind a data header of Flow ID 0, in `bytes[0, length)`. */
export type PacketBatch = {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** What was taken, also that which is not handed over: 0 says that nothing is left. */
  readonly packets: number;
};

/** Where packets of the site wait for the Gateway. */
export interface PacketSource {
  /** Readable while something waits. */
  readonly descriptor: number;
  /** Takes a bounded number of packets at once; the batch stands until the next call. */
  read(): PacketBatch;
}

/** A site interface as the Gateway's opener holds it: it polls the sources and closes it all. */
export interface SitePort extends SiteInterface {
  readonly sources: readonly PacketSource[];
  close(): void;
}

/** How an Eavesdropper speaks on its LAN in one IP family: whole packets, sent at once. */
export interface LanVoice {
  readonly address: Address;
  send(bytes: Uint8Array, length: number): void;
}

/** IPv6 speaks from a link-local address, which a host without IPv6 lacks. */
export type LanVoices = { readonly ipv4: LanVoice; readonly ipv6?: LanVoice | undefined };
