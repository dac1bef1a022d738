import { expect, test } from "bun:test";
import { type Address, ipv4Address } from "../../src/base/address.ts";
import { lanMessages } from "../../src/lan/news.ts";
import { limits } from "../../src/limits.ts";
import { encodeMessage } from "../../src/wire/message.ts";

const groups = (count: number): Address[] =>
  Array.from({ length: count }, (_, i) => ipv4Address(0xefc0_0000 + i));

test("nothing to tell is no message, unless it is a new beginning", () => {
  expect([...lanMessages({}, false)]).toEqual([]);
  const empty = { kind: "lan", full: true, wants: [], lapsed: [], senders: [], silent: [] };
  expect([...lanMessages({}, true)]).toEqual([empty as never]);
});

test("everything is told once, in messages that fit, the first of which begins anew", () => {
  const source = ipv4Address(0x0a01_000b);
  const news = {
    wants: groups(2_000).map((group) => ({ group, mode: "exclude" as const, sources: [] })),
    lapsed: groups(500),
    senders: groups(2_000).map((group) => ({
      source,
      group,
      packetsPerSecond: 1.25,
      bitsPerSecond: 10_000,
    })),
    silent: groups(300).map((group) => ({ source, group })),
  };
  const messages = [...lanMessages(news, true)];
  expect(messages.length).toBeGreaterThan(3);
  expect(messages.map(({ full }) => full)).toEqual(messages.map((_, i) => i === 0));
  for (const message of messages) {
    expect(encodeMessage(message).length).toBeLessThan(limits.messageBytesMax);
  }
  expect(messages.flatMap(({ wants }) => wants)).toEqual(news.wants);
  expect(messages.flatMap(({ lapsed }) => lapsed)).toEqual(news.lapsed);
  expect(messages.flatMap(({ senders }) => senders)).toEqual(news.senders);
  expect(messages.flatMap(({ silent }) => silent)).toEqual(news.silent);
});
