import {
  type Address,
  address,
  addressBytes,
  familyOf,
  ipv4Of,
  type Prefix,
} from "../../src/base/address.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { writeU16, writeU32 } from "../../src/base/bytes.ts";
import { frameHeaderBytes, frameType, writeFrameHeader } from "../../src/wire/frame.ts";
import type { LanSender, MessageOf, SiteRow } from "../../src/wire/message.ts";
import { openRules, Policy, type PolicyRules } from "../../src/site/policy.ts";
import { parseRule, type PolicyRule, type Verdict } from "../../src/wire/policy-rule.ts";
import type { Want } from "../../src/wire/want.ts";

/** An organisation-wide group, two more, and one of source-specific multicast. */
export const group = address("239.192.0.1");
export const group2 = address("239.192.0.2");
export const ssm = address("232.1.1.1");
/** A host of this site and another, and one of a site elsewhere. */
export const own = address("10.1.0.11");
export const own2 = address("10.1.0.12");
export const foreign = address("10.2.0.11");
export const prefix: Prefix = { address: address("10.1.0.0"), bits: 16 };
/** The same of IPv6. */
export const group6 = address("ff18::1234");
export const ssm6 = address("ff3e::1");
export const own6 = address("fd00:1::11");
export const foreign6 = address("fd00:2::11");
export const prefix6: Prefix = { address: address("fd00:1::"), bits: 64 };

export const include = (of: Address, ...sources: Address[]): Want => ({
  group: of,
  mode: "include",
  sources: sources.sort(),
});
export const exclude = (of: Address, ...sources: Address[]): Want => ({
  group: of,
  mode: "exclude",
  sources: sources.sort(),
});

export const sender = (source: Address, of: Address): LanSender => ({
  source,
  group: of,
  packetsPerSecond: 1,
  bitsPerSecond: 100,
});

/** What an Eavesdropper tells; a change unless `full`. */
export const lanMessage = (news: Partial<MessageOf<"lan">>): MessageOf<"lan"> => ({
  kind: "lan",
  full: false,
  wants: [],
  lapsed: [],
  senders: [],
  silent: [],
  ...news,
});

export const row = (site: string, fields: Partial<SiteRow> = {}): SiteRow => ({
  site,
  zone: `/${site}`,
  incarnation: 1,
  sequence: 1,
  router: "192.0.2.1:7800",
  routerControl: "192.0.2.1:7880",
  gatewayControl: "192.0.2.1:7881",
  prefixes: [],
  settling: false,
  wants: [],
  sends: [],
  ...fields,
});

/** A UDP packet's IP header and `payload` behind it. */
export function packet(source: Address, of: Address, payload = 8, ttl = 64): Uint8Array {
  if (familyOf(of) === 6) return packet6(source, of, payload, ttl);
  const bytes = new Uint8Array(20 + payload).fill(0xa5, 20);
  bytes[0] = 0x45;
  writeU16(bytes, 2, bytes.length);
  bytes[8] = ttl;
  bytes[9] = 17;
  writeU32(bytes, 12, ipv4Of(source));
  writeU32(bytes, 16, ipv4Of(of));
  writeChecksum(bytes, 10, 0, 20);
  return bytes;
}

function packet6(source: Address, of: Address, payload: number, hopLimit: number): Uint8Array {
  const bytes = new Uint8Array(40 + payload).fill(0xa5, 40);
  bytes[0] = 0x60;
  writeU16(bytes, 4, payload);
  bytes[6] = 17;
  bytes[7] = hopLimit;
  bytes.set(addressBytes(source), 8);
  bytes.set(addressBytes(of), 24);
  return bytes;
}

/** Packets as a site interface hands them over: each behind room for a data header. */
export function framed(packets: readonly Uint8Array[]): Uint8Array {
  const total = packets.reduce((sum, { length }) => sum + frameHeaderBytes + length, 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const one of packets) {
    writeFrameHeader(bytes, at, { type: frameType.data, payloadBytes: one.length });
    bytes.set(one, at + frameHeaderBytes);
    at += frameHeaderBytes + one.length;
  }
  return bytes;
}

export const openPolicy = new Policy(openRules);

/** A rule from its text: `deny 239.192.7.0/24 from 10.1.0.0/16`. */
export function rule(text: string): PolicyRule {
  const [verdict = "", ...rest] = text.split(" ");
  const parsed = parseRule(verdict as Verdict, rest.join(" "));
  if (typeof parsed === "string") throw new TypeError(`${text}: ${parsed}`);
  return parsed;
}

export const rules = (
  direction: "in" | "out",
  texts: readonly string[],
  standard: Verdict = "allow",
): PolicyRules => ({ ...openRules, default: standard, [direction]: texts.map(rule) });
