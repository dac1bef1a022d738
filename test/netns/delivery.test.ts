/** What a receiver gets of a stream from another site, and what a site without members gets. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type Frame,
  ipv4In,
  isHeaderSumRight,
  isUdpSumRight,
  payloadOf,
  sourceOf,
  ttlOf,
  unchanging,
} from "./pcap.ts";
import {
  figure,
  Lab,
  onRealKernels,
  type PlanView,
  type RecvReport,
  testMs,
  until,
  whole,
} from "./rig.ts";

const group = "239.1.2.3";
const source = "10.1.0.11";
const port = 7777;
const packets = 10_000;
const ttl = 16;
const filter = `udp and dst ${group}`;

type EntryView = { readonly flow: number; readonly frames: number };

onRealKernels("a stream of 10,000 packets from site 1", ["tcpdump"], () => {
  let lab: Lab;
  const reports = new Map<string, RecvReport>();
  const frames = { sender: [] as Frame[], receiver: [] as Frame[], site4: [] as Frame[] };

  beforeAll(async () => {
    lab = await Lab.up("d", 4, "--hosts", "2");
    const members = ["site1/host2", "site2/host1", "site3/host1", "site3/host2"];
    const receivers = await Promise.all(
      members.map(async (member) => {
        const expected = ["--expect", `${packets}`, "--interval", "0.2"];
        return [member, await lab.recv(member, group, ...expected)] as const;
      }),
    );
    await lab.untilMembers("site1/edge", group, ["site1", "site2", "site3"]);
    const sender = await lab.capture("site1/host1", "eth0", filter);
    const receiver = await lab.capture("site2/host1", "eth0", filter);
    const wholeSegments = 65_536 + 64; // of TCP, before the card would cut them
    const site4 = await lab.capture("site4/edge", "wan0", "tcp port 7800", wholeSegments);
    const rate = ["--rate", "2000", "--size", "1200", "--ttl", `${ttl}`];
    const stream = ["--count", `${packets}`, "--source-port", `${port}`, ...rate];
    const sent = await lab.send("site1/host1", group, ...stream).ended;
    const summary = JSON.parse(sent.out) as { sent: number; packetsPerSecond: number };
    expect(summary.sent).toBe(packets);
    // A busy machine may have sent a little slower than it was asked.
    figure("packets sent per second", summary.packetsPerSecond);
    // What is still missing then is lost, and the tests say so.
    await until("all arrive", () => receivers.every(([, one]) => one.received === packets)).catch(
      () => undefined,
    );
    for (const [member, one] of receivers) reports.set(member, await one.stop());
    frames.sender = await sender.stop();
    frames.receiver = await receiver.stop();
    frames.site4 = await site4.stop();
  }, testMs);

  afterAll(async () => lab?.down());

  test("arrives whole and in order in every site with members, source and port kept", () => {
    for (const member of ["site2/host1", "site3/host1", "site3/host2"]) {
      const report = reports.get(member);
      expect([member, report]).toEqual([member, expect.objectContaining(whole)]);
      expect(report?.senders).toEqual([
        expect.objectContaining({ source, port, received: packets, first: 0, last: packets - 1 }),
      ]);
      figure(
        `${member}: latency p50 in microseconds`,
        (report?.senders[0]?.latencyMs.p50 ?? 0) * 1e3,
      );
    }
  });

  test("reaches the other host of its own site once, and no echo of it", () => {
    const report = reports.get("site1/host2");
    expect(report).toMatchObject(whole);
    expect(report?.senders).toEqual([expect.objectContaining({ source, port, received: packets })]);
  });

  test("every packet is byte-identical but for a TTL lower by one and the checksum", () => {
    const sent = frames.sender.map((frame) => ipv4In(frame) as Buffer);
    const received = frames.receiver.map((frame) => ipv4In(frame) as Buffer);
    expect([sent.length, received.length]).toEqual([packets, packets]);
    let different = 0;
    for (const [i, packet] of sent.entries()) {
      const other = received[i] as Buffer;
      if (!unchanging(packet).equals(unchanging(other))) different++;
    }
    expect(different).toBe(0);
    expect(new Set(sent.map(ttlOf))).toEqual(new Set([ttl]));
    expect(new Set(received.map(ttlOf))).toEqual(new Set([ttl - 1]));
    expect(new Set(received.map(sourceOf))).toEqual(new Set([source]));
  });

  test("header and UDP checksums are right at the receiver", () => {
    const received = frames.receiver.map((frame) => ipv4In(frame) as Buffer);
    expect(received.filter(isHeaderSumRight)).toHaveLength(packets);
    expect(received.filter(isUdpSumRight)).toHaveLength(packets);
  });

  test("frames carry the group's MAC address", () => {
    const groupMac = [0x01, 0x00, 0x5e, 0x01, 0x02, 0x03];
    const strange = frames.receiver.filter(
      ({ bytes }) => !groupMac.every((byte, i) => bytes[i] === byte),
    );
    expect(strange).toEqual([]);
  });

  test("nothing of it crosses the link of the site without members", async () => {
    // The heartbeats of the links prove that the capture saw the link.
    expect(frames.site4.length).toBeGreaterThan(0);
    const magic = Buffer.from("FCpb");
    const payloads = frames.site4.map((frame) => payloadOf(ipv4In(frame) as Buffer));
    expect(payloads.filter((bytes) => bytes.includes(magic))).toEqual([]);
    const plan = await lab.control<PlanView>("manager", "/v1/plan");
    const flow = plan.flows.find(({ channels }) => channels.some((one) => one.group === group));
    expect(flow).toMatchObject({ ingress: "site1", receivers: ["site2", "site3"] });
    const entries = await lab.control<{ entries: EntryView[] }>("site4/edge", "/v1/entries");
    expect(entries.entries.filter((entry) => entry.flow === flow?.flow)).toEqual([]);
    type Counters = { gateway: { egress: { packets: number }; interface: object } };
    const { gateway } = await lab.control<Counters>("site4/edge", "/v1/counters");
    expect(gateway.egress.packets).toBe(0);
    expect(gateway.interface).toMatchObject({ "emitted-packets": 0, capturedPackets: 0 });
  });

  test("the sending Router sends each packet once to each site, and counts no loss", async () => {
    type Counters = { router: { dropped: object }; gateway: { ingressDrops: object } };
    const counters = await lab.control<Counters>("site1/edge", "/v1/counters");
    expect(Object.values(counters.router.dropped)).toEqual(
      Object.values(counters.router.dropped).map(() => 0),
    );
    expect(Object.values(counters.gateway.ingressDrops)).toEqual(
      Object.values(counters.gateway.ingressDrops).map(() => 0),
    );
    const { entries } = await lab.control<{ entries: EntryView[] }>("site1/edge", "/v1/entries");
    expect(entries.map((entry) => entry.frames)).toEqual([packets]);
  });
});
