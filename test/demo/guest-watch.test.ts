import { expect, test } from "bun:test";
import { GuestWatch } from "../../src/demo/guest-watch.ts";
import { report } from "./observed.ts";

test("frames before the join, and the time of the last one after the leave", () => {
  const watch = new GuestWatch();
  watch.onFrames(0, 100);
  watch.onJoin();
  expect(watch.hasFrames).toBe(false);
  watch.onFrames(50, 1_000);
  expect(watch.hasFrames).toBe(true);
  expect(watch.hasLeft).toBe(false);
  watch.onLeave(2_000, 1_700_000_000_000);
  watch.onFrames(90, 3_900);
  watch.onFrames(90, 4_000);
  watch.report = report();
  expect(watch.hasLeft).toBe(true);
  expect(watch.observed(5_000)).toEqual({
    report: report(),
    framesBefore: 0,
    leftAtMs: 1_700_000_000_000,
    stoppedAfterMs: 1_900,
    stopSeen: true,
  });
});

test("frames that come before the join stay seen", () => {
  const watch = new GuestWatch();
  watch.onFrames(3, 100);
  watch.onJoin();
  watch.onFrames(9, 200);
  expect(watch.framesBefore).toBe(3);
});

test("frames until the stream ends, and none after the leave", () => {
  const watch = new GuestWatch();
  watch.onLeave(2_000, 1);
  expect(watch.observed(5_000).stoppedAfterMs).toBe(0);
  watch.onFrames(1, 4_900);
  expect(watch.observed(5_000).stopSeen).toBe(false);
});
