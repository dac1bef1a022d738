/**
 * What an Eavesdropper hears on one LAN, by two packet sockets for each IP family: one for reports
 * and queries (IGMP, MLD), read as they come, and a TPACKET_V3 ring for the headers of multicast
 * data, read some times a second without a system call, so that counting senders costs next to
 * nothing at any rate. Neither sees what this host sends.
 */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import type { Family } from "../base/address.ts";
import { limits } from "../limits.ts";
import {
  type Block,
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

const AF_PACKET = 17;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000 | 0o2000000;
const etherTypes: Readonly<Record<Family, number>> = { 4: 0x0800, 6: 0x86dd };
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_ALLMULTI = 2;
const TPACKET_V3 = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const ipv4HeaderBytesMin = 20;
const ipv6HeaderBytes = 40;

/** cBPF on IP packets, offsets from the network header: [code, jump true, jump false, k]. */
type Filter = readonly (readonly [number, number, number, number])[];
const loadByte = 0x30;
const loadHalf = 0x28;
const loadWord = 0x20;
/** At the offset that `toIndex` kept, plus k. */
const loadByteIndexed = 0x50;
const toIndex = 0x07;
const add = 0x04;
const shiftLeft = 0x64;
const and = 0x54;
const jumpEqual = 0x15;
const jumpGreater = 0x25;
const jumpGreaterOrEqual = 0x35;
const answer = 0x06;

const igmpOnly: Filter = [
  [loadByte, 0, 0, 9],
  [jumpEqual, 0, 1, 2],
  [answer, 0, 0, 0xffff],
  [answer, 0, 0, 0],
];

/** ICMPv6 of MLD and router discovery, which always follows a hop-by-hop header. */
const mldOnly: Filter = [
  [loadByte, 0, 0, 6],
  [jumpEqual, 0, 13, 0],
  [loadByte, 0, 0, 40],
  [jumpEqual, 0, 11, 58],
  [loadByte, 0, 0, 41],
  [shiftLeft, 0, 0, 3],
  [add, 0, 0, 48],
  [toIndex, 0, 0, 0],
  [loadByteIndexed, 0, 0, 0],
  [jumpEqual, 4, 0, 143],
  [jumpGreaterOrEqual, 0, 4, 130],
  [jumpGreater, 0, 2, 132],
  [jumpGreaterOrEqual, 0, 2, 151],
  [jumpGreater, 1, 0, 153],
  [answer, 0, 0, 0xffff],
  [answer, 0, 0, 0],
];

/** Multicast beyond 224.0.0.0/24 that is not IGMP; the header is enough. */
const dataHeaders: Filter = [
  [loadByte, 0, 0, 9],
  [jumpEqual, 6, 0, 2],
  [loadWord, 0, 0, 16],
  [and, 0, 0, 0xffff_ff00],
  [jumpEqual, 3, 0, 0xe000_0000],
  [and, 0, 0, 0xf000_0000],
  [jumpEqual, 0, 1, 0xe000_0000],
  [answer, 0, 0, ipv4HeaderBytesMin],
  [answer, 0, 0, 0],
];

/** The same of IPv6: beyond the link by its group's scope and by its source, so never MLD. */
const dataHeaders6: Filter = [
  [loadByte, 0, 0, 24],
  [jumpEqual, 0, 7, 0xff],
  [loadByte, 0, 0, 25],
  [and, 0, 0, 0x0f],
  [jumpGreaterOrEqual, 0, 4, 3],
  [loadHalf, 0, 0, 8],
  [and, 0, 0, 0xffc0],
  [jumpEqual, 1, 0, 0xfe80],
  [answer, 0, 0, ipv6HeaderBytes],
  [answer, 0, 0, 0],
];

const filters: Readonly<Record<Family, { readonly membership: Filter; readonly data: Filter }>> = {
  4: { membership: igmpOnly, data: dataHeaders },
  6: { membership: mldOnly, data: dataHeaders6 },
};

/** Reports and queries of one family. */
export class MembershipSocket {
  readonly descriptor: number;
  readonly #packet = block(limits.packetBytesMax);

  /** Throws `SystemError`. */
  constructor(lan: string, family: Family) {
    this.descriptor = openSocket(lan, filters[family].membership);
    bindTo(this.descriptor, lan, family);
  }

  /** Calls with `bytes[0, length)` for each packet that is there, at most `packetsPerTurnMax`. */
  read(onPacket: (bytes: Uint8Array, length: number) => void): void {
    const { bytes, pointer } = this.#packet;
    for (let i = 0; i < limits.packetsPerTurnMax; i++) {
      const length = Number(libc().recv(this.descriptor, pointer as number, bytes.length, 0));
      if (length <= 0) return;
      onPacket(bytes, length);
    }
  }

  close(): void {
    libc().close(this.descriptor);
  }
}

const blockBytes = 64 * 1024;
const blocks = 16;
const retireMs = 50;
const statusAt = 8;
const packetsAt = 12;
const firstPacketAt = 16;
const userOwns = 1;

/** The header at `at` in the ring, of a packet that has `bytes` in all. */
export type OnHeader = (ring: DataView, at: number, bytes: number) => void;

/** Reads the headers of an IPv4 ring; addresses are 32-bit numbers. */
export const ipv4Headers =
  (onPacket: (source: number, group: number, bytes: number, ttl: number) => void): OnHeader =>
  (ring, at, bytes) =>
    onPacket(ring.getUint32(at + 12), ring.getUint32(at + 16), bytes, ring.getUint8(at + 8));

/** The words of source and group, until the next header is read. */
const channel = new Uint32Array(8);

/** Reads the headers of an IPv6 ring; the channel is borrowed until the call returns. */
export const ipv6Headers =
  (onPacket: (channel: Uint32Array, bytes: number, hopLimit: number) => void): OnHeader =>
  (ring, at, bytes) => {
    for (let word = 0; word < 8; word++) channel[word] = ring.getUint32(at + 8 + 4 * word);
    onPacket(channel, bytes, ring.getUint8(at + 7));
  };

export class DataRing {
  /** Packets that the kernel could not put in the ring. */
  dropped = 0;
  readonly #socket: number;
  readonly #ring: DataView;
  readonly #statistics = block(12);
  readonly #statisticsLength = block(4);
  #next = 0;

  /** Throws `SystemError`. */
  constructor(lan: string, family: Family) {
    this.#socket = openSocket(lan, filters[family].data);
    this.#ring = mapRing(this.#socket, lan);
    bindTo(this.#socket, lan, family);
  }

  /** Calls for each packet that came since the last call. */
  read(onHeader: OnHeader): void {
    for (let turn = 0; turn < blocks; turn++) {
      const at = this.#next * blockBytes;
      if ((this.#ring.getUint32(at + statusAt, true) & userOwns) === 0) break;
      let packet = at + this.#ring.getUint32(at + firstPacketAt, true);
      for (let left = this.#ring.getUint32(at + packetsAt, true); left > 0; left--) {
        const network = packet + this.#ring.getUint16(packet + 26, true);
        onHeader(this.#ring, network, this.#ring.getUint32(packet + 16, true));
        packet += this.#ring.getUint32(packet, true);
      }
      this.#ring.setUint32(at + statusAt, 0, true);
      this.#next = (this.#next + 1) % blocks;
    }
    this.#countDrops();
  }

  close(): void {
    libc().close(this.#socket);
  }

  #countDrops(): void {
    this.#statisticsLength.view.setUint32(0, 12, true);
    const { pointer } = this.#statistics;
    const length = this.#statisticsLength.pointer;
    // Reading the statistics also sets them to zero.
    if (libc().getsockopt(this.#socket, SOL_PACKET, PACKET_STATISTICS, pointer, length) === 0) {
      this.dropped += this.#statistics.view.getUint32(4, true);
    }
  }
}

function openSocket(lan: string, filter: Filter): number {
  // Protocol 0: nothing comes in before the filter stands and the socket is bound.
  const socket = must(
    libc().socket(AF_PACKET, SOCK_DGRAM_NONBLOCK, 0),
    `cannot listen on ${lan}`,
    needs("CAP_NET_RAW"),
  );
  attach(socket, filter, lan);
  setNumberOption(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  const membership = block(16);
  membership.view.setInt32(0, interfaceIndex(lan), true);
  membership.view.setUint16(4, PACKET_MR_ALLMULTI, true);
  check(setOption(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership), lan);
  return socket;
}

const attached: Block[] = [];

function attach(socket: number, filter: Filter, lan: string): void {
  const program = block(8 * filter.length);
  for (const [i, [code, jumpTrue, jumpFalse, k]] of filter.entries()) {
    program.view.setUint16(8 * i, code, true);
    program.bytes[8 * i + 2] = jumpTrue;
    program.bytes[8 * i + 3] = jumpFalse;
    program.view.setUint32(8 * i + 4, k, true);
  }
  const request = block(16);
  request.view.setUint16(0, filter.length, true);
  request.view.setBigUint64(8, BigInt(program.pointer), true);
  check(setOption(socket, SOL_SOCKET, SO_ATTACH_FILTER, request), lan);
  attached.push(program);
}

function bindTo(socket: number, lan: string, family: Family): void {
  const address = block(20);
  address.view.setUint16(0, AF_PACKET, true);
  address.view.setUint16(2, etherTypes[family]);
  address.view.setInt32(4, interfaceIndex(lan), true);
  check(libc().bind(socket, address.pointer, 20), lan);
}

function mapRing(socket: number, lan: string): DataView {
  check(setNumberOption(socket, SOL_PACKET, PACKET_VERSION, TPACKET_V3), lan);
  const request = block(28);
  const fields = [blockBytes, blocks, 2048, (blockBytes / 2048) * blocks, retireMs, 0, 0];
  for (const [i, field] of fields.entries()) request.view.setUint32(4 * i, field, true);
  check(setOption(socket, SOL_PACKET, PACKET_RX_RING, request), lan);
  const length = blockBytes * blocks;
  const pointer = Number(libc().mmap(0, length, PROT_READ_WRITE, MAP_SHARED, socket, 0));
  check(pointer > 0 && pointer < 2 ** 53 ? 0 : -1, lan);
  return new DataView(toArrayBuffer(pointer as Pointer, 0, length));
}

function check(result: number, lan: string): void {
  if (result >= 0) return;
  const code = errnoName(errno());
  throw new SystemError(`cannot listen on ${lan}`, code, needs("CAP_NET_RAW")(code));
}
