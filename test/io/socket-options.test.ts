import { afterAll, describe, expect, test } from "bun:test";
import {
  raiseReceiveBuffer,
  receiveDrops,
  receiveOwnGroupsOnly,
} from "../../src/io/socket-options.ts";

const isLinux = process.platform === "linux";
const open = (hostname: string) => Bun.udpSocket({ hostname, socket: { error() {} } });
const socket = await open("127.0.0.1");
const descriptor = (of: object): number => (of as { fd: number }).fd;
const fd = descriptor(socket);

afterAll(() => socket.close());

describe.skipIf(!isLinux)("on Linux", () => {
  test("the receive buffer that was asked for, or the system's limit, is answered", () => {
    expect(raiseReceiveBuffer(fd, 100_000)).toBe(100_000);
    expect(raiseReceiveBuffer(fd, 4 * 1024 * 1024)).toBeGreaterThanOrEqual(100_000);
  });

  test("a full receive buffer shows in the count of drops", async () => {
    expect(receiveDrops(fd)).toBe(0);
    raiseReceiveBuffer(fd, 4_096);
    const sender = await open("127.0.0.1");
    const packet = [new Uint8Array(1_000), socket.port, "127.0.0.1"];
    // In one turn of the loop, so nothing is read in between.
    sender.sendMany(Array.from({ length: 100 }, () => packet).flat());
    sender.close();
    expect(receiveDrops(fd)).toBeGreaterThan(0);
  });

  test("groups of others are refused in both families", async () => {
    expect(receiveOwnGroupsOnly(fd, 4)).toBe(true);
    const socket6 = await open("::");
    expect(receiveOwnGroupsOnly(descriptor(socket6), 6)).toBe(true);
    socket6.close();
  });

  test("a descriptor that is no socket changes nothing", () => {
    expect(receiveDrops(-1)).toBeUndefined();
    expect(receiveOwnGroupsOnly(-1, 4)).toBe(false);
  });
});

test.skipIf(isLinux)("elsewhere the system's defaults stay", () => {
  expect(raiseReceiveBuffer(fd, 100_000)).toBeUndefined();
  expect(receiveOwnGroupsOnly(fd, 4)).toBe(false);
});
