/**
 * Frames of the link protocol as hexadecimal text. Origin: written by hand from the drawing in
 * `src/wire/frame.ts`; they freeze frame version 1.
 */
import type { frameType } from "../../src/wire/frame.ts";

type FrameVector = {
  readonly hex: string;
  readonly type: keyof typeof frameType;
  readonly flags?: number;
  readonly flowId?: number;
  readonly site?: number;
  readonly sequence?: number;
};

/** What the vector `hello` says. */
export const helloOfVector = {
  kind: "eavesdropper",
  fabric: "example",
  name: "berlin/eth0.100",
  incarnation: 0x1_8000_0001,
} as const;

/** One frame of each type. */
export const frames: Readonly<Record<keyof typeof frameType, FrameVector>> = {
  hello: {
    type: "hello",
    hex: `00000068 01 01 0000 00000000 00000000 0000000000000000
      46435354 01 01 03 0f 0000000180000001 a14e3d2a 00000000
      6265726c696e2f657468302e313030 ${"00".repeat(65)}`,
  },
  data: {
    type: "data",
    flowId: 0x0102_0304,
    site: 0xa1b2_c3d4,
    sequence: Number.MAX_SAFE_INTEGER,
    hex: "00000002 01 02 0000 01020304 a1b2c3d4 001fffffffffffff 4500",
  },
  ping: {
    type: "ping",
    sequence: 1_500_000,
    hex: "00000000 01 03 0000 00000000 00000000 000000000016e360",
  },
  pong: {
    type: "pong",
    sequence: 0x1_0000_0000,
    hex: "00000000 01 04 0000 00000000 00000000 0000000100000000",
  },
  message: {
    type: "message",
    site: 0xffff_ffff,
    hex: "00000001 01 05 0000 00000000 ffffffff 0000000000000000 a0",
  },
  neighbour: {
    type: "neighbour",
    flags: 1,
    site: 1,
    hex: "00000006 01 06 0001 00000000 00000001 0000000000000000 6265726c696e",
  },
  bye: {
    type: "bye",
    hex: "00000006 01 07 0000 00000000 00000000 0000000000000000 73696c656e74",
  },
};

/** Headers and the fault they end in. */
export const frameFaults: readonly (readonly [hex: string, fault: string])[] = [
  ["00000000 00 02 0000 00000000 00000000 0000000000000000", "version"],
  ["00000000 02 02 0000 00000000 00000000 0000000000000000", "version"],
  ["00000000 01 00 0000 00000000 00000000 0000000000000000", "type"],
  ["00000000 01 08 0000 00000000 00000000 0000000000000000", "type"],
  ["00010001 01 02 0000 00000000 00000000 0000000000000000", "oversize"],
  ["ffffffff 01 01 0000 00000000 00000000 0000000000000000", "oversize"],
];
