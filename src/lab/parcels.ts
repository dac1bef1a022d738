/**
 * Memory for packets that wait: blocks of two sizes, reused, their pointers computed once because
 * each lives over an ArrayBuffer of its own and never moves: a small typed array may move.
 */
import { type Pointer, ptr } from "bun:ffi";
import { packetBufferBytes } from "./packet-port.ts";
import type { Parcel } from "./wan.ts";

/** Room for an Ethernet frame of 1500 bytes with its header. */
const smallBytes = 2_048;
const poolBytesMax = 512 * 1024 * 1024;

export class PacketBlock implements Parcel {
  to = 0;
  dueMs = 0;
  next: this | undefined = undefined;
  bytes = 0;
  readonly memory: Uint8Array;
  readonly pointer: Pointer;

  constructor(capacityBytes: number) {
    this.memory = new Uint8Array(new ArrayBuffer(capacityBytes));
    this.pointer = ptr(this.memory);
  }
}

export class ParcelPool {
  readonly #small: PacketBlock[] = [];
  readonly #large: PacketBlock[] = [];
  readonly #bytesMax: number;
  #madeBytes = 0;

  constructor(bytesMax = poolBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** A block with a copy of `from[0, bytes)`; undefined when the memory for waiting is used up. */
  copyOf(from: Uint8Array, bytes: number): PacketBlock | undefined {
    const isSmall = bytes <= smallBytes;
    const block = (isSmall ? this.#small : this.#large).pop() ?? this.#make(isSmall);
    if (!block) return undefined;
    block.memory.set(from.subarray(0, bytes));
    block.bytes = bytes;
    return block;
  }

  release(block: PacketBlock): void {
    (block.memory.length === smallBytes ? this.#small : this.#large).push(block);
  }

  #make(isSmall: boolean): PacketBlock | undefined {
    const bytes = isSmall ? smallBytes : packetBufferBytes;
    if (this.#madeBytes + bytes > this.#bytesMax) return undefined;
    this.#madeBytes += bytes;
    return new PacketBlock(bytes);
  }
}
