import { expect, test } from "bun:test";
import * as v from "valibot";
import { EntryChangeBody, FlowsBody } from "../../src/control/schema.ts";
import { limits } from "../../src/limits.ts";
import { epoch } from "./control.ts";

const entry = { flow: 1, ingress: "berlin", parent: "paris", children: ["rome"], local: true };
const change = { epoch, install: [entry], remove: [] };
const channel = { group: "239.192.0.1", source: "10.1.0.1" };
const flows = { epoch, flows: [{ flow: 0xffff_ffff, channels: [channel] }] };

test("sound bodies pass unchanged", () => {
  expect(v.parse(EntryChangeBody, change)).toEqual(change);
  expect<unknown>(v.parse(FlowsBody, flows)).toEqual(flows);
  expect(v.is(FlowsBody, { epoch, flows: [{ flow: 1, channels: [{ group: "ff1e::1" }] }] })).toBe(
    true,
  );
});

test.each([
  { ...change, epoch: { ...epoch, term: 0 } },
  { ...change, epoch: { ...epoch, term: 1.5 } },
  { ...change, epoch: { ...epoch, term: 2 ** 53 } },
  { ...change, epoch: { ...epoch, manager: "" } },
  { ...change, remove: [0] },
  { ...change, remove: [2 ** 32] },
  { ...change, install: [{ ...entry, flow: -1 }] },
  { ...change, install: [{ ...entry, ingress: "" }] },
  { ...change, install: [{ ...entry, ingress: "x".repeat(limits.siteNameBytesMax + 1) }] },
  { ...change, install: [{ ...entry, parent: null }] },
  { ...change, install: [{ ...entry, local: "yes" }] },
  { ...change, install: [{ ...entry, unknown: 1 }] },
  {
    ...change,
    install: [
      {
        ...entry,
        children: Array.from({ length: limits.childrenPerEntryMax + 1 }, (_, i) => `s${i}`),
      },
    ],
  },
])("%#: a change that is none", (body) => {
  expect(v.is(EntryChangeBody, body)).toBe(false);
});

test.each([
  { ...channel, group: "10.1.0.1" },
  { ...channel, group: "239.192.0.01" },
  { ...channel, group: "FF1E::1" },
  { ...channel, source: "10.1.0.256" },
  { ...channel, source: "239.192.0.1" },
  { ...channel, port: 5_000 },
  {},
])("%#: a channel that is none", (wrong) => {
  expect(v.is(FlowsBody, { epoch, flows: [{ flow: 1, channels: [wrong] }] })).toBe(false);
});
