/**
 * Captures as the judges of the acceptance tests read them: frames of a pcap file, and of each IPv4
 * packet what must stay, what may change, and whether its checksums hold. Independent of the
 * product's own codecs on purpose.
 */
import { readFileSync } from "node:fs";

/** One frame of the wire; the times of one host's captures can be compared. */
export type Frame = { readonly atMs: number; readonly bytes: Uint8Array };

const fileHeaderBytes = 24;
const recordHeaderBytes = 16;
const ethernetBytes = 14;
const microsecondMagic = 0xa1b2c3d4;
const ethernetLink = 1;

/** The whole frames of a file that tcpdump may still be writing. */
export function readFrames(file: string): Frame[] {
  const bytes = readFileSync(file);
  if (bytes.length < fileHeaderBytes) return [];
  if (bytes.readUInt32LE(0) !== microsecondMagic || bytes.readUInt32LE(20) !== ethernetLink) {
    throw new Error(`${file}: not a little-endian capture of Ethernet`);
  }
  const frames: Frame[] = [];
  let at = fileHeaderBytes;
  while (at + recordHeaderBytes <= bytes.length) {
    const atMs = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1000;
    const next = at + recordHeaderBytes + bytes.readUInt32LE(at + 8);
    if (next > bytes.length) break;
    frames.push({ atMs, bytes: bytes.subarray(at + recordHeaderBytes, next) });
    at = next;
  }
  return frames;
}

/** The IPv4 packet in a frame, without Ethernet's padding; undefined when there is none. */
export function ipv4In({ bytes }: Frame): Buffer | undefined {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset + ethernetBytes);
  if (bytes[12] !== 0x08 || bytes[13] !== 0) return undefined;
  return packet.subarray(0, packet.readUInt16BE(2));
}

export const protocolIgmp = 2;
export const protocolUdp = 17;

export const protocolOf = (packet: Buffer): number => packet.readUInt8(9);
export const ttlOf = (packet: Buffer): number => packet.readUInt8(8);
export const sourceOf = (packet: Buffer): string => packet.subarray(12, 16).join(".");
export const destinationOf = (packet: Buffer): string => packet.subarray(16, 20).join(".");

/** What follows the IPv4 header. */
export const payloadOf = (packet: Buffer): Buffer =>
  packet.subarray((packet.readUInt8(0) & 15) * 4);

/**
 * The packet as it must arrive: all but TTL and header checksum, which a hop changes, and the UDP
 * checksum, which the sender's capture shows before the card has computed it.
 */
export function unchanging(packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt8(0, 8);
  copy.writeUInt16BE(0, 10);
  payloadOf(copy).writeUInt16BE(0, 6);
  return copy;
}

export const isHeaderSumRight = (packet: Buffer): boolean =>
  onesSum(packet.subarray(0, packet.length - payloadOf(packet).length)) === 0xffff;

/** RFC 768: over a pseudo header of addresses, protocol and length. 0 would be "no checksum". */
export function isUdpSumRight(packet: Buffer): boolean {
  const udp = payloadOf(packet);
  const pseudo = Buffer.alloc(12);
  packet.copy(pseudo, 0, 12, 20);
  pseudo.writeUInt8(protocolUdp, 9);
  pseudo.writeUInt16BE(udp.length, 10);
  return udp.readUInt16BE(6) !== 0 && onesSum(pseudo, udp) === 0xffff;
}

/** RFC 1071. */
function onesSum(...parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) sum += part.readUInt16BE(i);
    if (part.length % 2 === 1) sum += part.readUInt8(part.length - 1) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}
