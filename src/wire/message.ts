/**
 * Control messages between roles: CBOR through the bounded codec, then one valibot schema per kind.
 * Sites' rows, the digests of gossip, what an Eavesdropper tells its Gateway, and which neighbours
 * a Gateway tells its Router of. Rows keep wants as flat lists of text to stay small.
 */
import * as v from "valibot";
import {
  type Address,
  isMulticast,
  parseAddress,
  parseEndpoint,
  parsePrefix,
} from "../base/address.ts";
import { limits } from "../limits.ts";
import { type CborFault, decodeCbor, encodeCbor } from "./cbor.ts";
import type { Want } from "./want.ts";

const address = v.pipe(
  v.string(),
  v.check((text) => parseAddress(text) === text, "no canonical address"),
  v.transform((text) => text as Address),
);
const group = v.pipe(
  address,
  v.check((text) => isMulticast(text), "no group"),
);
const unicast = v.pipe(
  address,
  v.check((text) => !isMulticast(text), "no source"),
);
const prefix = v.pipe(
  v.string(),
  v.check((text) => parsePrefix(text) !== undefined, "no prefix"),
);
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.siteNameBytesMax));
const endpoint = v.pipe(
  v.string(),
  v.check((text) => parseEndpoint(text) !== undefined, "no endpoint"),
);
/** Empty where there is nothing to reach. */
const endpointOrNone = v.union([v.literal(""), endpoint]);
const counter = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const rate = v.pipe(v.number(), v.minValue(0));

/** On the wire a want is `[group, "i" | "x", ...sources]`. */
const want = v.pipe(
  v.tupleWithRest([group, v.picklist(["i", "x"])], unicast),
  v.maxLength(2 + limits.sourcesPerGroupMax),
  v.transform(([of, mode, ...sources]): Want => ({
    group: of,
    mode: mode === "i" ? "include" : "exclude",
    sources: sources as Address[],
  })),
);
const channel = v.pipe(
  v.strictTuple([unicast, group]),
  v.transform(([source, of]) => ({ source, group: of })),
);

/** What a site publishes about itself. Only its own Gateway writes it. */
export const SiteRow = v.strictObject({
  site: name,
  zone: v.pipe(v.string(), v.maxLength(256)),
  /** Random start of the Gateway's life, rising with each start; then the row's own count. */
  incarnation: counter,
  sequence: counter,
  /** Where other Routers dial this site's; empty before its Gateway has met it. */
  router: endpointOrNone,
  /** Control endpoints, `address:port`, empty when there is none to reach from outside. */
  routerControl: endpointOrNone,
  gatewayControl: endpointOrNone,
  prefixes: v.pipe(v.array(prefix), v.maxLength(limits.prefixesPerSiteMax)),
  /** The Gateway has just started: what `wants` lacks is unknown, not gone. */
  settling: v.boolean(),
  wants: v.pipe(v.array(want), v.maxLength(limits.channelsPerSiteMax)),
  /** Local sources, and the groups they send to, that pass this site's ingress policy. */
  sends: v.pipe(v.array(channel), v.maxLength(limits.channelsPerSiteMax)),
});
export type SiteRow = v.InferOutput<typeof SiteRow>;

/** A row's version: (incarnation, sequence), compared in that order. */
const version = v.pipe(
  v.strictTuple([name, counter, counter]),
  v.transform(([site, incarnation, sequence]) => ({ site, incarnation, sequence })),
);

const Sender = v.strictObject({
  source: unicast,
  group,
  packetsPerSecond: rate,
  bitsPerSecond: rate,
});

const Message = v.variant("kind", [
  /** Gateway to its Router: the sites it knows, to be linked; `full` begins the list anew. */
  v.strictObject({
    kind: v.literal("neighbours"),
    full: v.boolean(),
    sites: v.pipe(v.array(v.strictObject({ site: name, endpoint })), v.maxLength(limits.sitesMax)),
  }),
  /** Router to its Gateway: where other sites dial it, and its control endpoint; empty if none. */
  v.strictObject({ kind: v.literal("router"), endpoint, control: endpointOrNone }),
  /** Gossip: what the sender holds; `reply` asks for the other's digest in return. */
  v.strictObject({
    kind: v.literal("digest"),
    reply: v.boolean(),
    rows: v.pipe(v.array(version), v.maxLength(limits.sitesMax)),
  }),
  /** Gossip: rows that are new to the receiver. */
  v.strictObject({
    kind: v.literal("rows"),
    rows: v.pipe(v.array(SiteRow), v.maxLength(limits.sitesMax)),
  }),
  /** Eavesdropper to its Gateway. `full` starts a snapshot: what was told before is void. */
  v.strictObject({
    kind: v.literal("lan"),
    full: v.boolean(),
    wants: v.pipe(v.array(want), v.maxLength(limits.groupsPerLanMax)),
    lapsed: v.pipe(v.array(group), v.maxLength(limits.groupsPerLanMax)),
    senders: v.pipe(v.array(Sender), v.maxLength(limits.sendersPerLanMax)),
    silent: v.pipe(v.array(channel), v.maxLength(limits.sendersPerLanMax)),
  }),
]);
export type Message = v.InferOutput<typeof Message>;
export type MessageOf<Kind extends Message["kind"]> = Extract<Message, { kind: Kind }>;
export type RowVersion = v.InferOutput<typeof version>;
export type LanSender = v.InferOutput<typeof Sender>;

export type MessageFault = CborFault | "message-schema";

export function encodeMessage(message: Message): Uint8Array {
  switch (message.kind) {
    case "neighbours":
    case "router":
      return encodeCbor(message);
    case "digest": {
      const rows = message.rows.map((row) => [row.site, row.incarnation, row.sequence]);
      return encodeCbor({ ...message, rows });
    }
    case "rows":
      return encodeCbor({ ...message, rows: message.rows.map(flatRow) });
    case "lan": {
      const { wants, silent } = message;
      return encodeCbor({
        ...message,
        wants: wants.map(flatWant),
        silent: silent.map(flatChannel),
      });
    }
  }
}

/** The message, or why the bytes are none. */
export function decodeMessage(bytes: Uint8Array): Message | MessageFault {
  const decoded = decodeCbor(bytes);
  if (typeof decoded === "string") return decoded;
  const parsed = v.safeParse(Message, decoded.value, { abortEarly: true });
  return parsed.success ? parsed.output : "message-schema";
}

/** Bytes that a row takes in a message; `Infinity` when it has too many items for one. */
export function rowBytes(row: SiteRow): number {
  const bare = encodeCbor({ ...row, wants: [], sends: [] });
  const lists = [row.wants.map(flatWant), row.sends.map(flatChannel)];
  const items = lists.flat().reduce((sum, list) => sum + 1 + list.length, 0);
  if (items > limits.messageItemsMax - rowItemsSpare) return Number.POSITIVE_INFINITY;
  return lists.reduce((sum, list) => sum - 1 + listBytes(list), bare.length);
}

/** Items of a row beside its wants and sends, and of the message around it. */
const rowItemsSpare = 2 * limits.prefixesPerSiteMax;

const headBytes = (length: number): number => (length < 24 ? 1 : length < 256 ? 2 : 3);

const listBytes = (lists: readonly string[][]): number =>
  lists.reduce(
    (sum, list) =>
      list.reduce((bytes, text) => bytes + headBytes(text.length) + text.length, sum) +
      headBytes(list.length),
    headBytes(lists.length),
  );

const flatWant = (want: Want): string[] => [
  want.group,
  want.mode === "include" ? "i" : "x",
  ...want.sources,
];

const flatChannel = (channel: { source: Address; group: Address }): string[] => [
  channel.source,
  channel.group,
];

const flatRow = (row: SiteRow): object => ({
  ...row,
  wants: row.wants.map(flatWant),
  sends: row.sends.map(flatChannel),
});
