/**
 * A site whose own router, pimd or FRR, does its multicast routing, with two LANs behind it, and an
 * ordinary site. FastCast is a host on a tunnel of that router; nothing else of it is on the LANs
 * but the ears of the Eavesdroppers. pimd and FRR exclude each other as packages: `.ci/setup`
 * installs FRR and unpacks pimd's program beside it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { ipv4In, sourceOf, ttlOf } from "./pcap.ts";
import { figure, Lab, onRealKernels, output, type Program, type Receiver, until } from "./rig.ts";

const edge = "site1/edge";
const onLan1 = "site1/host1";
/** A host on the second LAN; `lab down` knows the pattern of its name. */
const onLan2 = "site1/host9";
const far = "site2/host1";
/** Not the name of the lab's own, which its Gateway holds until it starts anew. */
const tunnel = "mc0";
const sources = { [onLan1]: "10.1.0.11", [onLan2]: "10.101.0.11", [far]: "10.2.0.11" } as const;

/**
 * Real routers elect, query and expire. pimd finds its RP after some twenty seconds, and overhears
 * a leave of (*,G) in IGMPv3: the group ends with its timer, 30 s at this query interval.
 */
const routerMs = 60_000;
const testMs = 150_000;

type Router = {
  readonly name: string;
  readonly tools: readonly string[];
  /** Starts it in the edge's namespace; the answer is what it says of its tables, for people. */
  start(lab: Lab, directory: string): Promise<() => Promise<string>>;
};

const pimd: Router = {
  name: "pimd",
  tools: ["pimd", "tcpdump"],
  async start(lab, directory) {
    const file = `${directory}/pimd.conf`;
    const lines = [
      "igmp-query-interval 10",
      // pimd reads one address of an interface: what else is at its far end must be named.
      `phyint ${tunnel} enable igmpv3 altnet 10.2.0.0/24`,
      "phyint lan0 enable igmpv3",
      "phyint lan1 enable igmpv3",
      "phyint wan0 disable",
      "rp-address 10.1.0.1 224.0.0.0/4",
      "spt-threshold packets 0 interval 100",
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    lab.start(edge, "pimd", "-f", "-c", file, "-s", "notice");
    return async () => (await lab.start(edge, "pimd", "-r").ended).out;
  },
};

const frr: Router = {
  name: "FRR",
  tools: ["vtysh", "tcpdump"],
  async start(lab, directory) {
    const interfaces = [tunnel, "lan0", "lan1"].flatMap((name) => [
      `interface ${name}`,
      " ip pim",
      " ip igmp",
      " ip igmp query-interval 10",
    ]);
    writeFileSync(`${directory}/zebra.conf`, "hostname edge\n");
    writeFileSync(
      `${directory}/pimd.conf`,
      `${["ip pim rp 10.1.0.1 224.0.0.0/4", ...interfaces].join("\n")}\n`,
    );
    // Both leave root for a user of their own, who then makes sockets here.
    await output(["chown", "-R", "frr:frr", directory]);
    for (const daemon of ["zebra", "pimd"]) {
      const own = ["-i", `${directory}/${daemon}.pid`, "-f", `${directory}/${daemon}.conf`];
      const shared = ["-z", `${directory}/zserv`, "--vty_socket", directory, "-P", "0"];
      lab.start(edge, `/usr/lib/frr/${daemon}`, ...own, ...shared);
      const show = ["vtysh", "--vty_socket", directory, "-c", "show version"];
      await until(`FRR's ${daemon} answers`, async () => {
        const { status, out } = await lab.start(edge, ...show, "-d", daemon).ended;
        return status === 0 && out.includes("FRRouting");
      });
    }
    return async () => {
      const commands = ["show ip mroute", "show ip igmp groups", "show ip rpf"];
      const argv = commands.flatMap((command) => ["-c", command]);
      return (await lab.start(edge, "vtysh", "--vty_socket", directory, ...argv).ended).out;
    };
  },
};

/** Gives site 1 a second LAN, and its Gateway the site interface under test. */
async function prepare(lab: Lab): Promise<void> {
  const namespace = (machine: string): string => `${lab.name}-${machine.replace("/", "-")}`;
  const ip = async (...argv: readonly string[]): Promise<string> => output(["ip", ...argv]);
  await ip("netns", "add", namespace(onLan2));
  const veth = ["link", "add", "lan1", "netns", namespace(edge), "type", "veth"];
  await ip(...veth, "peer", "name", "eth0", "netns", namespace(onLan2));
  for (const [machine, name, address] of [
    [edge, "lan1", "10.101.0.1/24"],
    [onLan2, "eth0", "10.101.0.11/24"],
  ] as const) {
    await ip("-n", namespace(machine), "addr", "add", address, "dev", name);
    await ip("-n", namespace(machine), "link", "set", name, "up");
  }
  await ip("-n", namespace(onLan2), "link", "set", "lo", "up");
  await ip("-n", namespace(onLan2), "route", "add", "default", "via", "10.101.0.1");
  // Made beforehand, it outlives the Gateway.
  await ip("-n", namespace(edge), "tuntap", "add", tunnel, "mode", "tun");
  const file = lab.config(edge);
  const config = Bun.YAML.parse(readFileSync(file, "utf8")) as Record<string, object>;
  const changed = {
    ...config,
    lans: ["lan0", "lan1"],
    gateway: { ...config.gateway, interface: "routed-external", tun: tunnel },
    eavesdropper: { querier: "off" },
  };
  writeFileSync(file, Bun.YAML.stringify(changed, null, 2));
  await lab.done("restart", edge);
}

/** The outgoing interfaces of an entry of the kernel's table. */
async function outgoing(lab: Lab, source: string, group: string): Promise<string[]> {
  const table = await lab.output(edge, "ip", "mroute", "show");
  const line = table.split("\n").find((one) => one.startsWith(`(${source},${group})`));
  return (
    /Oifs: ([^S]*)State/
      .exec(line ?? "")?.[1]
      ?.trim()
      .split(/\s+/) ?? []
  );
}

type Tunnel = {
  readonly gateway: {
    readonly interface: {
      readonly capturedPackets: number;
      readonly "emitted-packets": number;
      readonly listener: { readonly queries: number };
    };
  };
};

describe.each([pimd, frr])("routed-external", (router) => {
  onRealKernels(`with ${router.name}`, router.tools, () => {
    let lab: Lab;
    let directory: string;
    let tables: () => Promise<string>;

    beforeAll(async () => {
      directory = mkdtempSync(`${tmpdir()}/fx-`);
      chmodSync(directory, 0o755);
      lab = await Lab.up(router === pimd ? "xp" : "xf", 2, "--hosts", "1");
      await prepare(lab);
      tables = await router.start(lab, directory);
      await until("site 1 knows site 2's prefix", async () => {
        const addresses = await lab.output(edge, "ip", "-4", "addr", "show", "dev", tunnel);
        return addresses.includes("10.2.0.0/24");
      });
    }, testMs);

    afterAll(async () => {
      await lab?.down();
      rmSync(directory, { recursive: true, force: true });
    });

    const counters = async (): Promise<Tunnel> => lab.control<Tunnel>(edge, "/v1/counters");

    const receive = async (machine: string, group: string, ...flags: string[]): Promise<Receiver> =>
      lab.recv(machine, group, "--interval", "0.2", ...flags);

    const arrives = async (what: string, receiver: Receiver): Promise<void> => {
      const startMs = performance.now();
      await until(what, () => receiver.received > 0, routerMs).catch(async (error: Error) => {
        const counted = JSON.stringify(await counters());
        throw new Error(`${error.message}\n${await tables()}\n${counted}`);
      });
      figure(`${router.name}: ${what} after ms`, performance.now() - startMs);
    };

    /** Fifty more packets: from the first that arrives on, nothing is lost. */
    const flows = async (receiver: Receiver, source: string): Promise<void> => {
      const { received } = receiver;
      await until("the stream goes on", () => receiver.received > received + 50);
      const report = await receiver.stop();
      expect(report).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, corrupted: 0 });
      expect(report.senders.map((sender) => sender.source)).toEqual([source]);
    };

    const stream = (machine: string, group: string): Program =>
      lab.send(machine, group, "--rate", "50", "--ttl", "16");

    test.each([
      ["239.9.1.1", []],
      ["232.9.1.1", ["--source", sources[onLan2]]],
    ] as const)(
      "%s: a stream from a host on LAN 2 reaches the other site, until the last member leaves",
      async (group, join) => {
        const receiver = await receive(far, group, ...join);
        const sender = stream(onLan2, group);
        await arrives(`${group} out of the site`, receiver);
        expect(await outgoing(lab, sources[onLan2], group)).toContain(tunnel);
        await flows(receiver, sources[onLan2]);
        const leftMs = performance.now();
        await until(
          "the router sends it to the tunnel no more",
          async () => !(await outgoing(lab, sources[onLan2], group)).includes(tunnel),
          routerMs,
        );
        figure(`${router.name}: ${group} leave after ms`, performance.now() - leftMs);
        const before = await counters();
        await Bun.sleep(1_000);
        const after = await counters();
        expect(after.gateway.interface.capturedPackets).toBe(
          before.gateway.interface.capturedPackets,
        );
        await sender.end();
      },
      testMs,
    );

    test.each([
      ["239.9.2.1", onLan2, []],
      ["239.9.2.2", onLan1, []],
      ["232.9.2.1", onLan2, ["--source", sources[far]]],
    ] as const)(
      "%s: a stream from the other site reaches a member at %s, its source kept, until it leaves",
      async (group, member, join) => {
        const receiver = await receive(member, group, ...join);
        await lab.untilMembers("site2/edge", group, ["site1"]);
        const sender = stream(far, group);
        await arrives(`${group} into the site`, receiver);
        const capture = await lab.capture(member, "eth0", `udp and dst ${group}`);
        await flows(receiver, sources[far]);
        const packets = (await capture.stop()).map((frame) => ipv4In(frame) as Buffer);
        expect(new Set(packets.map(sourceOf))).toEqual(new Set([sources[far]]));
        // One for the crossing, one for the site's own router.
        expect(new Set(packets.map(ttlOf))).toEqual(new Set([14]));
        await lab.untilMembers("site2/edge", group, []);
        const before = await counters();
        await Bun.sleep(1_000);
        const after = await counters();
        expect(after.gateway.interface["emitted-packets"]).toBe(
          before.gateway.interface["emitted-packets"],
        );
        await sender.end();
      },
      testMs,
    );

    test("unicast to the other site is not led into the tunnel", async () => {
      const routes = await lab.output(edge, "ip", "-4", "route", "show", "dev", tunnel);
      expect(routes.trim().split("\n")).toEqual([expect.stringMatching(/^192\.0\.0\.2 /)]);
    });

    test("the tunnel refused nothing, and its host answered the router's queries", async () => {
      const { gateway } = await counters();
      expect(gateway.interface).toMatchObject({
        "emitted-refused": 0,
        reportsRefused: 0,
        tunDropped: 0,
        tunReceiveDropped: 0,
        prefixes: 1,
      });
      const { listener } = gateway.interface;
      expect(listener).toMatchObject({ reportsLost: 0, versionChanges: 0 });
      expect(listener.queries).toBeGreaterThan(0);
      const { interface: view } = await lab.control<{ interface: object }>(edge, "/v1/gateway");
      expect(view).toMatchObject({ kind: "routed-external", igmpVersion: 3, ssmImpossible: 0 });
    });

    test(
      "a Gateway that starts anew needs no restart of the router",
      async () => {
        const streams = [
          { from: onLan2, to: far, group: "239.9.3.1" },
          { from: far, to: onLan2, group: "239.9.3.2" },
        ];
        const receivers = await Promise.all(streams.map(({ to, group }) => receive(to, group)));
        const senders = streams.map(({ from, group }) => stream(from, group));
        for (const receiver of receivers) await arrives("before the restart", receiver);
        await lab.done("restart", edge);
        const before = receivers.map(({ received }) => received);
        const startMs = performance.now();
        await until(
          "both streams go on",
          () => receivers.every(({ received }, i) => received > (before[i] ?? 0) + 50),
          routerMs,
        ).catch(async (error: Error) => {
          const counted = JSON.stringify(await counters());
          throw new Error(`${error.message}\n${await tables()}\n${counted}`);
        });
        figure(`${router.name}: both streams again after ms`, performance.now() - startMs);
        await Promise.all(senders.map(async (sender) => sender.end()));
        await Promise.all(receivers.map(async (receiver) => receiver.stop()));
      },
      testMs,
    );
  });
});
