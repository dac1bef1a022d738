/**
 * One Ethernet port in user space: an AF_PACKET socket on one end of a veth pair, by `bun:ffi`
 * with synchronous, non-blocking calls only (packet(7)). Every packet carries a virtio_net_hdr in
 * front, so that partial checksums and super-packets of the sender pass through unharmed.
 */
import { type Pointer, dlopen, ptr, read } from "bun:ffi";
import { LabFault } from "./fault.ts";

/** struct virtio_net_hdr, passed on as it came. */
export const virtioHeaderBytes = 10;
/** Header, Ethernet header with room for a tag, and the longest IP packet. */
export const packetBufferBytes = 65_536 + 64;

const afPacket = 17;
const sockRaw = 3;
const sockNonblock = 0o4000;
const sockCloexec = 0o2000000;
const solSocket = 1;
const soSndbufForce = 32;
const soRcvbufForce = 33;
const solPacket = 263;
const packetVnetHdr = 15;
const packetIgnoreOutgoing = 23;
const ethPAll = 0x0003;
const msgDontwait = 0x40;
/** What arrives while the emulator is busy elsewhere. */
const socketBufferBytes = 16 * 1024 * 1024;

// musl's library has another name; glibc is what the released executable is linked to.
const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  if_nametoindex: { args: ["ptr"], returns: "u32" },
  __errno_location: { args: [], returns: "ptr" },
});

const errno = (): number => read.i32(libc.__errno_location() as Pointer, 0);

/** Opens the port on an interface of this process's namespace; returns the descriptor. */
export function openPacketPort(name: string): number {
  const text = new Uint8Array(new ArrayBuffer(64)); // ends with a zero: names have 15 bytes at most
  new TextEncoder().encodeInto(name, text);
  const index = libc.if_nametoindex(ptr(text));
  if (index === 0) throw new LabFault("failed", `no interface ${name} in this namespace`);
  const fd = checked(libc.socket(afPacket, sockRaw | sockNonblock | sockCloexec, 0), "socket");
  setOption(fd, solPacket, packetVnetHdr, 1);
  setOption(fd, solPacket, packetIgnoreOutgoing, 1);
  setOption(fd, solSocket, soSndbufForce, socketBufferBytes);
  setOption(fd, solSocket, soRcvbufForce, socketBufferBytes);
  const address = new DataView(new ArrayBuffer(20)); // struct sockaddr_ll
  address.setUint16(0, afPacket, true);
  address.setUint16(2, ethPAll, false);
  address.setInt32(4, index, true);
  checked(libc.bind(fd, ptr(address), 20), `bind to ${name}`);
  return fd;
}

/** Bytes of the next packet, put at `into`; 0 when none is waiting or the interface is down. */
export const receivePacket = (fd: number, into: Pointer): number =>
  Math.max(0, libc.recv(fd, into, packetBufferBytes, msgDontwait));

/** False when the kernel has no room for the packet now. */
export function sendPacket(fd: number, from: Pointer, bytes: number): boolean {
  return libc.send(fd, from, bytes, msgDontwait) === bytes;
}

function setOption(fd: number, level: number, option: number, value: number): void {
  const bytes = new Int32Array(new ArrayBuffer(4));
  bytes[0] = value;
  checked(libc.setsockopt(fd, level, option, ptr(bytes), 4), `option ${option}`);
}

function checked(result: number, what: string): number {
  if (result >= 0) return result;
  throw new LabFault("failed", `packet socket: ${what}: errno ${errno()}`);
}
