/**
 * Trains: what a sender gave its kernel as several UDP datagrams (`UDP_SEGMENT`) and the kernel
 * leaves to a network card to cut, one IPv4 packet as long as all of them. Here it is cut as Linux
 * cuts it: each datagram gets the headers of the train with its own lengths, checksums, and
 * identification, which counts up from the train's.
 *
 *     | IP | UDP | segment 0 | segment 1 | … | rest |
 *     | IP | UDP | segment 0 |   | IP | UDP | segment 1 |   …   | IP | UDP | rest |
 */
import {
  ipv4HeaderBytes,
  ipv4Identification,
  ipv4MoreFragments,
  ipv4FragmentOffsetBytes,
  ipv4Protocol,
  ipv4TotalBytes,
  protocolUdp,
  resizeIpv4,
} from "./ipv4.ts";
import { resizeUdp, udpHeaderBytes } from "./udp.ts";

/** UDP_MAX_SEGMENTS of Linux 6.9; older kernels allow half of it. */
export const datagramsPerTrainMax = 128;

/**
 * How many datagrams the packet at `at`, sound by `ipv4Fault`, is a train of; 0 when it cannot be
 * one, or is longer than a kernel makes them.
 */
export function trainLength(bytes: Uint8Array, at: number, segmentBytes: number): number {
  const payloadBytes = ipv4TotalBytes(bytes, at) - trainHeaderBytes(bytes, at);
  const isFragment = ipv4MoreFragments(bytes, at) || ipv4FragmentOffsetBytes(bytes, at) > 0;
  if (ipv4Protocol(bytes, at) !== protocolUdp || isFragment) return 0;
  if (segmentBytes < 1 || payloadBytes < 1) return 0;
  const count = Math.ceil(payloadBytes / segmentBytes);
  return count > datagramsPerTrainMax ? 0 : count;
}

/**
 * Writes datagram `index` (of `trainLength`) of the train at `at` to `into`, elsewhere in the same
 * bytes, and answers its length. A train without checksum gives datagrams without.
 */
export function writeTrainDatagram(
  bytes: Uint8Array,
  at: number,
  segmentBytes: number,
  index: number,
  into: number,
): number {
  const headerBytes = trainHeaderBytes(bytes, at);
  const end = at + ipv4TotalBytes(bytes, at);
  const segment = at + headerBytes + index * segmentBytes;
  const segmentEnd = Math.min(segment + segmentBytes, end);
  const totalBytes = headerBytes + segmentEnd - segment;
  bytes.copyWithin(into, at, at + headerBytes);
  bytes.copyWithin(into + headerBytes, segment, segmentEnd);
  resizeIpv4(bytes, into, totalBytes, (ipv4Identification(bytes, at) + index) & 0xffff);
  resizeUdp(bytes, into, totalBytes - ipv4HeaderBytes(bytes, into));
  return totalBytes;
}

/** Of IP and UDP together. */
const trainHeaderBytes = (bytes: Uint8Array, at: number): number =>
  ipv4HeaderBytes(bytes, at) + udpHeaderBytes;
