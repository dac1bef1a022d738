/**
 * What every kind of site interface owes its site, asked of three sites on real kernels. A kind
 * runs it by `describeSiteInterface`; what it cannot show it says with its reason.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
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
  type RecvReport,
  type Receiver,
  testMs,
  until,
  whole,
} from "./rig.ts";

const port = 7777;
const sender = "site1/host1";
const source = "10.1.0.11";
const neighbours = ["site1/host2", "site1/host3"];
const far = ["site2/host1", "site3/host1"];
const allSites = ["site1", "site2", "site3"];
const ethernetBytesMax = 1_514;

type Counters = Readonly<Record<string, number>>;

/** What only some kinds can count; a reason where they cannot. */
export type SiteInterfaceTraits = {
  readonly kind: "routed" | "bridged";
  readonly countsTtl: true | string;
  readonly countsTrains: true | string;
};

/** Sends trains of datagrams, each filled by its own number, as programs do by UDP_SEGMENT. */
const trainSender = (group: string, trains: number, datagrams: number): string => `
  const { dlopen, ptr } = require("bun:ffi");
  const int = "i32";
  const { symbols } = dlopen("libc.so.6", {
    setsockopt: { args: [int, int, int, "ptr", int], returns: int },
  });
  const socket = await Bun.udpSocket({});
  socket.setMulticastTTL(16);
  socket.setMulticastInterface("${source}");
  const segment = new Int32Array(new ArrayBuffer(4)).fill(${segmentBytes});
  if (symbols.setsockopt(socket.fd, 17, 103, ptr(segment), 4) !== 0) throw new Error("no trains");
  for (let train = 0; train < ${trains}; train++) {
    const bytes = Buffer.alloc(${datagrams - 1} * ${segmentBytes} + ${lastBytes});
    for (let i = 0; i < ${datagrams}; i++) {
      const number = train * ${datagrams} + i;
      bytes.fill(number, i * ${segmentBytes}).writeUInt32BE(number, i * ${segmentBytes});
    }
    while (!socket.send(bytes, ${port}, "${group}")) await Bun.sleep(1);
    await Bun.sleep(5);
  }
  socket.close();`;
const segmentBytes = 1_000;
const lastBytes = 777;

export function describeSiteInterface(traits: SiteInterfaceTraits): void {
  onRealKernels(`the site interface ${traits.kind}`, ["tcpdump"], () => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await Lab.up(`s${traits.kind[0]}`, 3, "--hosts", "3", "--interface", traits.kind);
    }, testMs);
    afterAll(async () => lab?.down());

    const site = {
      /** Receivers that have joined, known to the sender's Gateway. */
      async join(group: string, members: readonly string[]): Promise<Map<string, Receiver>> {
        const joined = new Map<string, Receiver>();
        for (const member of members) {
          joined.set(member, await lab.recv(member, group, "--interval", "0.2"));
        }
        const sites = allSites.filter((name) => members.some((one) => one.startsWith(`${name}/`)));
        await lab.untilMembers("site1/edge", group, sites);
        return joined;
      },
      async send(group: string, count: number, ...flags: readonly string[]): Promise<void> {
        const stream = ["--count", `${count}`, "--source-port", `${port}`, ...flags];
        const { out } = await lab.send(sender, group, ...stream).ended;
        expect(JSON.parse(out)).toMatchObject({ sent: count, forgone: 0 });
      },
      /** What each has got when nothing more is missing, or too late. */
      async reports(
        members: ReadonlyMap<string, Receiver>,
        count: number,
      ): Promise<Map<string, RecvReport>> {
        const all = [...members.values()];
        await until("all arrive", () => all.every((one) => one.received >= count)).catch(
          () => undefined,
        );
        const reports = new Map<string, RecvReport>();
        for (const [member, one] of members) reports.set(member, await one.stop());
        return reports;
      },
      async counters(name: string): Promise<Counters> {
        type Answer = { readonly gateway: { readonly interface: Counters } };
        return (await lab.control<Answer>(`${name}/edge`, "/v1/counters")).gateway.interface;
      },
    };

    describe("a stream of 5,000 packets to two other sites", () => {
      const group = "239.20.0.1";
      const packets = 5_000;
      const ttl = 16;
      let reports = new Map<string, RecvReport>();
      const frames = new Map<string, Frame[]>();

      beforeAll(async () => {
        const members = await site.join(group, [...neighbours, ...far]);
        const at = [sender, "site2/host1"];
        const filter = `udp and dst ${group}`;
        const captures = await Promise.all(at.map((host) => lab.capture(host, "eth0", filter)));
        await site.send(group, packets, "--rate", "1000", "--size", "1200", "--ttl", `${ttl}`);
        reports = await site.reports(members, packets);
        for (const [i, capture] of captures.entries()) {
          frames.set(at[i] as string, await capture.stop());
        }
      }, testMs);

      const packetsAt = (host: string): Buffer[] =>
        (frames.get(host) ?? []).map((frame) => ipv4In(frame) as Buffer);

      test.each(far)("%s gets all of it, in order, none twice, from its source", (member) => {
        const report = reports.get(member);
        expect(report).toMatchObject(whole);
        expect(report?.senders).toEqual([
          expect.objectContaining({ source, port, received: packets, first: 0 }),
        ]);
        const latencyMs = report?.senders[0]?.latencyMs.p50 ?? 0;
        figure(`${traits.kind}: ${member}: latency p50 in microseconds`, latencyMs * 1000);
      });

      test.each(neighbours)("%s, in the sender's own site, gets each packet once", (member) => {
        expect(reports.get(member)).toMatchObject({ ...whole, received: packets });
      });

      test("only TTL, lower by one, and checksums differ", () => {
        const sent = packetsAt(sender);
        const received = packetsAt("site2/host1");
        expect([sent.length, received.length]).toEqual([packets, packets]);
        const differ = sent.filter(
          (packet, i) => !unchanging(packet).equals(unchanging(received[i] as Buffer)),
        );
        expect(differ).toHaveLength(0);
        expect([...new Set(received.map(ttlOf))]).toEqual([ttl - 1]);
        expect([...new Set(received.map(sourceOf))]).toEqual([source]);
      });

      test("checksums that the sender's kernel left open are right at the far host", () => {
        expect(packetsAt(sender).filter(isUdpSumRight)).toHaveLength(0);
        const received = packetsAt("site2/host1");
        expect(received.filter(isHeaderSumRight)).toHaveLength(packets);
        expect(received.filter(isUdpSumRight)).toHaveLength(packets);
      });
    });

    test(
      "of a group that only its own site wants nothing is captured",
      async () => {
        const group = "239.20.0.2";
        const members = await site.join(group, neighbours);
        const before = await site.counters("site1");
        await site.send(group, 500, "--rate", "500", "--ttl", "16");
        for (const report of (await site.reports(members, 500)).values()) {
          expect(report).toMatchObject({ ...whole, received: 500 });
        }
        expect(await site.counters("site1")).toEqual(before);
      },
      testMs,
    );

    test(
      "datagrams of 4,000 bytes arrive whole, by their fragments",
      async () => {
        const group = "239.20.0.3";
        const members = await site.join(group, far);
        const before = await site.counters("site1");
        await site.send(group, 300, "--rate", "300", "--size", "4000", "--ttl", "16");
        for (const report of (await site.reports(members, 300)).values()) {
          expect(report).toMatchObject({ ...whole, received: 300 });
        }
        const { capturedPackets } = await site.counters("site1");
        expect((capturedPackets ?? 0) - (before.capturedPackets ?? 0)).toBe(3 * 300);
      },
      testMs,
    );

    test(
      "a train that its sender left to the card arrives as single datagrams",
      async () => {
        const group = "239.20.0.4";
        const [trains, datagrams] = [20, 12];
        const members = await site.join(group, far);
        const before = await site.counters("site1");
        const filter = `udp and dst ${group}`;
        const sent = await lab.capture(sender, "eth0", filter);
        const received = await lab.capture("site3/host1", "eth0", filter);
        const program = trainSender(group, trains, datagrams);
        await lab.output(sender, process.execPath, "-e", program);
        await until("all arrive", () => received.frames().length >= trains * datagrams).catch(
          () => undefined,
        );
        for (const one of members.values()) await one.stop();
        const long = (await sent.stop()).filter(({ bytes }) => bytes.length > ethernetBytesMax);
        expect(long).toHaveLength(trains);
        const packets = (await received.stop()).map((frame) => ipv4In(frame) as Buffer);
        const payloads = packets.map((packet) => payloadOf(packet).subarray(8));
        const expected = Array.from({ length: trains * datagrams }, (_, number) => {
          const isLast = (number + 1) % datagrams === 0;
          const payload = Buffer.alloc(isLast ? lastBytes : segmentBytes, number & 0xff);
          payload.writeUInt32BE(number);
          return payload;
        });
        expect(payloads.map((payload) => payload.toString("hex"))).toEqual(
          expected.map((payload) => payload.toString("hex")),
        );
        expect(packets.filter(isHeaderSumRight)).toHaveLength(packets.length);
        expect(packets.filter(isUdpSumRight)).toHaveLength(packets.length);
        expect([...new Set(packets.map(ttlOf))]).toEqual([15]);
        if (traits.countsTrains !== true) return;
        expect(((await site.counters("site1")).trains ?? 0) - (before.trains ?? 0)).toBe(trains);
      },
      testMs,
    );

    test(
      "TTL 1 stays in its site; TTL 2 arrives as 1",
      async () => {
        const group = "239.20.0.5";
        const members = await site.join(group, far);
        const before = await site.counters("site1");
        const capture = await lab.capture("site2/host1", "eth0", `udp and dst ${group}`);
        await site.send(group, 200, "--rate", "500", "--ttl", "1");
        // Order is kept, so nothing of the first stream can come after the second.
        await site.send(group, 10, "--rate", "500", "--ttl", "2");
        for (const report of (await site.reports(members, 10)).values()) {
          expect(report).toMatchObject({ ...whole, received: 10 });
        }
        const arrived = (await capture.stop()).map((frame) => ttlOf(ipv4In(frame) as Buffer));
        expect(arrived).toEqual(Array<number>(10).fill(1));
        if (traits.countsTtl !== true) return;
        expect(((await site.counters("site1")).ttl ?? 0) - (before.ttl ?? 0)).toBe(200);
      },
      testMs,
    );

    test(
      "after its LAN was down for a moment packets cross again",
      async () => {
        const group = "239.20.0.6";
        const members = await site.join(group, far);
        for (const state of ["down", "up"]) {
          await lab.output("site1/edge", "ip", "link", "set", "lan0", state);
        }
        const carrier = ["cat", "/sys/class/net/lan0/operstate"];
        await until("the LAN carries", async () =>
          (await lab.output("site1/edge", ...carrier)).startsWith("up"),
        );
        await site.send(group, 100, "--rate", "500", "--ttl", "16");
        for (const report of (await site.reports(members, 100)).values()) {
          expect(report).toMatchObject({ ...whole, received: 100 });
        }
      },
      testMs,
    );
  });
}
