/** Builds whole IPv6 packets around ICMPv6 messages, for the tests of `wire/mld.ts`. */
import { address, addressBytes } from "../../src/base/address.ts";
import { writeU16 } from "../../src/base/bytes.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { ipv6PseudoSum } from "../../src/wire/ipv6.ts";
import type { MldFault, MldPacket } from "../../src/wire/mld.ts";
import { parseMld } from "../../src/wire/mld.ts";

export const host = address("fe80::2");
export const sound = {
  source: host,
  destination: address("ff02::1"),
  hopLimit: 1,
  nextHeader: 0,
  /** What stands between header and message; the first byte of the last names ICMPv6. */
  extensions: [0x3a, 0, 5, 2, 0, 0, 1, 0] as readonly number[],
};

/** A packet around the message, whose checksum is made right unless it is to stay as it is. */
export function wrap(message: Uint8Array, ip: Partial<typeof sound> = {}, seal = true): Uint8Array {
  const { source, destination, hopLimit, nextHeader, extensions } = { ...sound, ...ip };
  const at = 40 + extensions.length;
  const bytes = new Uint8Array(at + message.length);
  bytes[0] = 0x60;
  writeU16(bytes, 4, extensions.length + message.length);
  bytes.set([nextHeader, hopLimit], 6);
  bytes.set(addressBytes(source), 8);
  bytes.set(addressBytes(destination), 24);
  bytes.set(extensions, 40);
  bytes.set(message, at);
  if (seal && message.length >= 4) {
    const upper = { protocol: 58, bytes: message.length };
    writeChecksum(bytes, at + 2, at, bytes.length, ipv6PseudoSum(bytes, 0, upper));
  }
  return bytes;
}

export const parse = (bytes: Uint8Array): MldPacket | MldFault => parseMld(bytes, 0, bytes.length);
