import { describe, expect, test } from "bun:test";
import { fromHex, readU16, writeU16 } from "../../src/base/bytes.ts";
import { writeChecksum } from "../../src/base/checksum.ts";
import { ipv4Fault, ipv4Identification, ipv4TotalBytes, ipv4Ttl } from "../../src/wire/ipv4.ts";
import { udpBytes, udpChecksumIsRight, udpFault, udpSourcePort } from "../../src/wire/udp.ts";
import { datagramsPerTrainMax, trainLength, writeTrainDatagram } from "../../src/wire/udp-train.ts";
import { partialUdpHex } from "../vector/ipv4.ts";

const into = 66_000;

/** A train from the vector's header, options included, its payload counting up. */
function train(payloadBytes: number, optionWords = 0, identification = 0x5641): Uint8Array {
  const headerBytes = 20 + 4 * optionWords;
  const bytes = new Uint8Array(2 * into).fill(0xa5);
  const vector = fromHex(partialUdpHex);
  bytes.set(vector.subarray(0, 20));
  bytes.fill(1, 20, headerBytes); // no operation
  bytes.set(vector.subarray(20, 28), headerBytes);
  bytes[0] = 0x40 | (headerBytes / 4);
  writeU16(bytes, 2, headerBytes + 8 + payloadBytes);
  writeU16(bytes, 4, identification);
  writeU16(bytes, headerBytes + 4, 8 + payloadBytes);
  writeChecksum(bytes, 10, 0, headerBytes);
  for (let i = 0; i < payloadBytes; i++) bytes[headerBytes + 8 + i] = i * 7 + (i >> 8);
  return bytes;
}

const payloadOf = (bytes: Uint8Array, at: number, headerBytes: number): Uint8Array =>
  bytes.slice(at + headerBytes, at + ipv4TotalBytes(bytes, at));

describe("a train is cut into the datagrams that were sent", () => {
  test.each([
    ["5,000 bytes of 1,000", 5_000, 1_000, 0],
    ["the last one shorter", 5_001, 1_000, 0],
    ["of one byte each", 100, 1, 0],
    ["odd lengths", 3_333, 1_111, 0],
    ["with options", 4_000, 1_400, 2],
    ["as long as IP can say", 65_507, 1_472, 0],
    ["a single one", 999, 1_000, 0],
  ])("%s", (_title, payloadBytes, segmentBytes, optionWords) => {
    const bytes = train(payloadBytes, optionWords);
    const headerBytes = 28 + 4 * optionWords;
    const sent = payloadOf(bytes, 0, headerBytes);
    const count = trainLength(bytes, 0, segmentBytes);
    expect(count).toBe(Math.ceil(payloadBytes / segmentBytes));
    const received: number[] = [];
    for (let index = 0; index < count; index++) {
      bytes.fill(0xa5, into, into + 2_000);
      const length = writeTrainDatagram(bytes, 0, segmentBytes, index, into);
      const end = into + length;
      const udp = into + headerBytes - 8;
      expect(ipv4Fault(bytes, into, end)).toBeUndefined();
      expect(udpFault(bytes, udp, end)).toBeUndefined();
      expect(ipv4TotalBytes(bytes, into)).toBe(length);
      expect(udpBytes(bytes, udp)).toBe(end - udp);
      expect(udpSourcePort(bytes, udp)).toBe(5000);
      expect(udpChecksumIsRight(bytes, into)).toBe(true);
      expect(readU16(bytes, udp + 6)).not.toBe(0);
      expect(ipv4Ttl(bytes, into)).toBe(ipv4Ttl(bytes, 0));
      expect(ipv4Identification(bytes, into)).toBe(0x5641 + index);
      expect(bytes[end]).toBe(0xa5);
      received.push(...payloadOf(bytes, into, headerBytes));
    }
    expect(received).toEqual([...sent]);
  });

  test("identifications wrap around", () => {
    const bytes = train(3_000, 0, 0xffff);
    const found = [0, 1, 2].map((index) => {
      writeTrainDatagram(bytes, 0, 1_000, index, into);
      return ipv4Identification(bytes, into);
    });
    expect(found).toEqual([0xffff, 0, 1]);
  });

  test("a train without checksum gives datagrams without", () => {
    const bytes = train(3_000);
    writeU16(bytes, 26, 0);
    writeTrainDatagram(bytes, 0, 1_000, 1, into);
    expect(readU16(bytes, into + 26)).toBe(0);
  });
});

describe("what is no train", () => {
  const lengthOf = (change: (bytes: Uint8Array) => void, segmentBytes = 1_000): number => {
    const bytes = train(3_000);
    change(bytes);
    return trainLength(bytes, 0, segmentBytes);
  };
  test.each([
    ["another protocol", (bytes: Uint8Array) => bytes.fill(6, 9, 10)],
    ["a first fragment", (bytes: Uint8Array) => bytes.fill(0x20, 6, 7)],
    ["a later fragment", (bytes: Uint8Array) => bytes.fill(1, 7, 8)],
    ["no payload", (bytes: Uint8Array) => writeU16(bytes, 2, 28)],
    ["shorter than its headers", (bytes: Uint8Array) => writeU16(bytes, 2, 20)],
  ])("%s", (_title, change) => expect(lengthOf(change)).toBe(0));

  test("segments of no byte, and more datagrams than a kernel makes", () => {
    const none = (): undefined => undefined;
    expect(lengthOf(none, 0)).toBe(0);
    expect(lengthOf(none, Math.ceil(3_000 / datagramsPerTrainMax))).toBe(125);
    expect(lengthOf(none, Math.floor(3_000 / (datagramsPerTrainMax + 1)))).toBe(0);
  });
});
