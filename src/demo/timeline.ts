/**
 * What happens in the demo besides the stream, and when. Pure. All events lie before a tail that is
 * long enough to see that a site which was left by its last member gets nothing any more.
 */
export type EventName = "join" | "kill" | "restart" | "leave";

export type DemoEvent = {
  readonly name: EventName;
  /** After the start of the stream; an event may be late, never early. */
  readonly atMs: number;
  readonly title: string;
  /** What the viewer sees while it is the latest event. */
  readonly words: string;
};

export const durationSecondsMin = 5;

/** IGMP's leave time with our querier (RFC 9776 §8.8, twice a second), and how long after it. */
export const leaveMs = 2_000;
export const stopMsMax = leaveMs + 1_000;
export const firstPacketMsMax = 1_000;

/** The stream goes on so long after the leave, to show that its end is not the reason. */
export const tailMs = stopMsMax + 400;

/** What is shown before the first event. */
export const opening = {
  title: "site1/host1 sends, site2/host1 and site3/host1 receive",
  words: "site2 and site3 receive; site4 has no member and must get nothing",
} as const;

const shares: Readonly<Record<EventName, number>> = {
  join: 0.25,
  kill: 0.45,
  restart: 0.75,
  leave: 1,
};

const titles: Readonly<Record<EventName, string>> = {
  join: "site4/host1 joins",
  kill: "the Manager is killed (kill -9)",
  restart: "the Manager is started again",
  leave: "site4/host1 leaves",
};

const words: Readonly<Record<EventName, string>> = {
  join: "site4/host1 joins: its packets must come at once, and to the others none twice",
  kill: "the Manager is killed (kill -9): packets must flow on without it",
  restart: "the Manager is started again: that must cost no packet and double none",
  leave: "site4/host1 leaves: soon its site must get nothing any more",
};

/** The events in their order. */
export const timelineOf = (durationMs: number): readonly DemoEvent[] =>
  (Object.keys(shares) as EventName[]).map((name) => ({
    name,
    atMs: Math.round((durationMs - tailMs) * shares[name]),
    title: titles[name],
    words: words[name],
  }));
