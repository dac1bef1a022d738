/**
 * What an Eavesdropper hears on one LAN, by two packet sockets: one for IGMP, read as it comes, and
 * a TPACKET_V3 ring for the headers of multicast data, read some times a second without a system
 * call, so that counting senders costs next to nothing at any rate. Neither sees what this host
 * sends.
 */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { limits } from "../limits.ts";
import { block, libc, setNumberOption, setOption } from "./libc.ts";
import { dataHeaders, igmpOnly } from "./packet-filter.ts";
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

export class IgmpSocket {
  readonly descriptor: number;
  readonly #packet = block(limits.packetBytesMax);

  /** Throws `SystemError`. */
  constructor(lan: string) {
    this.descriptor = openPacketSocket(lan, SOCK_DGRAM, igmpOnly);
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
  #next = 0;

  /** Throws `SystemError`. */
  constructor(lan: string) {
    this.#socket = openPacketSocket(lan, SOCK_DGRAM, dataHeaders(ipv4HeaderBytesMin));
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
