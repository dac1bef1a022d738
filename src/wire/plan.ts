/**
 * What a Manager's plan says to Routers and Gateways: entries, assignments of channels to flows,
 * and the epoch both carry. Each has one canonical text, so that two ends can compare by
 * fingerprint.
 */
import type { Address } from "../base/address.ts";
import { hash32 } from "../base/prng.ts";

/** (term, manager): ordered by term, then by name, so that two Managers never tie. */
export type Epoch = { readonly term: number; readonly manager: string };

export const compareEpochs = (a: Epoch, b: Epoch): number =>
  a.term - b.term || (a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0);

/** One Router's line for a flow, in names: as the Manager writes it and people read it. */
export type Entry = {
  readonly flow: number;
  /** The site whose Gateway stamps the flow. */
  readonly ingress: string;
  /** The neighbour it is accepted from; undefined at the ingress: its own Gateway. */
  readonly parent?: string | undefined;
  readonly children: readonly string[];
  /** Whether the Gateway of this site gets it. */
  readonly local: boolean;
};

export type EntryChange = {
  readonly epoch: Epoch;
  readonly install: readonly Entry[];
  /** Flow IDs. */
  readonly remove: readonly number[];
};

/** (S,G), or (*,G) without a source. */
export type Channel = { readonly group: Address; readonly source?: Address | undefined };

/** A flow and the channels that an ingress Gateway stamps with it. */
export type FlowAssignment = { readonly flow: number; readonly channels: readonly Channel[] };

export const entryText = (entry: Entry): string =>
  JSON.stringify([
    entry.flow,
    entry.ingress,
    entry.parent ?? null,
    [...entry.children].sort(),
    entry.local,
  ]);

/** The fingerprint that a table of these entries has, whatever their order. */
export const entriesHash = (entries: Iterable<Entry>): string => hash([...entries].map(entryText));

export const channelText = ({ group, source }: Channel): string => `${source ?? "*"} ${group}`;

/** The fingerprint that these assignments have, whatever their order. */
export const assignmentsHash = (assignments: readonly FlowAssignment[]): string =>
  hash(
    assignments.map(({ flow, channels }) => [flow, ...channels.map(channelText).sort()].join(",")),
  );

const hash = (lines: string[]): string =>
  hash32(lines.sort().join("\n")).toString(16).padStart(8, "0");
