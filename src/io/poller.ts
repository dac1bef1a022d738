/**
 * Readiness of descriptors that Bun cannot watch (TUN, packet and raw sockets). One worker thread
 * blocks in `poll()` and does nothing else; it raises a flag in shared memory and waits until the
 * main thread, which reads the packets, has lowered it. So there is one wake-up per batch and no
 * spinning. In the compiled executable the worker is the same file (`cmd/fastcast.ts`).
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { block, libc } from "./libc.ts";

const POLLIN = 1;
const EFD_NONBLOCK = 0o4000;
/** Words of the shared memory: the flag, whether to end, then one for each descriptor. */
const ready = 0;
const ended = 1;
const firstEvent = 2;
const descriptorsMax = 64;

type Orders = { readonly descriptors: readonly number[]; readonly shared: SharedArrayBuffer };

/** Watches descriptors for the main thread. */
export class Poller {
  readonly #readers = new Map<number, () => void>();
  readonly #entry: string;
  /** An eventfd among the descriptors: a blocked `poll()` ends by nothing else. */
  #bell = -1;
  #flags: Int32Array = new Int32Array(firstEvent + descriptorsMax);

  /** `entry` is the program's main file, which runs `runPoller` in a worker. */
  constructor(entry: string) {
    this.#entry = entry;
  }

  /**
   * Calls `onReadable` whenever the descriptor has something; it reads until EAGAIN or its bound.
   */
  watch(descriptor: number, onReadable: () => void): void {
    this.#readers.set(descriptor, onReadable);
  }

  /** Starts the worker; call once, after the last `watch`. */
  start(): void {
    if (this.#readers.size === 0) return;
    assert(this.#readers.size < descriptorsMax, "more descriptors than the poller can watch");
    this.#bell = libc().eventfd(0, EFD_NONBLOCK);
    const descriptors = [...this.#readers.keys()];
    const shared = new SharedArrayBuffer(4 * (firstEvent + descriptorsMax));
    this.#flags = new Int32Array(shared);
    const orders: Orders = { descriptors: [...descriptors, this.#bell], shared };
    const worker = new Worker(this.#entry, { workerData: orders });
    // A thread that ends would leave us deaf; one that does not must not keep the process alive.
    worker.on("error", (error) => {
      throw error;
    });
    worker.unref();
    void this.#await(descriptors);
  }

  /** Lets the worker end; nothing is read any more. */
  stop(): void {
    if (this.#bell < 0) return;
    Atomics.store(this.#flags, ended, 1);
    const one = block(8);
    one.view.setUint32(0, 1, true);
    libc().write(this.#bell, one.pointer as number, 8);
    Atomics.store(this.#flags, ready, 0);
    Atomics.notify(this.#flags, ready);
  }

  async #await(descriptors: readonly number[]): Promise<void> {
    const flags = this.#flags;
    for (;;) {
      const wait = Atomics.waitAsync(flags, ready, 0);
      if (wait.async) await wait.value;
      if (Atomics.load(flags, ended) !== 0) return;
      for (const [i, descriptor] of descriptors.entries()) {
        if (flags[firstEvent + i] !== 0) this.#readers.get(descriptor)?.();
      }
      Atomics.store(flags, ready, 0);
      Atomics.notify(flags, ready);
    }
  }
}

/** The worker's whole work; returns when the main thread stops it. */
export function runPoller(): void {
  assert(!isMainThread, "runPoller belongs in a worker");
  const { descriptors, shared } = workerData as Orders;
  const flags = new Int32Array(shared);
  const request = block(8 * descriptors.length);
  for (const [i, descriptor] of descriptors.entries()) {
    request.view.setInt32(8 * i, descriptor, true);
    request.view.setInt16(8 * i + 4, POLLIN, true);
  }
  while (Atomics.load(flags, ended) === 0) {
    if (libc().poll(request.pointer, descriptors.length, -1) <= 0) continue;
    for (let i = 0; i < descriptors.length; i++) {
      flags[firstEvent + i] = request.view.getInt16(8 * i + 6, true);
    }
    Atomics.store(flags, ready, 1);
    Atomics.notify(flags, ready);
    Atomics.wait(flags, ready, 1);
  }
}
