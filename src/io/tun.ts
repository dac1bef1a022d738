/**
 * The tunnel interface by which the site's routing hands packets to the Gateway. It lives as long
 * as its descriptor: whatever ends the process, the kernel removes it.
 */
import { closeSync, constants, existsSync, openSync, writeFileSync } from "node:fs";
import type { Family } from "../base/address.ts";
import { limits } from "../limits.ts";
import { frameHeaderBytes, writeDataHeader } from "../wire/frame.ts";
import {
  block,
  EAGAIN,
  errno,
  errnoName,
  interfaceIndex,
  interfaceRequest,
  libc,
  must,
  needs,
  SystemError,
} from "./libc.ts";

const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x1001;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFMTU = 0x8922;
const SIOCSIFTXQLEN = 0x8943;
const IFF_UP = 1;
const AF_INET = 2;
const SOCK_DGRAM = 2;
/** The kernel's queue in front of us; its overflow is silent but for `tx_dropped`. */
const queuePackets = 10_000;
/** IN6_ADDR_GEN_MODE_NONE */
const noAddresses = "1";

export class Tun {
  readonly name: string;
  readonly descriptor: number;
  readonly index: number;
  readonly #batch = block(limits.frameBatchBytes);

  /** Creates the interface for packets of these families and brings it up. Throws `SystemError`. */
  constructor(name: string, families: readonly Family[]) {
    this.name = name;
    this.descriptor = openDevice();
    const request = interfaceRequest(name);
    request.view.setUint16(16, IFF_TUN_NO_PI, true);
    must(
      libc().ioctl(this.descriptor, TUNSETIFF, request.pointer),
      `cannot create TUN ${name}`,
      (code) =>
        code === "EBUSY"
          ? `Another process has it: choose another name with gateway.tun, or stop that process.`
          : needs("CAP_NET_ADMIN")(code),
    );
    this.index = interfaceIndex(name);
    if (families.includes(6)) withoutAddresses(name);
    else withoutIpv6(name);
    configure(name);
  }

  /**
   * Reads what is there, at most `packetsPerTurnMax` packets, each behind a data frame's header
   * with Flow ID 0. `bytes[0, length)` holds the frames until the next call.
   */
  read(): { bytes: Uint8Array; length: number; packets: number } {
    const { bytes, pointer } = this.#batch;
    const base = pointer as number;
    let length = 0;
    let packets = 0;
    const last = bytes.length - frameHeaderBytes - limits.packetBytesMax;
    while (packets < limits.packetsPerTurnMax && length <= last) {
      const at = length + frameHeaderBytes;
      const count = Number(libc().read(this.descriptor, base + at, limits.packetBytesMax));
      if (count < 0 && errno() !== EAGAIN) this.#gone();
      if (count <= 0) break;
      writeDataHeader(bytes, length, count, 0, 0, 0);
      length = at + count;
      packets++;
    }
    return { bytes, length, packets };
  }

  /** A descriptor that is always readable and never gives a packet would keep a core busy. */
  #gone(): never {
    const code = errnoName(errno());
    const remedy = "Somebody removed it: start the role again, which makes it anew.";
    throw new SystemError(`the tunnel interface ${this.name} is gone`, code, remedy);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function openDevice(): number {
  try {
    return openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const remedy =
      code === "ENOENT"
        ? "Load the module (`modprobe tun`); in a container, pass the device through."
        : needs("CAP_NET_ADMIN")(code);
    throw new SystemError("cannot open /dev/net/tun", code, remedy);
  }
}

/**
 * The kernel routes IPv6 only to interfaces that speak it; without a link-local address this one
 * sends no router solicitations of its own into the site's packets.
 */
function withoutAddresses(name: string): void {
  const settings = `/proc/sys/net/ipv6/conf/${name}`;
  if (!existsSync(settings)) return;
  writeFileSync(`${settings}/addr_gen_mode`, noAddresses);
  writeFileSync(`${settings}/disable_ipv6`, "0");
}

/** Router solicitations of the TUN itself have no business in the site's packets. */
function withoutIpv6(name: string): void {
  const path = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(path)) writeFileSync(path, "1");
}

function configure(name: string): void {
  const socket = libc().socket(AF_INET, SOCK_DGRAM, 0);
  const set = (request: number, value: number): void => {
    const parameter = interfaceRequest(name);
    parameter.view.setInt32(16, value, true);
    if (libc().ioctl(socket, request, parameter.pointer) < 0) {
      throw new SystemError(`cannot set up TUN ${name}`, errnoName(errno()), "See `ip link`.");
    }
  };
  set(SIOCSIFMTU, limits.packetBytesMax);
  set(SIOCSIFTXQLEN, queuePackets);
  const flags = interfaceRequest(name);
  libc().ioctl(socket, SIOCGIFFLAGS, flags.pointer);
  set(SIOCSIFFLAGS, flags.view.getInt16(16, true) | IFF_UP);
  libc().close(socket);
}
