import { describe, expect, test } from "bun:test";
import { toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { Outbox } from "../../src/flow/outbox.ts";
import { limits } from "../../src/limits.ts";
import { frameType } from "../../src/wire/frame.ts";
import { cut, dataFrame, frame, joined } from "./frames.ts";

/** A socket that keeps what it takes. */
class Wire {
  readonly #parts: Uint8Array[] = [];

  /** A writer that takes `bytesMax` in all, then nothing. */
  taking(bytesMax: number) {
    let left = bytesMax;
    return (memory: Uint8Array, offset: number, length: number): number => {
      const taken = Math.min(left, length);
      this.#parts.push(memory.slice(offset, offset + taken));
      left -= taken;
      return taken;
    };
  }

  get bytes(): Uint8Array {
    return joined(this.#parts);
  }
}

const control = (sequence: number, payloadBytes = 0): Uint8Array =>
  frame({ type: frameType.message, payloadBytes, sequence });
const pushData = (outbox: Outbox, bytes: Uint8Array): number =>
  outbox.pushData(bytes, 0, bytes.length);
const pushControl = (outbox: Outbox, bytes: Uint8Array): boolean =>
  outbox.pushControl(bytes, 0, bytes.length);
const everything = Number.POSITIVE_INFINITY;

describe("a short write", () => {
  const data = [dataFrame(1, 1, 1, 10), dataFrame(1, 1, 2, 0), dataFrame(2, 1, 3, 33)];
  const run = joined(data);

  test("at every byte offset cuts no frame, and control goes at the next border", () => {
    for (let taken = 0; taken <= run.length; taken++) {
      const [outbox, wire] = [new Outbox(4_096), new Wire()];
      pushData(outbox, run);
      outbox.drain(wire.taking(taken));
      pushControl(outbox, control(7, 5));
      outbox.drain(wire.taking(everything));
      let border = 0;
      let before = 0;
      while (border < taken) border += data[before++]?.length ?? 0;
      const frames = [...data.slice(0, before), control(7, 5), ...data.slice(before)];
      expect(cut(wire.bytes)).toEqual(frames.map(toHex));
      expect(outbox.empty).toBe(true);
    }
  });

  test("in the middle of a control frame lets no data in", () => {
    for (let taken = 1; taken < 29; taken++) {
      const [outbox, wire] = [new Outbox(4_096), new Wire()];
      pushControl(outbox, control(1, 5));
      outbox.drain(wire.taking(taken));
      pushData(outbox, run);
      pushControl(outbox, control(2));
      outbox.drain(wire.taking(everything));
      expect(cut(wire.bytes)).toEqual([control(1, 5), control(2), ...data].map(toHex));
    }
  });

  test("frames that wait are those of which no byte has left", () => {
    for (let taken = 0; taken <= run.length; taken++) {
      const outbox = new Outbox(4_096);
      pushData(outbox, run);
      outbox.drain(new Wire().taking(taken));
      const started = [0, 34, 58].filter((from) => taken > from).length;
      expect(outbox.waitingDataFrames).toBe(3 - started);
    }
  });
});

test("a writer is offered at most writeBytesMax, and nothing once it took less", () => {
  const outbox = new Outbox();
  for (let i = 0; i < 100; i++) pushData(outbox, dataFrame(1, 1, i, 1_400));
  const offers: number[] = [];
  outbox.drain((_, __, length) => {
    offers.push(length);
    return offers.length === 3 ? length - 1 : length;
  });
  expect(Math.max(...offers)).toBeLessThanOrEqual(limits.writeBytesMax);
  expect(offers.length).toBe(3);
});

describe("a full ring", () => {
  const run = joined(Array.from({ length: 10 }, (_, i) => dataFrame(1, 1, i, 6)));

  test("takes whole frames from the front, at every capacity", () => {
    for (let capacity = 1; capacity <= run.length + 1; capacity++) {
      const [outbox, wire] = [new Outbox(capacity), new Wire()];
      const stopped = pushData(outbox, run);
      const kept = Math.min(10, Math.floor(capacity / 30));
      expect(stopped).toBe(kept * 30);
      expect(outbox.dataBytes).toBe(kept * 30);
      expect(outbox.waitingDataFrames).toBe(kept);
      outbox.drain(wire.taking(everything));
      expect(cut(wire.bytes)).toEqual(cut(run, 0, stopped));
    }
  });

  test("keeps what stands: the newest frames are the ones that do not fit", () => {
    const [outbox, wire] = [new Outbox(100), new Wire()];
    expect(outbox.pushData(run, 0, 90)).toBe(90);
    expect(outbox.pushData(run, 90, 150)).toBe(90);
    outbox.drain(wire.taking(35));
    expect(outbox.pushData(run, 90, 150)).toBe(120);
    outbox.drain(wire.taking(everything));
    expect(cut(wire.bytes)).toEqual(cut(run, 0, 120));
  });

  test("of control takes no part of a frame and says so", () => {
    const outbox = new Outbox(100);
    const large = control(1, limits.framePayloadBytesMax);
    const fit = Math.floor(limits.linkControlBytes / large.length);
    for (let i = 0; i < fit; i++) expect(pushControl(outbox, large)).toBe(true);
    expect(pushControl(outbox, large)).toBe(false);
    const wire = new Wire();
    outbox.drain(wire.taking(everything));
    expect(cut(wire.bytes).length).toBe(fit);
  });
});

test.each(Array.from({ length: 200 }, (_, i) => i))("any pushes and writes, seed %d", (seed) => {
  const prng = new Prng(seed);
  const [outbox, wire] = [new Outbox(prng.pick([80, 300, 2_000])), new Wire()];
  const accepted = { data: [] as string[], control: [] as string[] };
  for (let step = 0; step < 300; step++) {
    if (prng.below(3) === 0) {
      outbox.drain(wire.taking(prng.below(prng.pick([5, 60, 1_000]))));
    } else if (prng.below(4) === 0) {
      const one = control(step, prng.below(40));
      if (pushControl(outbox, one)) accepted.control.push(toHex(one));
    } else {
      const count = 1 + prng.below(4);
      const frames = Array.from({ length: count }, () => dataFrame(1, 1, step, prng.below(60)));
      const run = joined(frames);
      accepted.data.push(...cut(run, 0, pushData(outbox, run)));
    }
  }
  outbox.drain(wire.taking(everything));
  const left = cut(wire.bytes);
  const isData = (hex: string): boolean => hex.slice(10, 12) === "02";
  expect(left.filter(isData)).toEqual(accepted.data);
  expect(left.filter((hex) => !isData(hex))).toEqual(accepted.control);
  expect([outbox.empty, outbox.waitingDataFrames]).toEqual([true, 0]);
});
