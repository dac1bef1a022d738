/**
 * TCP connections through Bun's sockets, as ports that write what they can and say when they can
 * again. `socket.write` may take part of the bytes; the caller's queue keeps the rest.
 */
import { parseEndpoint } from "../base/address.ts";
import { limits } from "../limits.ts";
import { setNumberOption, SystemError } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;
const TCP_USER_TIMEOUT = 18;
const userTimeoutMs = 5_000;

type Socket = Bun.Socket<TcpPort | undefined>;

export class TcpPort {
  /** The kernel took less than it was offered; `onWritable` follows. */
  blocked = false;
  onBytes: (bytes: Uint8Array) => void = () => {};
  onWritable: () => void = () => {};
  onClosed: () => void = () => {};
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    const { fd } = socket as unknown as { fd?: number };
    if (process.platform !== "linux" || fd === undefined || fd < 0) return;
    setNumberOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, limits.unsentBytesMax);
    setNumberOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, userTimeoutMs);
  }

  /** Bytes taken, 0 when the connection is closed or its buffer full. */
  readonly write = (memory: Uint8Array, offset: number, length: number): number => {
    const taken = Math.max(0, this.#socket.write(memory, offset, length));
    if (taken < length) this.blocked = true;
    return taken;
  };

  close(): void {
    this.#socket.end();
  }
}

const handlers: Bun.SocketHandler<TcpPort | undefined> = {
  binaryType: "uint8array",
  data: (socket, bytes) => socket.data?.onBytes(bytes),
  drain: (socket) => {
    if (!socket.data) return;
    socket.data.blocked = false;
    socket.data.onWritable();
  },
  close: (socket) => {
    const port = socket.data;
    socket.data = undefined;
    port?.onClosed();
  },
  error: (socket) => {
    socket.terminate();
  },
};

export const openTcp = {
  /** Throws `SystemError`. */
  listen(endpoint: string, onAccepted: (port: TcpPort) => void): { stop: () => void } {
    const { host: hostname, port } = split(endpoint);
    const open = (socket: Socket): void => {
      socket.data = new TcpPort(socket);
      onAccepted(socket.data);
    };
    const socket = { ...handlers, open };
    try {
      const listener = Bun.listen<TcpPort | undefined>({ hostname, port, data: undefined, socket });
      return { stop: () => listener.stop(true) };
    } catch (error) {
      throw new SystemError(
        `cannot listen on ${endpoint}`,
        (error as NodeJS.ErrnoException).code ?? "unknown error",
        "Another process may have the port (`ss -ltnp`): stop it, or choose another address or " +
          "port with router.listen or gateway.listen.",
      );
    }
  },

  /** Exactly one of the two is called. */
  dial(endpoint: string, onOpen: (port: TcpPort) => void, onFailed: () => void): void {
    const { host, port } = split(endpoint);
    let pending = true;
    const fail = (): void => {
      if (!pending) return;
      pending = false;
      clearTimeout(timer);
      onFailed();
    };
    const timer = setTimeout(fail, limits.handshakeMs);
    Bun.connect<TcpPort | undefined>({
      hostname: host,
      port,
      data: undefined,
      socket: {
        ...handlers,
        open: (socket) => {
          if (!pending) return void socket.terminate();
          pending = false;
          clearTimeout(timer);
          socket.data = new TcpPort(socket);
          onOpen(socket.data);
        },
        connectError: fail,
      },
    }).catch(fail);
  },
};

function split(endpoint: string): { host: string; port: number } {
  const parsed = parseEndpoint(endpoint);
  if (!parsed) throw new TypeError(`no endpoint: ${endpoint}`);
  return { host: parsed.host, port: parsed.port };
}
