import { describe, expect, test } from "bun:test";
import type { NetworkInterfaceInfo } from "node:os";
import {
  defaultInterface,
  type InterfaceTable,
  namedInterface,
  parseGroup,
  positiveNumber,
  wholeNumber,
} from "../../cmd/multicast-options.ts";

test.each([
  ["239.1.2.3", "239.1.2.3", 5001],
  ["239.1.2.3:6000", "239.1.2.3", 6000],
  ["ff15::77", "ff15::77", 5001],
  ["[ff15::77]", "ff15::77", 5001],
  ["[ff15:0::77]:6000", "ff15::77", 6000],
])("group %s", (text, group, port) => {
  expect(String(parseGroup(text).group)).toBe(group);
  expect(parseGroup(text).port).toBe(port);
});

test.each(["", "192.0.2.1", "239.1.2.3:", "239.1.2.3:0", "239.1.2.3:65536", "2001:db8::1", "eth0"])(
  "no group: %s",
  (text) => expect(() => parseGroup(text)).toThrow(),
);

test("numbers", () => {
  expect(wholeNumber(1, 255)("255")).toBe(255);
  for (const text of ["0", "256", "1.5", "-1", "x", ""]) {
    expect(() => wholeNumber(1, 255)(text)).toThrow();
  }
  expect(positiveNumber(10)("0.5")).toBe(0.5);
  for (const text of ["0", "11", "-1", "1e1", ""]) expect(() => positiveNumber(10)(text)).toThrow();
});

const addressed = (address: string, internal = false): NetworkInterfaceInfo =>
  ({ address, internal }) as NetworkInterfaceInfo;

const table: InterfaceTable = {
  lo: [addressed("127.0.0.1", true)],
  eth0: [addressed("192.0.2.1"), addressed("192.0.2.9"), addressed("2001:db8::1")],
};

describe("interfaces", () => {
  test("by name and by address", () => {
    expect(namedInterface("eth0", 4, table)).toEqual({ name: "eth0", id: "192.0.2.1" });
    expect(namedInterface("192.0.2.9", 4, table)).toEqual({ name: "eth0", id: "192.0.2.9" });
    expect(namedInterface("2001:DB8::1", 6, table)).toEqual({ name: "eth0", id: "::%eth0" });
    expect(namedInterface("eth0", 6, table)).toEqual({ name: "eth0", id: "::%eth0" });
  });

  test("an unknown one is refused with those that exist", () => {
    expect(() => namedInterface("eth7", 4, table)).toThrow(
      "no interface eth7; there are: lo, eth0",
    );
    expect(() => namedInterface("lo", 6, table)).toThrow("lo has no IPv6 address");
  });

  test("by default the routed one, else the only one beyond loopback", () => {
    expect(defaultInterface("127.0.0.1", 4, table).name).toBe("lo");
    expect(defaultInterface(undefined, 4, table).name).toBe("eth0");
    const two = { ...table, eth1: [addressed("198.51.100.1")] };
    expect(() => defaultInterface(undefined, 4, two)).toThrow("--interface eth0 | eth1");
  });
});
