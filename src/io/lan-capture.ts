/**
 * What an Eavesdropper hears on one LAN, by two packet sockets: one for IGMP, read as it comes, and
 * a TPACKET_V3 ring for the headers of multicast data, read some times a second without a system
 * call, so that counting senders costs next to nothing at any rate. Neither sees what this host
 * sends.
 */
import { type Pointer, toArrayBuffer } from "bun:ffi";
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
const ETH_P_IP = 0x0800;
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

/** cBPF on IPv4 packets, offsets from the network header: [code, jump true, jump false, k]. */
type Filter = readonly (readonly [number, number, number, number])[];
const loadByte = 0x30;
const loadWord = 0x20;
const and = 0x54;
const jumpEqual = 0x15;
const answer = 0x06;

const igmpOnly: Filter = [
  [loadByte, 0, 0, 9],
  [jumpEqual, 0, 1, 2],
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

export class IgmpSocket {
  readonly descriptor: number;
  readonly #packet = block(limits.packetBytesMax);

  /** Throws `SystemError`. */
  constructor(lan: string) {
    this.descriptor = openSocket(lan, igmpOnly);
    bindTo(this.descriptor, lan);
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

export class DataRing {
  /** Packets that the kernel could not put in the ring. */
  dropped = 0;
  readonly #socket: number;
  readonly #ring: DataView;
  readonly #statistics = block(12);
  readonly #statisticsLength = block(4);
  #next = 0;

  /** Throws `SystemError`. */
  constructor(lan: string) {
    this.#socket = openSocket(lan, dataHeaders);
    this.#ring = mapRing(this.#socket, lan);
    bindTo(this.#socket, lan);
  }

  /** Calls with source, group (IPv4 as numbers), the packet's whole length and its TTL for each. */
  read(onPacket: (source: number, group: number, bytes: number, ttl: number) => void): void {
    for (let turn = 0; turn < blocks; turn++) {
      const at = this.#next * blockBytes;
      if ((this.#ring.getUint32(at + statusAt, true) & userOwns) === 0) break;
      let packet = at + this.#ring.getUint32(at + firstPacketAt, true);
      for (let left = this.#ring.getUint32(at + packetsAt, true); left > 0; left--) {
        const network = packet + this.#ring.getUint16(packet + 26, true);
        onPacket(
          this.#ring.getUint32(network + 12),
          this.#ring.getUint32(network + 16),
          this.#ring.getUint32(packet + 16, true),
          this.#ring.getUint8(network + 8),
        );
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

function bindTo(socket: number, lan: string): void {
  const address = block(20);
  address.view.setUint16(0, AF_PACKET, true);
  address.view.setUint16(2, ETH_P_IP);
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
