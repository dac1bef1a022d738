/** A running capture of one interface: tcpdump into a file that can be read meanwhile. */
import { existsSync } from "node:fs";
import { type Frame, readFrames } from "./pcap.ts";
import type { Program } from "./rig.ts";

/** tcpdump that writes every frame at once. */
export class Capture {
  readonly #program: Program;
  readonly #file: string;

  constructor(program: Program, file: string) {
    this.#program = program;
    this.#file = file;
  }

  frames(): Frame[] {
    return existsSync(this.#file) ? readFrames(this.#file) : [];
  }

  /** Ends it; fails when it has missed something, so that what it lacks was not there. */
  async stop(): Promise<Frame[]> {
    const { err } = await this.#program.end();
    if (!err.includes("\n0 packets dropped by kernel")) throw new Error(`tcpdump: ${err}`);
    return this.frames();
  }
}
