import { expect, test } from "bun:test";
import { ParcelPool } from "../../src/lab/parcels.ts";

test("a block holds a copy, and is used again for one of its size", () => {
  const pool = new ParcelPool();
  const packet = new Uint8Array(100).fill(7);
  const block = pool.copyOf(packet, 60);
  packet.fill(9);
  expect(block?.memory.subarray(0, 61)).toEqual(new Uint8Array([...Array(60).fill(7), 0]));
  if (block) pool.release(block);
  const large = pool.copyOf(new Uint8Array(60_000), 60_000);
  expect(large).not.toBe(block);
  expect(pool.copyOf(packet, 100)).toBe(block);
});

test("memory for waiting packets is bounded", () => {
  const pool = new ParcelPool(3 * 2_048);
  const packet = new Uint8Array(10);
  const blocks = [1, 2, 3].map(() => pool.copyOf(packet, 10));
  expect(blocks.every((block) => block !== undefined)).toBe(true);
  expect(pool.copyOf(packet, 10)).toBeUndefined();
  if (blocks[0]) pool.release(blocks[0]);
  expect(pool.copyOf(packet, 10)).toBe(blocks[0] as NonNullable<(typeof blocks)[0]>);
});
