import { expect, test } from "bun:test";
import { fromHex } from "../../src/base/bytes.ts";
import { SwitchTable, allPorts } from "../../src/lab/switch-table.ts";

const frame = (destination: string, source: string) =>
  fromHex(`ffff ${destination} ${source} 0800`);
const [a, b] = ["020000000001", "fe00000000ff"];

test("a station is found on the port it was last heard on", () => {
  const table = new SwitchTable();
  expect(table.portFor(frame(b, a), 2, 0)).toBe(allPorts);
  expect(table.portFor(frame(a, b), 2, 1)).toBe(0);
  expect(table.portFor(frame(b, a), 2, 0)).toBe(1);
  table.portFor(frame(b, a), 2, 2);
  expect(table.portFor(frame(a, b), 2, 1)).toBe(2);
});

test("broadcast and multicast go everywhere", () => {
  const table = new SwitchTable();
  expect(table.portFor(frame("ffffffffffff", a), 2, 0)).toBe(allPorts);
  expect(table.portFor(frame("01005e000001", a), 2, 0)).toBe(allPorts);
});
