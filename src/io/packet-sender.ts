/**
 * Puts multicast packets of one IP family on a LAN as they are: an AF_PACKET socket writes
 * link-layer frames from the interface's own MAC to the group's MAC, many packets per system call.
 * What cannot leave is counted: `tooLong` for the LAN's MTU, `refused` for a full queue or a LAN
 * that is down.
 */
import type { Pointer } from "bun:ffi";
import { ptr } from "bun:ffi";
import type { Family } from "../base/address.ts";
import { limits } from "../limits.ts";
import { ipv4Destination, multicastMac } from "../wire/ipv4.ts";
import { ipv6DestinationWord, ipv6MulticastMac } from "../wire/ipv6.ts";
import {
  block,
  EMSGSIZE,
  errno,
  interfaceIndex,
  libc,
  must,
  needs,
  setNumberOption,
  writePointer,
} from "./libc.ts";

const AF_PACKET = 17;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000 | 0o2000000;
const etherTypes: Readonly<Record<Family, number>> = { 4: 0x0800, 6: 0x86dd };
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const sendBufferBytes = 8 * 1024 * 1024;
const messageHeaderBytes = 64;
const ioVectorBytes = 16;
const addressBytes = 20;

export class PacketSender {
  readonly lan: string;
  readonly #family: Family;
  readonly counters = { packets: 0, bytes: 0, tooLong: 0, refused: 0 };
  readonly #socket: number;
  readonly #batch = limits.packetsPerTurnMax;
  readonly #headers = block(messageHeaderBytes * this.#batch);
  readonly #vectors = block(ioVectorBytes * this.#batch);
  readonly #addresses = block(addressBytes * this.#batch);
  #count = 0;
  #bytes: Uint8Array | undefined;
  #base = 0;

  /** Opens the socket. Throws `SystemError`. */
  constructor(lan: string, family: Family) {
    this.lan = lan;
    this.#family = family;
    const index = interfaceIndex(lan);
    this.#socket = must(
      libc().socket(AF_PACKET, SOCK_DGRAM_NONBLOCK, 0),
      `cannot open a packet socket for ${lan}`,
      needs("CAP_NET_RAW"),
    );
    setNumberOption(this.#socket, SOL_SOCKET, SO_SNDBUFFORCE, sendBufferBytes);
    this.#layOut(index);
  }

  /**
   * Queues the packet at `bytes[from, from + length)`; the bytes must stand until `flush`. All
   * packets between two flushes lie in the same memory.
   */
  push(bytes: Uint8Array, from: number, length: number): void {
    if (this.#bytes !== bytes) {
      this.flush();
      this.#bytes = bytes;
      this.#base = ptr(bytes) as number;
    }
    const i = this.#count++;
    writePointer(this.#vectors.view, ioVectorBytes * i, this.#base + from);
    this.#vectors.view.setUint32(ioVectorBytes * i + 8, length, true);
    const mac = addressBytes * i + 12;
    if (this.#family === 4) multicastMac(ipv4Destination(bytes, from), this.#addresses.bytes, mac);
    else ipv6MulticastMac(ipv6DestinationWord(bytes, from, 3), this.#addresses.bytes, mac);
    if (this.#count === this.#batch) this.flush();
  }

  /** Sends what is queued. */
  flush(): void {
    let sent = 0;
    while (sent < this.#count) {
      const headers = (this.#headers.pointer as number) + messageHeaderBytes * sent;
      const taken = libc().sendmmsg(this.#socket, headers as Pointer, this.#count - sent, 0);
      if (taken > 0) {
        this.#sent(sent, taken);
        sent += taken;
      } else {
        if (errno() === EMSGSIZE) this.counters.tooLong++;
        else this.counters.refused++;
        sent++;
      }
    }
    this.#count = 0;
    this.#bytes = undefined;
  }

  close(): void {
    libc().close(this.#socket);
  }

  #sent(from: number, count: number): void {
    this.counters.packets += count;
    for (let i = from; i < from + count; i++) {
      this.counters.bytes += this.#vectors.view.getUint32(ioVectorBytes * i + 8, true);
    }
  }

  /** Message headers, vectors and addresses point at one another once and for all. */
  #layOut(index: number): void {
    for (let i = 0; i < this.#batch; i++) {
      const at = messageHeaderBytes * i;
      const address = (this.#addresses.pointer as number) + addressBytes * i;
      const vector = (this.#vectors.pointer as number) + ioVectorBytes * i;
      writePointer(this.#headers.view, at, address);
      this.#headers.view.setUint32(at + 8, addressBytes, true);
      writePointer(this.#headers.view, at + 16, vector);
      this.#headers.view.setUint32(at + 24, 1, true);
      const link = addressBytes * i;
      this.#addresses.view.setUint16(link, AF_PACKET, true);
      this.#addresses.view.setUint16(link + 2, etherTypes[this.#family]);
      this.#addresses.view.setInt32(link + 4, index, true);
      this.#addresses.bytes[link + 11] = 6;
    }
  }
}
