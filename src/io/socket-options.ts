/**
 * The few socket options the test tools need and Bun does not offer, on Linux. Elsewhere every
 * function answers `undefined` and the socket keeps the system's defaults. Own bindings, so that
 * `send` and `recv` run on any host and load nothing of the daemon's `libc.ts`.
 */
import { dlopen, ptr } from "bun:ffi";

const level = { ip: 0, socket: 1, ipv6: 41 } as const;
const option = {
  ipMulticastAll: 49,
  ipv6MulticastAll: 29,
  receiveBuffer: 8,
  receiveBufferForce: 33,
  memoryInfo: 55,
} as const;
/** Index of SK_MEMINFO_DROPS in the words that SO_MEMINFO answers (linux/sock_diag.h). */
const dropsWord = 8;

const symbols = {
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
} as const;

// Over their own ArrayBuffers, so that their pointers stay valid.
const value = new Uint32Array(new ArrayBuffer(64));
const length = new Uint32Array(new ArrayBuffer(4));
const calls = openCalls();

/** Asks for a receive buffer, beyond the system's limit where privileged; the size that came. */
export function raiseReceiveBuffer(fd: number, bytes: number): number | undefined {
  if (!set(fd, level.socket, option.receiveBufferForce, bytes)) {
    set(fd, level.socket, option.receiveBuffer, bytes);
  }
  // Linux answers double the size: half of it is for its own records (socket(7)).
  return get(fd, option.receiveBuffer, 0, (word) => word / 2);
}

/** Datagrams the kernel threw away because this socket's receive buffer was full. */
export const receiveDrops = (fd: number): number | undefined =>
  get(fd, option.memoryInfo, dropsWord, (word) => word);

/** Only what this socket joined, on the interface it named: not what others here joined (ip(7)). */
export const receiveOwnGroupsOnly = (fd: number, family: 4 | 6): boolean =>
  family === 4
    ? set(fd, level.ip, option.ipMulticastAll, 0)
    : set(fd, level.ipv6, option.ipv6MulticastAll, 0);

function set(fd: number, at: number, name: number, to: number): boolean {
  if (!calls) return false;
  value[0] = to;
  return calls.setsockopt(fd, at, name, ptr(value), 4) === 0;
}

function get(
  fd: number,
  name: number,
  word: number,
  of: (word: number) => number,
): number | undefined {
  if (!calls) return undefined;
  length[0] = value.byteLength;
  if (calls.getsockopt(fd, level.socket, name, ptr(value), ptr(length)) !== 0) return undefined;
  return (word + 1) * 4 > length[0] ? undefined : of(value[word] as number);
}

function openCalls(): ReturnType<typeof dlopen<typeof symbols>>["symbols"] | undefined {
  if (process.platform !== "linux") return undefined;
  const names = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];
  for (const name of names) {
    try {
      return dlopen(name, symbols).symbols;
    } catch (error) {
      if (name === names.at(-1)) console.error(`socket options stay at their defaults: ${error}`);
    }
  }
  return undefined;
}
