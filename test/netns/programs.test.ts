/** Programs that know nothing of FastCast, with the commands that people use. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { figure, Lab, onRealKernels, type Program, testMs, until, whole } from "./rig.ts";

const source = "10.1.0.11";

onRealKernels("programs in two sites", ["iperf", "mgen"], () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.up("p", 3, "--hosts", "1");
  }, testMs);
  afterAll(async () => lab?.down());

  /** A program that has joined `group` in site 2, as site 1 knows. */
  const member = async (group: string, ...argv: readonly string[]): Promise<Program> => {
    const program = lab.start("site2/host1", ...argv);
    await lab.untilMembers("site1/edge", group, ["site2"]);
    return program;
  };

  test(
    "iperf: nothing lost, nothing out of order, the source is the sender's",
    async () => {
      const group = "239.10.1.1";
      const listen = ["-s", "-u", "-B", `${group}%eth0`, "-i", "1", "-e"];
      const server = await member(group, "iperf", ...listen);
      const stream = ["-u", "-T", "8", "-t", "2", "-b", "10M", "-l", "1316", "-B", source];
      await lab.output("site1/host1", "iperf", "-c", group, ...stream);
      const report = await finalReport(server);
      expect(server.out).toContain(`connected with ${source} port `);
      expect(report.lost).toBe(0);
      expect(report.total).toBeGreaterThan(1_800);
      expect(server.out).not.toContain("out-of-order");
      figure("iperf: lost of", `${report.lost}/${report.total}`);
    },
    testMs,
  );

  test(
    "iperf, source-specific: only the source that was asked for",
    async () => {
      const group = "232.10.1.1";
      const listen = ["-s", "-u", "-B", group, "-H", source, "-i", "1", "-e"];
      const server = await member(group, "iperf", ...listen);
      const stream = ["-u", "-T", "8", "-b", "5M", "-c", group];
      const other = lab.start("site3/host1", "iperf", ...stream, "-t", "4", "-B", "10.3.0.11");
      await lab.output("site1/host1", "iperf", ...stream, "-t", "2", "-B", source);
      const report = await finalReport(server);
      await other.end();
      expect(server.out).toContain(`connected with ${source} port `);
      expect(server.out).not.toContain("10.3.0.11");
      expect(report.lost).toBe(0);
      expect(report.total).toBeGreaterThan(800);
      figure("iperf, source-specific: lost of", `${report.lost}/${report.total}`);
    },
    testMs,
  );

  test(
    "mgen: two flows, one in fragments, whole and in order, source and ports kept",
    async () => {
      const group = "239.10.2.1";
      const listen = lab.file("mgn");
      const log = lab.file("drc");
      writeFileSync(listen, `0.0 JOIN ${group} INTERFACE eth0\n0.0 LISTEN UDP 5000-5001\n`);
      const receiver = await member(group, "mgen", "flush", "input", listen, "output", log);
      const script = lab.file("mgn");
      const flow = (id: number, pattern: string): string[] => [
        `0.0 ON ${id} UDP SRC ${5009 + id} DST ${group}/${4999 + id} ${pattern}`,
        `3.0 OFF ${id}`,
      ];
      const flows = [...flow(1, "PERIODIC [200 512]"), ...flow(2, "POISSON [100 8192]")];
      writeFileSync(script, ["TTL 8", "INTERFACE eth0", ...flows, ""].join("\n"));
      const sent = lab.file("drc");
      await lab.output("site1/host1", "mgen", "txlog", "input", script, "output", sent);
      const sequencesSent = sequencesOf(readFileSync(sent, "utf8"), "SEND");
      const received = (): Map<string, number[]> => sequencesOf(readFileSync(log, "utf8"), "RECV");
      const isAll = (): boolean => Bun.deepEquals(received(), sequencesSent);
      await until("all arrive", isAll).catch(() => undefined); // what is missing shows below
      await receiver.end();
      expect(received()).toEqual(sequencesSent);
      expect([...received().keys()].toSorted()).toEqual(["1", "2"]);
      const lines = readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line.includes(" RECV "));
      for (const line of lines) {
        expect(line).toMatch(/ src>10\.1\.0\.11\/50(10|11) dst>239\.10\.2\.1\/500[01] /);
      }
      figure("mgen: received of 2 flows", [...received().values()].map((s) => s.length).join(" "));
    },
    testMs,
  );

  describe.each(["1472", "1473", "4000", "9000", "65507"])("datagrams of %s bytes", (size) => {
    test(
      "arrive whole",
      async () => {
        const group = `239.10.6.${["1472", "1473", "4000", "9000", "65507"].indexOf(size) + 1}`;
        const flags = ["--expect", "300", "--interval", "0.2"];
        const receiver = await lab.recv("site2/host1", group, ...flags);
        await lab.untilMembers("site1/edge", group, ["site2"]);
        const stream = ["--size", size, "--count", "300", "--rate", "300"];
        await lab.send("site1/host1", group, ...stream).ended;
        await until("all arrive", () => receiver.received === 300).catch(() => undefined);
        const report = await receiver.stop();
        expect(report).toMatchObject({ ...whole, received: 300 });
        expect(report.senders.map((sender) => sender.source)).toEqual([source]);
      },
      testMs,
    );
  });

  const hasSocat = Bun.which("socat") !== null;
  test.skipIf(!hasSocat)(
    `socat sees the sender's address and port${hasSocat ? "" : " (skipped: needs socat)"}`,
    async () => {
      const group = "239.10.5.1";
      const join = `UDP4-RECVFROM:5003,ip-add-membership=${group}:eth0,reuseaddr,fork`;
      const say = "SYSTEM:echo $SOCAT_PEERADDR $SOCAT_PEERPORT >&2";
      const receiver = await member(group, "socat", "-u", join, say);
      const at = `bind=${source}:7777,ip-multicast-ttl=8,ip-multicast-if=${source}`;
      const to = `UDP4-DATAGRAM:${group}:5003,${at}`;
      await lab.output("site1/host1", "sh", "-c", `echo hi | socat -u - ${to}`);
      await receiver.says(`${source} 7777`);
      await receiver.end("SIGTERM");
    },
    testMs,
  );
});

/** iperf's own report of a whole stream; ends the server. */
async function finalReport(server: Program): Promise<{ lost: number; total: number }> {
  const final = /0\.0+-[\d.]+ sec .* (\d+)\/\s*(\d+) \(/g;
  const reports = (): { lost: number; total: number }[] =>
    [...server.out.matchAll(final)].map(([, lost, total]) => ({
      lost: Number(lost),
      total: Number(total),
    }));
  // The report of the first second looks the same: the last one has most packets.
  await until("iperf reports", () => reports().length > 1);
  await server.end();
  return reports().reduce((most, one) => (one.total > most.total ? one : most));
}

/** Sequence numbers in mgen's log, in order of the log, by flow. */
function sequencesOf(log: string, event: "RECV" | "SEND"): Map<string, number[]> {
  const byFlow = new Map<string, number[]>();
  for (const [, flow = "", sequence] of log.matchAll(
    new RegExp(` ${event} .*?flow>(\\d+) seq>(\\d+) `, "g"),
  )) {
    byFlow.set(flow, [...(byFlow.get(flow) ?? []), Number(sequence)]);
  }
  return new Map([...byFlow].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
