/**
 * Readiness of descriptors that Bun cannot watch (TUN, packet and raw sockets). One worker thread
 * blocks in `poll()` and does nothing else; it raises a flag in shared memory and waits until the
 * main thread, which reads the packets, has lowered it. So there is one wake-up per batch and no
 * spinning. In the compiled executable the worker is the same file (`cmd/fastcast.ts`).
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { block, libc } from "./libc.ts";

const POLLIN = 1;
const ready = 0;
const firstEvent = 1;
const descriptorsMax = 64;

type Orders = { readonly descriptors: readonly number[]; readonly shared: SharedArrayBuffer };

/** Watches descriptors for the main thread. */
export class Poller {
  readonly #readers = new Map<number, () => void>();
  readonly #entry: string;
  #worker: Worker | undefined;
  #stopped = false;

  /** `entry` is the program's main file, which runs `runPoller` in a worker. */
  constructor(entry: string) {
    this.#entry = entry;
  }

  /** Calls `onReadable` whenever the descriptor has something; it reads until EAGAIN or its bound. */
  watch(descriptor: number, onReadable: () => void): void {
    this.#readers.set(descriptor, onReadable);
  }

  /** Starts the worker; call once, after the last `watch`. */
  start(): void {
    if (this.#readers.size === 0) return;
    const descriptors = [...this.#readers.keys()];
    const shared = new SharedArrayBuffer(4 * (firstEvent + descriptorsMax));
    const orders: Orders = { descriptors, shared };
    this.#worker = new Worker(this.#entry, { workerData: orders });
    void this.#await(descriptors, new Int32Array(shared));
  }

  stop(): void {
    this.#stopped = true;
    void this.#worker?.terminate();
  }

  async #await(descriptors: readonly number[], flags: Int32Array): Promise<void> {
    while (!this.#stopped) {
      const wait = Atomics.waitAsync(flags, ready, 0);
      if (wait.async) await wait.value;
      if (this.#stopped) return;
      for (const [i, descriptor] of descriptors.entries()) {
        if (flags[firstEvent + i] !== 0) this.#readers.get(descriptor)?.();
      }
      Atomics.store(flags, ready, 0);
      Atomics.notify(flags, ready);
    }
  }
}

/** The worker's whole work; returns only when the process ends. */
export function runPoller(): void {
  if (isMainThread) throw new Error("runPoller belongs in a worker");
  const { descriptors, shared } = workerData as Orders;
  const flags = new Int32Array(shared);
  const request = block(8 * descriptors.length);
  for (const [i, descriptor] of descriptors.entries()) {
    request.view.setInt32(8 * i, descriptor, true);
    request.view.setInt16(8 * i + 4, POLLIN, true);
  }
  for (;;) {
    if (libc().poll(request.pointer, descriptors.length, -1) <= 0) continue;
    for (let i = 0; i < descriptors.length; i++) {
      flags[firstEvent + i] = request.view.getInt16(8 * i + 6, true);
    }
    Atomics.store(flags, ready, 1);
    Atomics.notify(flags, ready);
    Atomics.wait(flags, ready, 1);
  }
}
