import * as v from "valibot";
import { type Address, isMulticast, parseAddress } from "../base/address.ts";
import { limits } from "../limits.ts";

const site = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.siteNameBytesMax));
const flow = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_ffff));
const address = v.pipe(
  v.string(),
  v.check((text) => parseAddress(text) === text, "must be an IP address"),
  v.transform((text) => text as Address),
);
const group = v.pipe(
  address,
  v.check((text) => isMulticast(text), "must be a multicast group"),
);

/** The number and the name of the Manager's term. */
const Epoch = v.strictObject({
  term: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  manager: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
});

const Entry = v.strictObject({
  flow,
  ingress: site,
  parent: v.optional(site),
  children: v.pipe(v.array(site), v.maxLength(limits.childrenPerEntryMax)),
  local: v.boolean(),
});

/** `POST /v1/entries`. */
export const EntryChangeBody = v.strictObject({
  epoch: Epoch,
  install: v.pipe(v.array(Entry), v.maxLength(limits.entriesMax)),
  remove: v.pipe(v.array(flow), v.maxLength(limits.entriesMax)),
});
export type EntryChangeBody = v.InferOutput<typeof EntryChangeBody>;

const source = v.pipe(
  address,
  v.check((text) => !isMulticast(text), "must be no multicast group"),
);
const Channel = v.strictObject({ group, source: v.optional(source) });

/** `PUT /v1/flows`. */
export const FlowsBody = v.strictObject({
  epoch: Epoch,
  flows: v.pipe(
    v.array(
      v.strictObject({
        flow,
        channels: v.pipe(v.array(Channel), v.maxLength(limits.channelsPerSiteMax)),
      }),
    ),
    v.maxLength(limits.channelsPerSiteMax),
  ),
});
export type FlowsBody = v.InferOutput<typeof FlowsBody>;
