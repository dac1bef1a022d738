import { describe, expect, test } from "bun:test";
import { fromHex, readU16, writeU16 } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { ipv4Fault } from "../../src/wire/ipv4.ts";
import {
  completePartialChecksum,
  udpBytes,
  udpChecksumIsRight,
  udpDestinationPort,
  udpFault,
  udpSourcePort,
} from "../../src/wire/udp.ts";
import { partialUdpChecksum, partialUdpHex } from "../vector/ipv4.ts";

const udpAt = 20;
const checksumAt = udpAt + 6;
const end = 36;

function completed(): Uint8Array {
  const bytes = fromHex(partialUdpHex);
  completePartialChecksum(bytes, udpAt, end);
  return bytes;
}

test("the accessors read the fields of the vector", () => {
  const bytes = fromHex(partialUdpHex);
  expect(ipv4Fault(bytes, 0, end)).toBeUndefined();
  expect(udpFault(bytes, udpAt, end)).toBeUndefined();
  expect(udpSourcePort(bytes, udpAt)).toBe(5000);
  expect(udpDestinationPort(bytes, udpAt)).toBe(6000);
  expect(udpBytes(bytes, udpAt)).toBe(16);
});

describe("udpFault", () => {
  test("short: fewer than 8 bytes", () => {
    const bytes = fromHex(partialUdpHex);
    for (let to = udpAt; to < udpAt + 8; to++) expect(udpFault(bytes, udpAt, to)).toBe("short");
  });

  test("length: below the header, or beyond the bytes", () => {
    for (const length of [0, 7, 17, 65_535]) {
      const bytes = fromHex(partialUdpHex);
      writeU16(bytes, udpAt + 4, length);
      expect(udpFault(bytes, udpAt, end)).toBe("length");
    }
  });

  test("a segment may be shorter than its packet's payload", () => {
    const bytes = fromHex(partialUdpHex);
    writeU16(bytes, udpAt + 4, 8);
    expect(udpFault(bytes, udpAt, end)).toBeUndefined();
  });
});

describe("completePartialChecksum", () => {
  test("makes what a network card would have made", () => {
    const bytes = fromHex(partialUdpHex);
    expect(udpChecksumIsRight(bytes, 0)).toBe(false);
    completePartialChecksum(bytes, udpAt, end);
    expect(readU16(bytes, checksumAt)).toBe(partialUdpChecksum);
    expect(udpChecksumIsRight(bytes, 0)).toBe(true);
  });

  test("touches nothing but the field", () => {
    const expected = fromHex(partialUdpHex);
    writeU16(expected, checksumAt, partialUdpChecksum);
    expect(completed()).toEqual(expected);
  });

  test("a sum that complements to 0 is sent as 0xffff (RFC 768)", () => {
    const bytes = fromHex(partialUdpHex);
    // The complete checksum joins the payload's last word, so that nothing is left to complement.
    const last = readU16(bytes, end - 2) + partialUdpChecksum;
    writeU16(bytes, end - 2, (last & 0xffff) + (last >>> 16));
    completePartialChecksum(bytes, udpAt, end);
    expect(readU16(bytes, checksumAt)).toBe(0xffff);
    expect(udpChecksumIsRight(bytes, 0)).toBe(true);
  });

  test("counts an odd last byte as a high half", () => {
    const bytes = fromHex(partialUdpHex);
    writeU16(bytes, udpAt + 4, 15);
    writeU16(bytes, checksumAt, readU16(bytes, checksumAt) - 1); // the pseudo-header has the length
    completePartialChecksum(bytes, udpAt, end - 1);
    expect(udpChecksumIsRight(bytes, 0)).toBe(true);
  });
});

describe("udpChecksumIsRight", () => {
  test("a field of 0 says that there is none", () => {
    const bytes = fromHex(partialUdpHex);
    writeU16(bytes, checksumAt, 0);
    expect(udpChecksumIsRight(bytes, 0)).toBe(true);
  });

  test("every single-bit flip of addresses, header and payload is found", () => {
    for (let bit = 12 * 8; bit < end * 8; bit++) {
      const bytes = completed();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (udpFault(bytes, udpAt, end) === undefined) {
        expect(udpChecksumIsRight(bytes, 0)).toBe(false);
      }
    }
  });

  test("random bytes never throw", () => {
    const prng = new Prng(0x0d9);
    for (let i = 0; i < 100_000; i++) {
      const bytes = completed();
      for (let n = prng.below(4) + 1; n > 0; n--) bytes[udpAt + prng.below(16)] = prng.below(256);
      if (udpFault(bytes, udpAt, udpAt + prng.below(17)) === undefined) {
        udpChecksumIsRight(bytes, 0);
      }
    }
  });
});
