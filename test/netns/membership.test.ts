/** Joins, leaves and sources, as the hosts of several sites and the wires see them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Capture } from "./capture.ts";
import {
  destinationOf,
  type Frame,
  ipv4In,
  payloadOf,
  protocolIgmp,
  protocolOf,
  protocolUdp,
  sourceOf,
} from "./pcap.ts";
import {
  figure,
  Lab,
  onRealKernels,
  type PlanView,
  type Program,
  testMs,
  until,
  whole,
} from "./rig.ts";

/** RFC 9776 §8.10 and §8.8: queries for the last member are sent robustness times, 1 s apart. */
const leaveTimeMs = 2_000;
const igmpV2Report = 0x16;
const igmpV2Leave = 0x17;

onRealKernels("membership across three sites", ["tcpdump", "sysctl"], () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.up("m", 3, "--hosts", "2");
  }, testMs);
  afterAll(async () => lab?.down());

  const endless = (machine: string, group: string, ...flags: readonly string[]): Program =>
    lab.send(machine, group, "--rate", "200", ...flags);

  /** A Gateway that has just started does not yet believe that a group has no member. */
  const settled = async (): Promise<void> =>
    until("the Gateways have settled", async () => {
      const asked = ["site1/edge", "site2/edge", "site3/edge"].map(async (site) =>
        lab.control<{ settling: boolean }>(site, "/v1/gateway"),
      );
      return (await Promise.all(asked)).every(({ settling }) => !settling);
    });

  test(
    "a join brings the first packet within 1 s, also for a group that no other site had",
    async () => {
      const groups = [1, 2, 3, 4, 5].map((i) => `239.1.10.${i}`);
      const senders = groups.map((group) => endless("site1/host1", group));
      const waits: number[] = [];
      for (const group of groups) {
        const receiver = await lab.recv("site2/host1", group, "--count", "20");
        const report = await receiver.report();
        expect(report).toMatchObject({ duplicated: 0, reordered: 0, lost: 0 });
        waits.push(report.joinToFirstMs ?? Number.POSITIVE_INFINITY);
      }
      await Promise.all(senders.map((sender) => sender.end()));
      figure("join to first packet in ms, worst of 5", Math.max(...waits));
      figure("join to first packet in ms, all", waits.map(Math.round).join(" "));
      expect(Math.max(...waits)).toBeLessThan(1_000);
    },
    testMs,
  );

  test(
    "two sites send to one group at once: each member gets both streams whole, none of it twice",
    async () => {
      const group = "239.1.12.1";
      const members = ["site1/host2", "site2/host2", "site3/host1"];
      const expected = ["--expect", "1000", "--interval", "0.2"];
      const receivers = await Promise.all(
        members.map(async (member) => lab.recv(member, group, ...expected)),
      );
      for (const site of ["site1/edge", "site2/edge"]) {
        await lab.untilMembers(site, group, ["site1", "site2", "site3"]);
      }
      const stream = ["--count", "1000", "--rate", "500"];
      const senders = [
        lab.send("site1/host1", group, ...stream, "--stream", "1"),
        lab.send("site2/host1", group, ...stream, "--stream", "2"),
      ];
      await Promise.all(senders.map((sender) => sender.ended));
      await until("all arrive", () => receivers.every(({ received }) => received >= 2_000)).catch(
        () => undefined, // what is missing shows below
      );
      for (const receiver of receivers) {
        const report = await receiver.stop();
        expect(report).toMatchObject({ ...whole, received: 2_000 });
        const streams = report.senders.map(({ source, stream: of }) => [source, of]).sort();
        expect(streams).toEqual([
          ["10.1.0.11", 1],
          ["10.2.0.11", 2],
        ]);
      }
    },
    testMs,
  );

  test(
    "a second member in a site changes nothing outside of it",
    async () => {
      const group = "239.1.13.1";
      const sender = endless("site1/host1", group);
      const first = await lab.recv("site2/host1", group, "--interval", "0.2");
      await until("packets flow", () => first.received > 20);
      type Outside = { plan: PlanView; changes: object; wants: object[] };
      const outside = async (): Promise<Outside> => {
        const plan = await lab.control<PlanView>("manager", "/v1/plan");
        type Counters = { manager: { changesSent: number } };
        const { manager } = await lab.control<Counters>("manager", "/v1/counters");
        type Rows = { rows: { site: string; incarnation: number; wants: object }[] };
        const { rows } = await lab.control<Rows>("site1/edge", "/v1/rows");
        const wants = rows.map(({ site, incarnation, wants: w }) => ({ site, incarnation, w }));
        return { plan, changes: { sent: manager.changesSent }, wants };
      };
      // The plans of the tests before are still being cleared away.
      let before = await outside();
      await until("the plan rests", async () => {
        const [earlier, later] = [before, await outside()];
        before = later;
        await Bun.sleep(500);
        return Bun.deepEquals(earlier, later);
      });
      const second = await lab.recv("site2/host2", group, "--count", "20");
      expect(await second.report()).toMatchObject(whole);
      expect(await outside()).toEqual(before);
      expect(await first.stop()).toMatchObject(whole);
      await sender.end();
    },
    testMs,
  );

  test(
    "a source-specific member gets its source, while another site sends to the same group",
    async () => {
      const group = "232.1.14.1";
      const [wanted, other] = ["10.1.0.11", "10.3.0.11"];
      const senders = [endless("site1/host1", group), endless("site3/host1", group)];
      const wire = await lab.capture("site2/edge", "lan0", `udp and dst ${group}`);
      const flags = ["--source", wanted, "--count", "200", "--interval", "0.2"];
      const tunBefore = await lab.counter("site3/edge", "fc0", "tx_packets");
      const receiver = await lab.recv("site2/host1", group, ...flags);
      const report = await receiver.report();
      expect(report).toMatchObject({ ...whole, received: 200 });
      expect(report.senders.map(({ source }) => source)).toEqual([wanted]);
      expect(new Set(sourcesOf(await wire.stop()))).toEqual(new Set([wanted]));
      expect((await lab.counter("site3/edge", "fc0", "tx_packets")) - tunBefore).toBe(0);
      // The other source is there: a member that asks for it gets it, and it alone.
      const both = await lab.recv("site1/host2", group, "--source", other, "--count", "50");
      expect((await both.report()).senders.map(({ source }) => source)).toEqual([other]);
      await Promise.all(senders.map((sender) => sender.end()));
    },
    testMs,
  );

  test(
    "after the last leave packets stop within the leave time and 1 s",
    async () => {
      const group = "239.1.11.1";
      await settled();
      const sender = endless("site1/host1", group);
      const wire = await lab.capture("site2/edge", "lan0", `igmp or dst ${group}`);
      const receiver = await lab.recv("site2/host1", group, "--interval", "0.2");
      await until("packets flow", () => receiver.received > 20);
      await receiver.stop();
      const stopMs = await untilQuiet(wire, group);
      await sender.end();
      // From the first report that the receiver sends after its last packet was read.
      figure("leave to last packet in ms", stopMs);
      expect(stopMs).toBeLessThan(leaveTimeMs + 1_000);
      await lab.untilMembers("site1/edge", group, []);
    },
    testMs,
  );

  test(
    "a host that speaks IGMPv2 joins and leaves",
    async () => {
      const group = "239.1.15.1";
      const setVersion = async (version: number): Promise<string> =>
        lab.output("site3/host2", "sysctl", `net.ipv4.conf.eth0.force_igmp_version=${version}`);
      await settled();
      await setVersion(2);
      const sender = endless("site1/host1", group);
      const wire = await lab.capture("site3/edge", "lan0", `igmp or dst ${group}`);
      const receiver = await lab.recv("site3/host2", group, "--interval", "0.2");
      await until("packets flow", () => receiver.received > 20);
      const report = await receiver.stop();
      figure("IGMPv2: join to first packet in ms", report.joinToFirstMs ?? Number.NaN);
      expect(report).toMatchObject({ duplicated: 0, lost: 0 });
      expect(report.joinToFirstMs).toBeLessThan(1_000);
      const stopMs = await untilQuiet(wire, group);
      await Promise.all([sender.end(), setVersion(0)]);
      const types = igmpOf(wire.frames(), "10.3.0.12").map(({ type }) => type);
      expect(types).toContain(igmpV2Report);
      expect(types).toContain(igmpV2Leave);
      figure("IGMPv2: leave to last packet in ms", stopMs);
      expect(stopMs).toBeLessThan(leaveTimeMs + 1_000);
    },
    testMs,
  );
});

/**
 * Waits until the group's packets have stopped for a second; how long after the members' last IGMP
 * message, their leave, the last one passed.
 */
async function untilQuiet(wire: Capture, group: string): Promise<number> {
  let packets = 0;
  let changedMs = performance.now();
  await until(`${group} stops`, () => {
    const now = dataOf(wire.frames(), group).length;
    if (now !== packets) changedMs = performance.now();
    packets = now;
    return performance.now() - changedMs > 1_000;
  });
  const frames = await wire.stop();
  const leftMs = leaveOf(frames, group);
  return (dataOf(frames, group).at(-1)?.atMs ?? 0) - leftMs;
}

const packetsOf = (frames: readonly Frame[]): { atMs: number; packet: Buffer }[] =>
  frames.flatMap((frame) => {
    const packet = ipv4In(frame);
    return packet ? [{ atMs: frame.atMs, packet }] : [];
  });

const dataOf = (frames: readonly Frame[], group: string): { atMs: number; packet: Buffer }[] =>
  packetsOf(frames).filter(
    ({ packet }) => protocolOf(packet) === protocolUdp && destinationOf(packet) === group,
  );

const sourcesOf = (frames: readonly Frame[]): string[] =>
  packetsOf(frames).map(({ packet }) => sourceOf(packet));

function igmpOf(frames: readonly Frame[], host: string): { atMs: number; type: number }[] {
  return packetsOf(frames)
    .filter(({ packet }) => protocolOf(packet) === protocolIgmp && sourceOf(packet) === host)
    .map(({ atMs, packet }) => ({ atMs, type: payloadOf(packet).readUInt8(0) }));
}

const igmpV3Report = 0x22;
const changeToInclude = 3;

/** When the first message passed that says that a host has left the group. */
function leaveOf(frames: readonly Frame[], group: string): number {
  const leave = packetsOf(frames).find(({ packet }) => {
    if (protocolOf(packet) !== protocolIgmp) return false;
    const message = payloadOf(packet);
    const groupAt = (at: number): string => message.subarray(at, at + 4).join(".");
    if (message.readUInt8(0) === igmpV2Leave) return groupAt(4) === group;
    if (message.readUInt8(0) !== igmpV3Report || message.readUInt8(8) !== changeToInclude) {
      return false;
    }
    return groupAt(12) === group;
  });
  if (!leave) throw new Error(`nobody left ${group}`);
  return leave.atMs;
}
