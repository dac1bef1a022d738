/**
 * The C library calls that Bun has no API for: synchronous and non-blocking only, on memory that
 * lives as long as the process, without callbacks from C. Linux, glibc (`libc.so.6`) or musl.
 * Every wrapper answers what the call answers; `-1` goes with `errno()`, read before anything else.
 */
import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

const symbols = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  read: { args: ["i32", "u64", "u64"], returns: FFIType.i64_fast },
  write: { args: ["i32", "u64", "u64"], returns: FFIType.i64_fast },
  eventfd: { args: ["u32", "i32"], returns: "i32" },
  recv: { args: ["i32", "u64", "u64", "i32"], returns: FFIType.i64_fast },
  send: { args: ["i32", "u64", "u64", "i32"], returns: FFIType.i64_fast },
  sendmmsg: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  mmap: { args: ["u64", "u64", "i32", "i32", "i32", "i64"], returns: FFIType.u64_fast },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  if_nametoindex: { args: ["ptr"], returns: "u32" },
  getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: "ptr" },
} as const;

function open() {
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]) {
    try {
      return dlopen(name, symbols).symbols;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  throw new SystemError("no C library found", "ENOSYS", "FastCast's roles run on Linux only");
}

let opened: ReturnType<typeof open> | undefined;

/** The calls; opened at first use, so that the portable tools never touch them. */
export function libc(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

export const errno = (): number => read.i32(libc().__errno_location() as Pointer, 0);

/** A fixed block of memory with its address, both for the life of the process. */
export type Block = {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly pointer: Pointer;
};

/** Memory over an `ArrayBuffer` of its own: it never moves, as a small typed array might. */
export function block(length: number): Block {
  const buffer = new ArrayBuffer(length);
  const bytes = new Uint8Array(buffer);
  return { bytes, view: new DataView(buffer), pointer: ptr(bytes) };
}

/** A failed call of the operating system, with what to do about it. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  readonly remedy: string;

  constructor(what: string, code: string, remedy: string) {
    super(`${what}: ${code}. ${remedy}`);
    this.code = code;
    this.remedy = remedy;
  }
}

const names: Record<number, string> = {
  1: "EPERM",
  2: "ENOENT",
  11: "EAGAIN",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  77: "EBADFD",
  90: "EMSGSIZE",
  92: "ENOPROTOOPT",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  105: "ENOBUFS",
};

export const errnoName = (number: number): string => names[number] ?? `errno ${number}`;

export const EAGAIN = 11;
export const EMSGSIZE = 90;
export const ENOPROTOOPT = 92;
export const EADDRINUSE = 98;
const ENODATA = 61;
const EOPNOTSUPP = 95;

/** Throws a `SystemError` when the call answered a negative number. */
export function must(result: number, what: string, remedy: (code: string) => string): number {
  if (result >= 0) return result;
  const code = errnoName(errno());
  throw new SystemError(what, code, remedy(code));
}

/** What to say when a capability may be missing. */
export const needs =
  (capability: string, otherwise = "See `dmesg` and the interface's state with `ip link`.") =>
  (code: string): string =>
    code === "EPERM" || code === "EACCES"
      ? `It needs ${capability}: run as root, or give it with AmbientCapabilities=${capability}.`
      : otherwise;

const word = block(4);

/** Sets an option whose value is one 32-bit number; answers 0 or -1. */
export function setNumberOption(fd: number, level: number, name: number, value: number): number {
  word.view.setInt32(0, value, true);
  return libc().setsockopt(fd, level, name, word.pointer, 4);
}

/** Sets an option from the bytes of a block; answers 0 or -1. */
export const setOption = (fd: number, level: number, name: number, value: Block): number =>
  libc().setsockopt(fd, level, name, value.pointer, value.bytes.length);

/** The kernel's number of an interface. */
export function interfaceIndex(name: string): number {
  const text = block(64);
  text.bytes.set(new TextEncoder().encode(name.slice(0, 63)));
  const index = libc().if_nametoindex(text.pointer);
  if (index > 0) return index;
  throw new SystemError(
    `no network interface ${name}`,
    "ENODEV",
    "`ip link` lists those that exist; name one of them.",
  );
}

/** Whether a file has an extended attribute (xattr(7)); undefined where that cannot be told. */
export function hasFileAttribute(path: string, name: string): boolean | undefined {
  const [file, attribute] = [textBlock(path), textBlock(name)];
  const bytes = Number(libc().getxattr(file.pointer, attribute.pointer, null, 0));
  if (bytes >= 0) return true;
  return [ENODATA, EOPNOTSUPP].includes(errno()) ? false : undefined;
}

/** A string as C has it. */
function textBlock(text: string): Block {
  const encoded = new TextEncoder().encode(text);
  const into = block(encoded.length + 1);
  into.bytes.set(encoded);
  return into;
}

/** A `struct ifreq` of 40 bytes: the name, then 16 bytes for the request's value. */
export function interfaceRequest(name: string): Block {
  const request = block(40);
  request.bytes.set(new TextEncoder().encode(name).subarray(0, 15));
  return request;
}

/** Writes a pointer as the little-endian 64-bit field of a C structure, without a BigInt. */
export function writePointer(view: DataView, at: number, pointer: number): void {
  view.setUint32(at, pointer % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(pointer / 0x1_0000_0000), true);
}
