import { expect, test } from "bun:test";
import { address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { lanMessages } from "../../src/role/lan-news.ts";
import { encodeMessage } from "../../src/wire/message.ts";
import { exclude, group, group6, include, own, own6, sender, ssm } from "../site/site.ts";

test("no news are no message, unless they begin anew", () => {
  expect(lanMessages({}, false)).toEqual([]);
  expect(lanMessages({}, true)).toEqual([
    { kind: "lan", full: true, wants: [], lapsed: [], senders: [], silent: [] },
  ]);
});

test("each list has its place", () => {
  const news = {
    wants: [exclude(group6), include(ssm, own)],
    lapsed: [group],
    senders: [sender(own6, group6)],
    silent: [{ source: own, group }],
  };
  expect(lanMessages(news, false)).toEqual([{ kind: "lan", full: false, ...news }]);
});

test("many come in messages that fit, the first of which begins anew", () => {
  const sources = Array.from({ length: 60 }, (_, i) => address(`2001:db8::${i}`));
  const wants = Array.from({ length: 400 }, (_, i) => include(address(`ff3e::${i}`), ...sources));
  const messages = lanMessages({ wants }, true);
  expect(messages.map(({ full }) => full)).toEqual(messages.map((_, i) => i === 0));
  expect(messages.flatMap((message) => message.wants)).toEqual(wants);
  for (const message of messages) {
    expect(encodeMessage(message).length).toBeLessThanOrEqual(limits.messageBytesMax);
  }
});
