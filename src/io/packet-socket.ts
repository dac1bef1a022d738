/** Packet sockets that listen on one LAN: opened deaf, so that nothing passes the filter by. */
import type { Family } from "../base/address.ts";
import type { Filter } from "./packet-filter.ts";
import {
  block,
  errno,
  errnoName,
  interfaceIndex,
  libc,
  must,
  needs,
  setNumberOption,
  setOption,
  SystemError,
} from "./libc.ts";

export const SOL_PACKET = 263;
export const SOCK_RAW = 3;
export const SOCK_DGRAM = 2;

const AF_PACKET = 17;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const etherTypes: Readonly<Record<Family, number>> = { 4: 0x0800, 6: 0x86dd };
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_ALLMULTI = 2;
/** BPF_MAXINSNS. */
const instructionsMax = 4_096;
const instructionBytes = 8;

/**
 * Opens a socket for packets of a LAN that other hosts send, link headers with `SOCK_RAW`. It
 * hears nothing until `bindTo`. Throws `SystemError`.
 */
export function openPacketSocket(
  lan: string,
  kind: typeof SOCK_RAW | typeof SOCK_DGRAM,
  filter: Filter,
): number {
  const socket = must(
    libc().socket(AF_PACKET, kind | SOCK_NONBLOCK_CLOEXEC, 0),
    `cannot listen on ${lan}`,
    needs("CAP_NET_RAW"),
  );
  attachFilter(socket, filter, lan);
  setNumberOption(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  const membership = block(16);
  membership.view.setInt32(0, interfaceIndex(lan), true);
  membership.view.setUint16(4, PACKET_MR_ALLMULTI, true);
  heard(setOption(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership), lan);
  return socket;
}

// For the life of the process: memory that only a pointer names may be collected before the call.
const program = block(instructionBytes * instructionsMax);
const request = block(16);

/** Puts a filter in the place of the one that stands; no packet passes by neither. */
export function attachFilter(socket: number, filter: Filter, lan: string): void {
  for (const [i, [code, jumpTrue, jumpFalse, k]] of filter.entries()) {
    const at = instructionBytes * i;
    program.view.setUint16(at, code, true);
    program.bytes[at + 2] = jumpTrue;
    program.bytes[at + 3] = jumpFalse;
    program.view.setUint32(at + 4, k, true);
  }
  request.view.setUint16(0, filter.length, true);
  request.view.setBigUint64(8, BigInt(program.pointer), true);
  heard(setOption(socket, SOL_SOCKET, SO_ATTACH_FILTER, request), lan);
}

/** From now on packets of one IP family come in. */
export function bindTo(socket: number, lan: string, family: Family): void {
  const address = block(20);
  address.view.setUint16(0, AF_PACKET, true);
  address.view.setUint16(2, etherTypes[family]);
  address.view.setInt32(4, interfaceIndex(lan), true);
  heard(libc().bind(socket, address.pointer, 20), lan);
}

const statistics = block(12);
const statisticsBytes = block(4);

/** Packets that found the socket's ring full since the last call. */
export function takeRingDrops(socket: number): number {
  statisticsBytes.view.setUint32(0, statistics.bytes.length, true);
  const { pointer } = statistics;
  // Reading the statistics also sets them to zero.
  const length = statisticsBytes.pointer;
  const answered = libc().getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, pointer, length);
  return answered === 0 ? statistics.view.getUint32(4, true) : 0;
}

const error = block(4);
const errorBytes = block(4);

/**
 * A LAN that went down leaves an error, by which the socket is readable until somebody asks. When
 * the LAN is up again, packets come by themselves.
 */
export function forgetError(socket: number): void {
  errorBytes.view.setUint32(0, error.bytes.length, true);
  libc().getsockopt(socket, SOL_SOCKET, SO_ERROR, error.pointer, errorBytes.pointer);
}

/** Throws a `SystemError` when a call answered -1. */
export function heard(result: number, lan: string): void {
  if (result >= 0) return;
  const code = errnoName(errno());
  throw new SystemError(`cannot listen on ${lan}`, code, needs("CAP_NET_RAW")(code));
}
