/**
 * Multicast Router Discovery (RFC 4286) in whole packets of both families: how a router says to
 * snooping switches that it wants to see reports and data, without any part in an election. The
 * messages are of IGMP's and MLD's kind, so `parseIgmp` and `parseMld` check all around them; only
 * the few fields are read here. When to speak is decided in `lan`.
 *
 *      advertisement  |     Type     |  Ad. Interval  |           Checksum            |   0
 *                     |        Query Interval         |     Robustness Variable       |   4
 *
 *      solicitation,  |     Type     |    Reserved    |           Checksum            |   0
 *      termination
 */
import type { Address, Family } from "../base/address.ts";
import { address, familyOf, ipv4Of } from "../base/address.ts";
import { assert } from "../base/assert.ts";
import { readU16, readU8, writeU16 } from "../base/bytes.ts";
import { writeChecksum } from "../base/checksum.ts";
import type { IgmpFault } from "./igmp.ts";
import { parseIgmp } from "./igmp.ts";
import {
  alertedHeaderBytes,
  ipv4HeaderBytes,
  ipv4TotalBytes,
  protocolIgmp,
  writeIpv4Header,
} from "./ipv4.ts";
import { ipv6TotalBytes, ipv6UpperAt, openIcmp6Packet, sealIcmp6Packet } from "./ipv6.ts";
import type { MembershipPacket } from "./membership-message.ts";
import type { MldFault } from "./mld.ts";
import { mldType, parseMld } from "./mld.ts";

type MrdKind = MrdMessage["kind"];

const typeOf: Readonly<Record<Family, Readonly<Record<MrdKind, number>>>> = {
  4: { advertisement: 0x30, solicitation: 0x31, termination: 0x32 },
  6: {
    advertisement: mldType.routerAdvertisement,
    solicitation: mldType.routerSolicitation,
    termination: mldType.routerTermination,
  },
};

const field = { type: 0, interval: 1, checksum: 2, queryInterval: 4, robustness: 6 } as const;
const advertisementBytes = 8;
const bareBytes = 4;

/** All-Snoopers hears routers, all routers hear solicitations (RFC 4286 §3, §4, §5). */
const allSnoopers: Readonly<Record<Family, Address>> = {
  4: address("224.0.0.106"),
  6: address("ff02::6a"),
};
const allRouters: Readonly<Record<Family, Address>> = {
  4: address("224.0.0.2"),
  6: address("ff02::2"),
};
/** Internetwork control, as IGMP's (RFC 9776 §4). */
const typeOfService = 0xc0;

export type MrdMessage =
  | {
      readonly kind: "advertisement";
      /** A router silent for three of them is gone: 4 to 180 s when sound. */
      readonly intervalMs: number;
      /** 0 when the router sends no queries. */
      readonly queryIntervalMs: number;
      /** 0 when the router sends no queries. */
      readonly robustness: number;
    }
  | { readonly kind: "solicitation" }
  | { readonly kind: "termination" };

export type MrdPacket = MembershipPacket<MrdMessage>;

/** `type` is a sound message of IGMP or MLD that is not of this protocol. */
export type MrdFault = IgmpFault | MldFault;

/**
 * The router discovery message of the IPv4 or IPv6 packet in `bytes[from, to)`, or why it is
 * ignored. The version in its first byte decides the family; an empty packet is IPv4's.
 */
export function parseMrd(bytes: Uint8Array, from: number, to: number): MrdPacket | MrdFault {
  const family = to > from && readU8(bytes, from) >>> 4 === 6 ? 6 : 4;
  const packet = family === 4 ? parseIgmp(bytes, from, to) : parseMld(bytes, from, to);
  if (typeof packet === "string") return packet;
  if (packet.message.kind !== "other") return "type";
  const kind = kindOf(family, packet.message.type);
  if (kind === undefined) return "type";
  if (packet.destination !== destinationOf(family, kind)) return "destination";
  const { source, destination, routerAlert } = packet;
  if (kind !== "advertisement") return { source, destination, routerAlert, message: { kind } };
  const at = family === 4 ? from + ipv4HeaderBytes(bytes, from) : ipv6UpperAt(bytes, from);
  const total = family === 4 ? ipv4TotalBytes(bytes, from) : ipv6TotalBytes(bytes, from);
  if (from + total - at < advertisementBytes) return "short";
  const message = {
    kind,
    intervalMs: readU8(bytes, at + field.interval) * 1000,
    queryIntervalMs: readU16(bytes, at + field.queryInterval) * 1000,
    robustness: readU16(bytes, at + field.robustness),
  };
  return { source, destination, routerAlert, message };
}

const kinds = ["advertisement", "solicitation", "termination"] as const;

const kindOf = (family: Family, type: number): MrdKind | undefined =>
  kinds.find((kind) => typeOf[family][kind] === type);

const destinationOf = (family: Family, kind: MrdKind): Address =>
  kind === "solicitation" ? allRouters[family] : allSnoopers[family];

/**
 * Writes a packet with the message at the start of `into`, in the family of the source, and returns
 * its length in bytes. Times are rounded down to whole seconds.
 */
export function writeMrd(
  into: Uint8Array,
  { source, message }: { readonly source: Address; readonly message: MrdMessage },
): number {
  const family = familyOf(source);
  const destination = destinationOf(family, message.kind);
  const messageBytes = message.kind === "advertisement" ? advertisementBytes : bareBytes;
  const fields = { source, destination, messageBytes };
  const at = family === 4 ? openIgmpPacket(into, fields) : openIcmp6Packet(into, fields);
  into[at + field.type] = typeOf[family][message.kind];
  if (message.kind === "advertisement") writeAdvertisement(into, at, message);
  if (family === 6) return sealIcmp6Packet(into);
  writeChecksum(into, at + field.checksum, at, at + messageBytes);
  return at + messageBytes;
}

function writeAdvertisement(
  into: Uint8Array,
  at: number,
  message: MrdMessage & { readonly kind: "advertisement" },
): void {
  const interval = Math.floor(message.intervalMs / 1000);
  const queryInterval = Math.floor(message.queryIntervalMs / 1000);
  assert(interval >= 4 && interval <= 180, "RFC 4286 §3.1.1: an interval of 4 to 180 s");
  assert(queryInterval <= 0xffff && message.robustness <= 0xffff, "a field of 16 bits");
  into[at + field.interval] = interval;
  writeU16(into, at + field.queryInterval, queryInterval);
  writeU16(into, at + field.robustness, message.robustness);
}

/** Writes the IPv4 header before a zeroed message; where the message begins. */
function openIgmpPacket(
  into: Uint8Array,
  fields: {
    readonly source: Address;
    readonly destination: Address;
    readonly messageBytes: number;
  },
): number {
  const { source, destination, messageBytes } = fields;
  assert(alertedHeaderBytes + messageBytes <= into.length, "an MRD packet beyond its buffer");
  into.fill(0, 0, alertedHeaderBytes + messageBytes); // a reused buffer must not leak old bytes
  return writeIpv4Header(into, 0, {
    typeOfService,
    ttl: 1,
    protocol: protocolIgmp,
    source: ipv4Of(source),
    destination: ipv4Of(destination),
    payloadBytes: messageBytes,
    routerAlert: true,
  });
}
