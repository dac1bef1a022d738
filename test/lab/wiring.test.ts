import { expect, test } from "bun:test";
import { plan } from "./lab-plan.ts";

const interior = (of: ReturnType<typeof plan>, namespace: string) => {
  const found = of.wiring.interiors.find((one) => one.namespace === namespace);
  if (!found) throw new Error(`no ${namespace}`);
  return found;
};
test("veth pairs are created between namespaces, never in the root namespace", () => {
  const { links } = plan().wiring;
  expect(links).toContain(
    "link add lan0 netns fc-site2-edge type veth peer name edge netns fc-site2-lan",
  );
  expect(links).toContain(
    "link add wan0 netns fc-site2-edge type veth peer name site2 netns fc-wan",
  );
  expect(links).toContain(
    "link add eth0 netns fc-site2-host1 type veth peer name host1 netns fc-site2-lan",
  );
  for (const line of links) expect(line.match(/ netns fc-/g)).toHaveLength(2);
});

test("the switch snoops, and only FastCast's ports are router ports", () => {
  const { lines } = interior(plan(), "fc-site1-lan");
  expect(lines).toContain("link add br0 type bridge mcast_snooping 1 mcast_querier 0");
  expect(lines.filter((line) => line.includes("mcast_router"))).toEqual([
    "link set edge type bridge_slave mcast_router 2",
  ]);
  const separate = interior(plan({ separate: true }), "fc-site1-lan").lines;
  expect(separate.filter((line) => line.includes("mcast_router"))).toHaveLength(3);
});

test("hosts go through .1, the Manager through the Routers", () => {
  const separate = plan({ separate: true });
  const route = "route add default via 10.2.0.1";
  expect(interior(separate, "fc-site2-host1").lines).toContain(route);
  expect(interior(separate, "fc-site2-gateway").lines).toContain(route);
  expect(interior(separate, "fc-site2-router").lines).not.toContain(route);
  expect(interior(separate, "fc-site2-router").sysctls).toContainEqual([
    "net/ipv4/ip_forward",
    "1",
  ]);
  expect(interior(separate, "fc-manager").lines).toContain(
    "route add 10.3.0.0/24 via 198.51.100.3",
  );
  expect(interior(plan(), "fc-manager").lines.join()).not.toContain("route");
});

test("LANs have IPv6 that is usable at once, the switch and the WAN have none", () => {
  const host = interior(plan(), "fc-site2-host1");
  expect(host.ipv6Lines).toEqual([
    "addr add fd00:2::11/64 dev eth0 nodad",
    "route add ::/0 via fd00:2::1",
  ]);
  expect(host.sysctls).toContainEqual(["net/ipv6/conf/default/accept_dad", "0"]);
  expect(interior(plan(), "fc-site2-edge").ipv6Lines).toEqual([
    "addr add fd00:2::1/64 dev lan0 nodad",
  ]);
  for (const name of ["fc-wan", "fc-manager", "fc-site2-lan"]) {
    expect(interior(plan(), name).ipv6Lines).toEqual([]);
  }
});

test("the WAN is a bridge, or bare ports for the emulator", () => {
  expect(interior(plan(), "fc-wan").lines).toContain("link set site3 master br0");
  const emulated = plan({ wan: "emulated" });
  expect(interior(emulated, "fc-wan").lines).toEqual([
    "link set lo up",
    "link set manager up",
    "link set site1 up",
    "link set site2 up",
    "link set site3 up",
  ]);
  expect(interior(emulated, "fc-site1-edge").lines.join()).not.toContain("gso");
});

test("a lossy WAN gets single packets", () => {
  const { lines } = interior(plan({ wan: "emulated", perPacket: true }), "fc-site1-edge");
  expect(lines.indexOf("link set wan0 gso_max_segs 1")).toBeLessThan(
    lines.indexOf("link set wan0 up"),
  );
});

test("every interface name fits the kernel's 15 bytes", () => {
  const { links } = plan({ sites: 250, hosts: 240, separate: true }).wiring;
  for (const line of links) {
    for (const name of line.matchAll(/(?:add|name) (\S+) /g)) {
      expect(name[1]?.length).toBeLessThanOrEqual(15);
    }
  }
});
