/** Builds whole IPv4 packets around IGMP messages, for the tests of `wire/igmp.ts`. */
import { address, ipv4Of } from "../../src/base/address.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import type { IgmpFault, IgmpPacket } from "../../src/wire/igmp.ts";
import { parseIgmp } from "../../src/wire/igmp.ts";
import { writeIpv4Header } from "../../src/wire/ipv4.ts";

export const host = address("192.0.2.7");
const allSystems = address("224.0.0.1");
export const sound = {
  source: host,
  destination: allSystems,
  ttl: 1,
  protocol: 2,
  routerAlert: true,
};

/** A packet around the message, whose checksum is made right unless it is to stay as it is. */
export function wrap(message: Uint8Array, ip: Partial<typeof sound> = {}, seal = true): Uint8Array {
  const { source, destination, ...others } = { ...sound, ...ip };
  const bytes = new Uint8Array(24 + message.length).fill(0xa5);
  const at = writeIpv4Header(bytes, 0, {
    ...others,
    typeOfService: 0xc0,
    source: ipv4Of(source),
    destination: ipv4Of(destination),
    payloadBytes: message.length,
  });
  bytes.set(message, at);
  if (seal && message.length >= 4) writeChecksum(bytes, at + 2, at, at + message.length);
  return bytes.subarray(0, at + message.length);
}

export const parse = (bytes: Uint8Array): IgmpPacket | IgmpFault =>
  parseIgmp(bytes, 0, bytes.length);
