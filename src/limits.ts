/**
 * Every bound and timing default of FastCast. Units and kinds come last in a name: `…Ms`,
 * `…Bytes`, `…Max`. What a bound refuses is counted where it is refused. The relations below the
 * table hold at load, so a change that breaks one never starts.
 */
import { assert } from "./base/assert.ts";

export const limits = {
  // The LAN: IGMP (RFC 9776 §8) and the tables of one Eavesdropper.
  robustness: 2,
  queryIntervalMs: 125_000,
  queryResponseIntervalMs: 10_000,
  lastMemberQueryIntervalMs: 1_000,
  /** Our own changes of membership are repeated within this time (RFC 9776 §8.11). */
  unsolicitedReportIntervalMs: 1_000,
  startupQueryResponseMs: 1_000,
  /**
   * What we adopt of another querier's values: a query is easily forged, and these say how long a
   * member stays after it fell silent, and how long we stay silent ourselves.
   */
  adoptedRobustnessMax: 4,
  adoptedQueryIntervalMsMax: 600_000,
  adoptedQueryResponseMsMax: 60_000,
  /** How long a member stays that nobody asks, on a LAN without a querier. */
  unrefreshedMs: 86_400_000,
  groupsPerLanMax: 4_096,
  sourcesPerGroupMax: 64,
  reportersPerGroupMax: 64,
  recordsPerReportMax: 1_024,
  sourcesPerReporterMax: 8,
  sendersPerLanMax: 4_096,
  /** PIM's keep-alive value (RFC 7761 §4.11). */
  senderSilenceMs: 210_000,
  senderRateWindowMs: 10_000,
  effectsMax: 16_384,
  /** Multicast router discovery (RFC 4286 §3.1). */
  advertisementIntervalMs: 20_000,
  advertisementIntervalMsMin: 4_000,
  advertisementIntervalMsMax: 180_000,
  initialAdvertisementIntervalMs: 2_000,
  initialAdvertisementsMax: 3,
  /** How often findings on the LAN are drawn from the evidence, and how long they outlast it. */
  findingsIntervalMs: 5_000,
  findingHoldMs: 300_000,
  queriersPerLanMax: 16,
  leavesWatchedMax: 256,
  /** More records in one second than this are a storm. */
  stormRecordsMax: 10_000,

  // The site.
  /** How long a role waits at its start for interfaces that come late. */
  interfaceWaitMs: 10_000,
  lansPerSiteMax: 30,
  prefixesPerSiteMax: 256,
  /** Prefixes of other sites on the tunnel of `routed-external`. */
  tunnelPrefixesMax: 1_024,
  eavesdroppersPerSiteMax: 32,
  /** An Eavesdropper that went away keeps its members this long. */
  eavesdropperAbsenceMs: 270_000,
  /** After its start a Gateway does not yet say that a group has no member. */
  settlingMs: 12_000,
  /** A group that lost its last member, or its sender, is withdrawn after this hold. */
  withdrawHoldMs: 500,
  /** A group that flaps: how far its hold grows, how often it changes, when it is calm again. */
  withdrawHoldMsMax: 8_000,
  flapChangesPerSecondMax: 5,
  flapMemoryMs: 60_000,
  flappingGroupsMax: 8_192,
  rowIntervalMs: 20,
  groupsPerSiteMax: 8_192,
  channelsPerSiteMax: 8_192,
  policyRulesMax: 256,
  /** What a rate limit lets pass at once, as time at that rate. */
  rateBurstMs: 200,
  /** What the ingress holds while the Manager has not yet named a flow. */
  ingressHoldBytes: 8 * 1024 * 1024,
  ingressHoldMs: 3_000,

  // Packets and frames. A packet is at most what the 16-bit length of IP can say.
  packetBytesMax: 65_535,
  framePayloadBytesMax: 65_536,
  frameBatchBytes: 512 * 1024,
  packetsPerTurnMax: 256,

  // Links between Routers.
  linksMax: 1_024,
  pendingLinksMax: 100,
  handshakeMs: 5_000,
  heartbeatIntervalMs: 500,
  linkSilenceMs: 2_000,
  redialMinMs: 200,
  redialMaxMs: 5_000,
  linkQueueBytes: 8 * 1024 * 1024,
  linkControlBytes: 1024 * 1024,
  /** What messages that can wait leave free in the control lane. */
  linkControlReserveBytes: 256 * 1024,
  writeBytesMax: 64 * 1024,
  unsentBytesMax: 128 * 1024,
  entriesMax: 65_536,
  childrenPerEntryMax: 1_024,

  // Rows and messages between sites.
  sitesMax: 4_096,
  rowBytesMax: 60 * 1024,
  messageBytesMax: 64 * 1024,
  messageItemsMax: 16_384,
  messageDepthMax: 8,
  gossipIntervalMs: 2_000,
  rowRefreshMs: 20_000,
  rowExpiryMs: 90_000,
  siteNameBytesMax: 64,

  // The Manager.
  planHoldMs: 20,
  pollIntervalMs: 500,
  /** Failed polls in a row after which a role counts as gone. */
  pollFailuresMax: 2,
  requestTimeoutMs: 3_000,
  drainMs: 2_000,
  /** How long a new flow waits for links of its tree before it does without them. */
  linkWaitMs: 2_000,
  applicationsMax: 1_024,

  // Control endpoints.
  bodyBytesMax: 1024 * 1024,
  longPollMs: 25_000,
} as const;

assert(limits.robustness >= 1, "RFC 9776 §8.1: robustness must not be 0");
assert(limits.queryResponseIntervalMs < limits.queryIntervalMs, "RFC 9776 §8.3");
assert(limits.robustness <= limits.adoptedRobustnessMax, "our own robustness may be adopted");
assert(limits.queryIntervalMs <= limits.adoptedQueryIntervalMsMax, "our own interval too");
assert(limits.queryResponseIntervalMs <= limits.adoptedQueryResponseMsMax, "our own response too");
assert(
  limits.adoptedQueryResponseMsMax < limits.queryIntervalMs,
  "an adopted response time is below an interval that the query did not say",
);
assert(
  limits.adoptedRobustnessMax * limits.adoptedQueryIntervalMsMax +
    2 * limits.adoptedQueryResponseMsMax <
    limits.unrefreshedMs,
  "a query never keeps members longer than no query does",
);
assert(
  limits.advertisementIntervalMsMin <= limits.advertisementIntervalMs &&
    limits.advertisementIntervalMs <= limits.advertisementIntervalMsMax,
  "RFC 4286 §3.1.1",
);
assert(
  limits.initialAdvertisementIntervalMs < limits.advertisementIntervalMsMin,
  "a solicited advertisement is sooner than a periodic one",
);
assert(limits.findingsIntervalMs < limits.findingHoldMs, "a finding outlasts one look");
assert(limits.withdrawHoldMs < limits.withdrawHoldMsMax, "the hold of a flapping group grows");
assert(limits.withdrawHoldMsMax < limits.flapMemoryMs, "a hold ends before it is forgotten");
assert(limits.flapChangesPerSecondMax > 2, "a flapping group may change once and back at once");
assert(
  (limits.groupsPerSiteMax & (limits.groupsPerSiteMax - 1)) === 0,
  "tables of groups have a power of two of slots",
);
assert(limits.heartbeatIntervalMs * 4 <= limits.linkSilenceMs, "four heartbeats before silence");
assert(limits.redialMinMs < limits.redialMaxMs, "redial times out of order");
assert(limits.packetBytesMax <= limits.framePayloadBytesMax, "a packet must fit a frame");
assert(limits.frameBatchBytes >= 2 * limits.framePayloadBytesMax, "a batch holds two frames");
assert(limits.linkQueueBytes >= 2 * limits.frameBatchBytes, "a queue holds two batches");
assert(
  limits.linkControlReserveBytes >= 2 * limits.messageBytesMax &&
    limits.linkControlReserveBytes <= limits.linkControlBytes / 2,
  "the reserve takes a message, and leaves room for others",
);
assert(limits.linkControlBytes >= 4 * limits.framePayloadBytesMax, "control lane: four messages");
assert(limits.linkWaitMs < limits.ingressHoldMs, "the ingress holds until links were waited for");
assert(limits.rowBytesMax < limits.messageBytesMax, "a row must fit a message");
assert(limits.rowRefreshMs * 3 <= limits.rowExpiryMs, "a row survives two lost refreshes");
