import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { Decisions } from "../../src/site/decisions.ts";
import { group, group6, own, own2, own6, packet } from "./site.ts";

function counting() {
  const asked: string[] = [];
  const decisions = new Decisions(({ source, group: to }) => asked.push(`${source} ${to}`));
  return { asked, decisions };
}

test("a channel is asked for once, until cleared", () => {
  const { asked, decisions } = counting();
  const packets = [packet(own, group), packet(own6, group6), packet(own2, group)];
  const decided = packets.map((bytes) => decisions.of(bytes, 0));
  expect(decided).toEqual([1, 2, 3]);
  expect(packets.map((bytes) => decisions.of(bytes, 0))).toEqual(decided);
  expect(asked).toEqual([`${own} ${group}`, `${own6} ${group6}`, `${own2} ${group}`]);
  decisions.clear();
  expect(packets.map((bytes) => decisions.of(bytes, 0))).toEqual([4, 5, 6]);
});

test("more channels than the tables hold are asked for again, and judged right", () => {
  const decisions = new Decisions(({ source }) => Number.parseInt(source.slice(-4), 16));
  for (let i = 0x1000; i < 0x8000; i++) {
    const bytes = packet(address(`fd00:1::${i.toString(16)}`), group6, 0);
    expect(decisions.of(bytes, 0)).toBe(i);
  }
});
