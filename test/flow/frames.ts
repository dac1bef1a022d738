/** Frames for the tests of `flow/`, and a sink that keeps a copy of what a framer hands over. */
import { toHex } from "../../src/base/bytes.ts";
import type { Prng } from "../../src/base/prng.ts";
import type { FrameSink } from "../../src/flow/framer.ts";
import {
  type FrameHeader,
  frameHeaderBytes,
  framePayloadBytes,
  frameType,
  writeFrameHeader,
} from "../../src/wire/frame.ts";

/** A frame whose payload is filled with its own length, so that a shifted cut shows. */
export function frame(fields: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + fields.payloadBytes).fill(fields.payloadBytes);
  writeFrameHeader(bytes, 0, fields);
  return bytes;
}

export const dataFrame = (flowId: number, site: number, sequence: number, payloadBytes = 3) =>
  frame({ type: frameType.data, payloadBytes, flowId, site, sequence });

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function randomFrames(prng: Prng, count: number, payloadBytesMax: number): Uint8Array[] {
  return Array.from({ length: count }, (_, sequence) => {
    const type = prng.below(4) === 0 ? 2 + prng.below(6) : frameType.data;
    const payloadBytes = prng.below(3) === 0 ? 0 : prng.below(payloadBytesMax + 1);
    return frame({ type, payloadBytes, flowId: prng.below(3), site: prng.below(3), sequence });
  });
}

/** The whole frames in `bytes[from, to)`, as hexadecimal text. */
export function cut(bytes: Uint8Array, from = 0, to = bytes.length): string[] {
  const found: string[] = [];
  let at = from;
  while (at < to) {
    const end = at + frameHeaderBytes + framePayloadBytes(bytes, at);
    if (end > to) throw new Error(`frame cut at ${at}: ${end} is behind ${to}`);
    found.push(toHex(bytes.subarray(at, end)));
    at = end;
  }
  return found;
}

export class Frames implements FrameSink {
  readonly all: string[] = [];
  /** How many data frames each call brought, 0 for a control frame. */
  readonly calls: number[] = [];

  onDataFrames(bytes: Uint8Array, from: number, to: number): void {
    const run = cut(bytes, from, to);
    if (run.length === 0) throw new Error("a run of nothing");
    if (run.some((hex) => hex.slice(10, 12) !== "02")) throw new Error("no data frame");
    this.all.push(...run);
    this.calls.push(run.length);
  }

  onControlFrame(bytes: Uint8Array, from: number, to: number): void {
    const [one = "", ...more] = cut(bytes, from, to);
    if (more.length > 0 || one.slice(10, 12) === "02") throw new Error("no one control frame");
    this.all.push(one);
    this.calls.push(0);
  }
}
