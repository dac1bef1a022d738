/**
 * IGMP and MLD behind one pair of functions, for the cores of `lan/`, which count versions as IGMP
 * does (RFC 9776 §7, RFC 9777 §8).
 */
import type { Address, Family } from "../base/address.ts";
import type { LanQuery } from "../lan/membership.ts";
import { parseIgmp } from "../wire/igmp.ts";
import { writeQuery } from "../wire/igmp-write.ts";
import type { MembershipPacket } from "../wire/membership-message.ts";
import { igmpVersionOf, type MldPacket, parseMld } from "../wire/mld.ts";
import { writeMldQuery } from "../wire/mld-write.ts";

export type MembershipCodec = {
  readonly protocol: "igmp" | "mld";
  /** The message of the packet in `bytes[0, length)`, or the name of its fault. */
  parse(bytes: Uint8Array, length: number): MembershipPacket | string;
  /** Writes a query packet and answers its length in bytes. */
  writeQuery(into: Uint8Array, query: LanQuery, source: Address): number;
};

const igmp: MembershipCodec = {
  protocol: "igmp",
  parse: (bytes, length) => parseIgmp(bytes, 0, length),
  writeQuery: (into, query, source) =>
    writeQuery(into, { ...query, source, version: query.version === 3 ? 3 : 2 }),
};

const mld: MembershipCodec = {
  protocol: "mld",
  parse(bytes, length) {
    const packet = parseMld(bytes, 0, length);
    return typeof packet === "string" ? packet : asIgmp(packet);
  },
  writeQuery: (into, query, source) =>
    writeMldQuery(into, { ...query, source, version: query.version === 3 ? 2 : 1 }),
};

export const membershipCodecs: Readonly<Record<Family, MembershipCodec>> = { 4: igmp, 6: mld };

function asIgmp({ message, ...head }: MldPacket): MembershipPacket {
  switch (message.kind) {
    case "query":
      return { ...head, message: { ...message, version: igmpVersionOf(message.version) } };
    case "report":
      return { ...head, message: { ...message, version: 2 } };
    default:
      return { ...head, message };
  }
}
