/**
 * The table of a learning Ethernet switch (IEEE 802.1D §7.8): which port a station was last heard
 * on. Addresses are numbers below 2^48. It never expires an address: stations of a lab stay where
 * they are, and one that moved is learnt again with its next frame.
 */
import { readU16, readU32 } from "../base/bytes.ts";

/** Stations beyond this are not learnt; frames for them go to all ports. */
const stationsMax = 8_192;

export const ethernetHeaderBytes = 14;

/** Every port but the one it came from. */
export const allPorts = -1;

export class SwitchTable {
  readonly #ports = new Map<number, number>();

  /** Learns the source of a frame that starts at `at`, and answers the port of its destination. */
  portFor(bytes: Uint8Array, at: number, from: number): number {
    const source = macAt(bytes, at + 6);
    if (
      this.#ports.get(source) !== from &&
      (this.#ports.size < stationsMax || this.#ports.has(source))
    ) {
      this.#ports.set(source, from);
    }
    const isToGroup = ((bytes[at] ?? 0) & 1) === 1;
    return isToGroup ? allPorts : (this.#ports.get(macAt(bytes, at)) ?? allPorts);
  }
}

const macAt = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 2);
