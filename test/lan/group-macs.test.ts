import { describe, expect, test } from "bun:test";
import { address, ipv4Address, ipv4Of } from "../../src/base/address.ts";
import { GroupMacs, groupMac } from "../../src/lan/group-macs.ts";
import { limits } from "../../src/limits.ts";

test.each([
  ["RFC 1112 §6.4 the low 23 bits", "239.129.1.2", "01:00:5e:01:01:02"],
  ["RFC 1112 §6.4 all of them", "233.255.255.255", "01:00:5e:7f:ff:ff"],
  ["RFC 2464 §7 the low 32 bits", "ff0e::1:8000:5", "33:33:80:00:00:05"],
])("%s: %s", (_, group, mac) => {
  expect(groupMac(address(group))).toBe(mac);
});

describe("wanted groups on one MAC address (RFC 1112 §6.4)", () => {
  const [one, two, three] = ["233.252.0.1", "239.252.0.1", "233.124.0.1"].map(address);

  test("a collision lasts while two of them are wanted", () => {
    const macs = new GroupMacs();
    for (const group of [one, two, one, three]) {
      if (group !== undefined) macs.onWanted(group);
    }
    expect(macs.collision()).toBe(
      "1 MAC addresses carry two or more wanted groups: 01:00:5e:7c:00:01 is " +
        "233.252.0.1, 239.252.0.1, 233.124.0.1",
    );
    if (one) macs.onUnwanted(one);
    if (two) macs.onUnwanted(two);
    expect(macs.collision()).toBeUndefined();
    if (three) macs.onUnwanted(three);
    if (three) macs.onUnwanted(three);
    expect(macs.collision()).toBeUndefined();
  });

  test.each([
    ["239.128.0.5", true],
    ["224.0.0.5", false],
    ["239.128.1.5", false],
    ["ff0e::5", false],
  ])("%s looks like 224.0.0.x: %p", (text, isLike) => {
    const macs = new GroupMacs();
    macs.onWanted(address(text));
    expect(macs.linkLocal() !== undefined).toBe(isLike);
    macs.onUnwanted(address(text));
    expect(macs.linkLocal()).toBeUndefined();
  });

  test("groups are capped", () => {
    const macs = new GroupMacs();
    const first = ipv4Of(address("239.0.0.0"));
    for (let i = 0; i < limits.groupsPerLanMax; i++) {
      expect(macs.onWanted(ipv4Address(first + i))).toBe("accepted");
    }
    expect(macs.onWanted(address("233.252.0.1"))).toBe("table-full");
    expect(macs.onWanted(ipv4Address(first))).toBe("accepted");
    macs.onUnwanted(ipv4Address(first));
    expect(macs.onWanted(address("233.252.0.1"))).toBe("accepted");
  });
});
