/**
 * Cuts the bytes of one connection into frames. Whole frames are handed over where they lie in the
 * received chunk, data frames in runs; only a frame that spans chunks is copied, into one buffer
 * that the framer owns. What it hands over is borrowed until the call returns.
 */
import {
  type FrameFault,
  frameFault,
  frameHeaderBytes,
  framePayloadBytes,
  frameType,
  frameTypeOf,
} from "../wire/frame.ts";
import { limits } from "../limits.ts";

export interface FrameSink {
  /** `bytes[from, to)` holds one or more whole data frames. */
  onDataFrames(bytes: Uint8Array, from: number, to: number): void;
  /** The header of one frame of any other type lies at `from`. */
  onControlFrame(bytes: Uint8Array, from: number, to: number): void;
}

export class Framer {
  readonly #partial = new Uint8Array(frameHeaderBytes + limits.framePayloadBytesMax);
  #held = 0;

  /** Reads a whole chunk. A fault means the stream is lost: close the connection. */
  read(chunk: Uint8Array, sink: FrameSink): FrameFault | undefined {
    let at = 0;
    if (this.#held > 0) {
      at = this.#complete(chunk, sink);
      if (at < 0) return frameFault(this.#partial, 0);
    }
    let runFrom = at;
    while (chunk.length - at >= frameHeaderBytes) {
      const fault = frameFault(chunk, at);
      if (fault) {
        if (at > runFrom) sink.onDataFrames(chunk, runFrom, at);
        return fault;
      }
      const end = at + frameHeaderBytes + framePayloadBytes(chunk, at);
      if (end > chunk.length) break;
      if (frameTypeOf(chunk, at) !== frameType.data) {
        if (at > runFrom) sink.onDataFrames(chunk, runFrom, at);
        sink.onControlFrame(chunk, at, end);
        runFrom = end;
      }
      at = end;
    }
    if (at > runFrom) sink.onDataFrames(chunk, runFrom, at);
    this.#hold(chunk, at, chunk.length);
    return undefined;
  }

  /** Fills the partial frame from the chunk; answers where the chunk goes on, or -1 at a fault. */
  #complete(chunk: Uint8Array, sink: FrameSink): number {
    let at = 0;
    if (this.#held < frameHeaderBytes) {
      at = Math.min(frameHeaderBytes - this.#held, chunk.length);
      this.#hold(chunk, 0, at);
      if (this.#held < frameHeaderBytes) return at;
    }
    if (frameFault(this.#partial, 0)) return -1;
    const wanted = frameHeaderBytes + framePayloadBytes(this.#partial, 0) - this.#held;
    const taken = Math.min(wanted, chunk.length - at);
    this.#hold(chunk, at, at + taken);
    if (taken === wanted) {
      const whole = this.#held;
      this.#held = 0;
      if (frameTypeOf(this.#partial, 0) === frameType.data) {
        sink.onDataFrames(this.#partial, 0, whole);
      } else {
        sink.onControlFrame(this.#partial, 0, whole);
      }
    }
    return at + taken;
  }

  #hold(chunk: Uint8Array, from: number, to: number): void {
    if (to > from) this.#partial.set(chunk.subarray(from, to), this.#held);
    this.#held += to - from;
  }
}
