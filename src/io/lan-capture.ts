/**
 * What an Eavesdropper hears on one LAN, by two packet sockets for each IP family: one for reports
 * and queries (IGMP, MLD), read as they come, and a TPACKET_V3 ring for the headers of multicast
 * data, read some times a second without a system call, so that counting senders costs next to
 * nothing at any rate. Neither sees what this host sends.
 */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import type { Family } from "../base/address.ts";
import { limits } from "../limits.ts";
import { block, libc, setNumberOption, setOption } from "./libc.ts";
import { dataHeaders, dataHeaders6, type Filter, igmpOnly, mldOnly } from "./packet-filter.ts";
import {
  bindTo,
  heard,
  openPacketSocket,
  SOCK_DGRAM,
  SOL_PACKET,
  takeRingDrops,
} from "./packet-socket.ts";

const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const ipv4HeaderBytesMin = 20;
const ipv6HeaderBytes = 40;

/** What a family's sockets take of its packets. */
const filters: Readonly<Record<Family, { readonly membership: Filter; readonly data: Filter }>> = {
  4: { membership: igmpOnly, data: dataHeaders(ipv4HeaderBytesMin) },
  6: { membership: mldOnly, data: dataHeaders6(ipv6HeaderBytes) },
};

/** Reports and queries of one family. */
export class MembershipSocket {
  readonly descriptor: number;
  readonly #packet = block(limits.packetBytesMax);

  /** Throws `SystemError`. */
  constructor(lan: string, family: Family) {
    this.descriptor = openPacketSocket(lan, SOCK_DGRAM, filters[family].membership);
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
  #next = 0;

  /** Throws `SystemError`. */
  constructor(lan: string, family: Family) {
    this.#socket = openPacketSocket(lan, SOCK_DGRAM, filters[family].data);
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
    this.dropped += takeRingDrops(this.#socket);
  }

  close(): void {
    libc().close(this.#socket);
  }
}

function mapRing(socket: number, lan: string): DataView {
  heard(setNumberOption(socket, SOL_PACKET, PACKET_VERSION, TPACKET_V3), lan);
  const request = block(28);
  const fields = [blockBytes, blocks, 2048, (blockBytes / 2048) * blocks, retireMs, 0, 0];
  for (const [i, field] of fields.entries()) request.view.setUint32(4 * i, field, true);
  heard(setOption(socket, SOL_PACKET, PACKET_RX_RING, request), lan);
  const length = blockBytes * blocks;
  const pointer = Number(libc().mmap(0, length, PROT_READ_WRITE, MAP_SHARED, socket, 0));
  heard(pointer > 0 && pointer < 2 ** 53 ? 0 : -1, lan);
  return new DataView(toArrayBuffer(pointer as Pointer, 0, length));
}
