import { describe, expect, test } from "bun:test";
import { toHex } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { Framer } from "../../src/flow/framer.ts";
import { limits } from "../../src/limits.ts";
import { frameType } from "../../src/wire/frame.ts";
import { dataFrame, frame, Frames, joined, randomFrames } from "./frames.ts";

const ping = frame({ type: frameType.ping, payloadBytes: 0, sequence: 9 });
const message = frame({ type: frameType.message, payloadBytes: 5, site: 7 });
const mixed = [
  dataFrame(1, 1, 1),
  dataFrame(2, 1, 2, 0),
  ping,
  message,
  dataFrame(1, 1, 3, 30),
  ping,
  dataFrame(1, 1, 4, 1),
];
const hexOf = (frames: readonly Uint8Array[]): string[] => frames.map(toHex);

/** Chunks live only until `read` returns: afterwards they are overwritten. */
function read(framer: Framer, bytes: Uint8Array, sink: Frames) {
  const chunk = bytes.slice();
  const fault = framer.read(chunk, sink);
  chunk.fill(0xa5);
  return fault;
}

describe("the same frames come out", () => {
  const stream = joined(mixed);

  test("of one chunk, data frames in runs", () => {
    const sink = new Frames();
    expect(read(new Framer(), stream, sink)).toBeUndefined();
    expect(sink.all).toEqual(hexOf(mixed));
    expect(sink.calls).toEqual([2, 0, 0, 1, 0, 1]);
  });

  test("split in two and in three at every byte offset", () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const [framer, sink] = [new Framer(), new Frames()];
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, stream.length],
        ] as const) {
          expect(read(framer, stream.subarray(from, to), sink)).toBeUndefined();
        }
        expect(sink.all).toEqual(hexOf(mixed));
      }
    }
  });

  test("byte by byte, each as soon as it is whole", () => {
    const [framer, sink] = [new Framer(), new Frames()];
    let whole = 0;
    let end = mixed[0]?.length ?? 0;
    for (let at = 0; at < stream.length; at++) {
      expect(read(framer, stream.subarray(at, at + 1), sink)).toBeUndefined();
      if (at + 1 === end) end += mixed[++whole]?.length ?? 0;
      expect(sink.all.length).toBe(whole);
    }
    expect(sink.all).toEqual(hexOf(mixed));
  });

  test.each(Array.from({ length: 100 }, (_, i) => i))("at random chunkings, seed %d", (seed) => {
    const prng = new Prng(seed);
    const frames = randomFrames(prng, 60, prng.pick([4, 100, 3_000]));
    const bytes = joined(frames);
    const [framer, sink] = [new Framer(), new Frames()];
    const chunkMax = prng.pick([2, 30, 400, 10_000]);
    for (let at = 0; at < bytes.length;) {
      const to = Math.min(bytes.length, at + prng.below(chunkMax + 1));
      expect(read(framer, bytes.subarray(at, to), sink)).toBeUndefined();
      at = to;
    }
    expect(sink.all).toEqual(hexOf(frames));
  });

  test("of the greatest payload, whole and in pieces", () => {
    const large = dataFrame(1, 1, 1, limits.framePayloadBytesMax);
    const stream = joined([large, ping, large]);
    for (const chunkBytes of [1_000, 65_536, 65_561, stream.length]) {
      const [framer, sink] = [new Framer(), new Frames()];
      for (let at = 0; at < stream.length; at += chunkBytes) {
        expect(read(framer, stream.subarray(at, at + chunkBytes), sink)).toBeUndefined();
      }
      expect(sink.all).toEqual(hexOf([large, ping, large]));
    }
  });
});

describe("a fault behind good frames", () => {
  const faulty = {
    version: frame({ type: frameType.data, payloadBytes: 0 }).with(4, 9),
    type: frame({ type: 99, payloadBytes: 0 }),
    oversize: frame({ type: frameType.data, payloadBytes: 0 }).with(1, 2),
  };

  test.each(Object.entries(faulty))(
    "%s, split anywhere: the frames before it came",
    (fault, bad) => {
      const good = [dataFrame(1, 1, 1), ping, dataFrame(1, 1, 2)];
      const stream = joined([...good, bad, ping]);
      for (let at = 0; at <= stream.length - ping.length; at++) {
        const [framer, sink] = [new Framer(), new Frames()];
        const first = read(framer, stream.subarray(0, at), sink);
        const found = first ?? read(framer, stream.subarray(at), sink);
        expect(found as unknown).toBe(fault);
        expect(sink.all).toEqual(hexOf(good));
      }
    },
  );

  test("is not seen before its header is whole", () => {
    const [framer, sink] = [new Framer(), new Frames()];
    expect(read(framer, faulty.version.subarray(0, 23), sink)).toBeUndefined();
    expect(read(framer, faulty.version.subarray(23), sink)).toBe("version");
    expect(sink.all).toEqual([]);
  });
});
