import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromHex, toHex, writeU32 } from "../../src/base/bytes.ts";
import { limits } from "../../src/limits.ts";
import {
  frameFault,
  frameFlags,
  frameFlowId,
  frameHeaderBytes,
  framePayloadBytes,
  frameSequence,
  frameSite,
  frameType,
  frameTypeOf,
  writeDataHeader,
  writeFrameHeader,
} from "../../src/wire/frame.ts";
import { frameFaults, frames } from "../vector/frame.ts";

const seed = 0xf4a3e;

describe("the vectors", () => {
  test.each(Object.entries(frames))("%s is written and read byte by byte", (_, vector) => {
    const bytes = fromHex(vector.hex);
    const { flags = 0, flowId = 0, site = 0, sequence = 0 } = vector;
    expect(frameFault(bytes, 0)).toBeUndefined();
    expect(frameTypeOf(bytes, 0)).toBe(frameType[vector.type]);
    expect(framePayloadBytes(bytes, 0)).toBe(bytes.length - frameHeaderBytes);
    expect(frameFlags(bytes, 0)).toBe(flags);
    expect(frameFlowId(bytes, 0)).toBe(flowId);
    expect(frameSite(bytes, 0)).toBe(site);
    expect(frameSequence(bytes, 0)).toBe(sequence);
    const into = new Uint8Array(60).fill(0xa5);
    const payloadBytes = bytes.length - frameHeaderBytes;
    const type = frameType[vector.type];
    writeFrameHeader(into, 9, { type, payloadBytes, flags, flowId, site, sequence });
    expect(toHex(into.subarray(9, 33))).toBe(toHex(bytes.subarray(0, frameHeaderBytes)));
    expect([...into.subarray(0, 9), ...into.subarray(33)].every((b) => b === 0xa5)).toBe(true);
  });

  test.each(frameFaults.map(([hex, fault]) => ({ hex, fault })))("$hex: $fault", (vector) => {
    expect(frameFault(fromHex(vector.hex), 0) as unknown).toBe(vector.fault);
  });
});

test("every version and type by its name, at any place in the bytes", () => {
  const types = new Set<number>(Object.values(frameType));
  for (let value = 0; value < 256; value++) {
    const bytes = new Uint8Array(3 + frameHeaderBytes);
    writeFrameHeader(bytes, 3, { type: value, payloadBytes: 0 });
    expect(frameFault(bytes, 3)).toBe(types.has(value) ? undefined : "type");
    writeFrameHeader(bytes, 3, { type: frameType.data, payloadBytes: 0 });
    bytes[3 + 4] = value;
    expect(frameFault(bytes, 3)).toBe(value === 1 ? undefined : "version");
  }
});

test("a payload of the greatest length passes, one byte more does not", () => {
  const bytes = new Uint8Array(frameHeaderBytes);
  for (const type of Object.values(frameType)) {
    writeFrameHeader(bytes, 0, { type, payloadBytes: limits.framePayloadBytesMax });
    expect(frameFault(bytes, 0)).toBeUndefined();
    for (const payloadBytes of [limits.framePayloadBytesMax + 1, 0x8000_0000, 0xffff_ffff]) {
      writeU32(bytes, 0, payloadBytes);
      expect(frameFault(bytes, 0)).toBe("oversize");
    }
  }
});

test("both writers of data agree, and what is written is read", () => {
  const u32 = fc.nat({ max: 0xffff_ffff });
  fc.assert(
    fc.property(u32, u32, u32, fc.maxSafeNat(), (payloadBytes, flowId, site, sequence) => {
      const one = new Uint8Array(30).fill(0xa5);
      const two = new Uint8Array(30).fill(0xa5);
      writeFrameHeader(one, 2, { type: frameType.data, payloadBytes, flowId, site, sequence });
      writeDataHeader(two, 2, payloadBytes, flowId, site, sequence);
      expect(toHex(two)).toBe(toHex(one));
      expect(framePayloadBytes(one, 2)).toBe(payloadBytes);
      expect(frameFlowId(one, 2)).toBe(flowId);
      expect(frameSite(one, 2)).toBe(site);
      expect(frameSequence(one, 2)).toBe(sequence);
    }),
    { seed, numRuns: 500 },
  );
});
