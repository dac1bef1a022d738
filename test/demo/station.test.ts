import { expect, test } from "bun:test";
import { Station } from "../../src/demo/station.ts";
import type { LabFault } from "../../src/lab/fault.ts";

type Line = { readonly n: number };

function station(script: string) {
  const lost = Promise.withResolvers<LabFault>();
  const argv = [process.execPath, "-e", script];
  return { station: new Station<Line>("it", argv, lost.resolve), lost: lost.promise };
}

const untilInterrupted = `
  process.on("SIGINT", () => { console.log('{"n":2}'); process.exit(0); });
  setInterval(() => undefined, 1000);
  console.log('{"n":1}');
  console.error("joined 233.252.0.1 on eth0");`;

test("says its word, and answers its last line when it is stopped", async () => {
  const { station: it } = station(untilInterrupted);
  await it.said("joined 233.252.0.1");
  expect(await it.stop()).toEqual({ n: 2 });
});

test("an end that nobody asked for is told, with what it said", async () => {
  const { station: it, lost } = station('console.error("no such interface"); process.exit(3);');
  await expect(it.said("joined")).rejects.toThrow(
    "it ended by itself, status 3:\n  no such interface",
  );
  expect((await lost).message).toContain("no such interface");
});

test("an end without a report is a fault", async () => {
  const { station: it } = station(untilInterrupted.replaceAll("console.log", "void "));
  await it.said("joined");
  await expect(it.stop()).rejects.toThrow("it ended without a report");
});

test("it can be killed", async () => {
  const { station: it } = station(untilInterrupted);
  await it.kill();
});
