/**
 * The WAN as a process: a learning switch in user space over one packet socket per port, which
 * delays, loses and limits packets between sites as `wan.ts` decides. `Bun.connect` on each socket
 * only tells that packets wait; they are read without blocking, a bounded number per turn. One
 * timer is armed for the next packet that is due.
 */
import { readFileSync, rmSync } from "node:fs";
import { ptr } from "bun:ffi";
import { Prng } from "../base/prng.ts";
import { LabFault } from "./fault.ts";
import { socketFile } from "./machines.ts";
import type { PairShape } from "./matrix.ts";
import {
  openPacketPort,
  packetBufferBytes,
  receivePacket,
  sendPacket,
  virtioHeaderBytes,
} from "./packet-port.ts";
import type { PacketBlock } from "./parcels.ts";
import { ParcelPool } from "./parcels.ts";
import { SwitchTable, allPorts, ethernetHeaderBytes } from "./switch-table.ts";
import { Wan } from "./wan.ts";
import type { PairChange, PairReport, WanCommands, WanSetup } from "./wan-control.ts";
import { answerWan, wanFile } from "./wan-control.ts";

/** Packets read from one port before the others get their turn. */
const packetsPerTurnMax = 128;

export class WanEmulator implements WanCommands {
  readonly #names: readonly string[];
  readonly #descriptors: readonly number[];
  readonly #wan: Wan<PacketBlock>;
  readonly #table = new SwitchTable();
  readonly #pool = new ParcelPool();
  readonly #bytes = new Uint8Array(new ArrayBuffer(packetBufferBytes));
  readonly #pointer = ptr(this.#bytes);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** Packets that the kernel did not take from us. */
  #unsent = 0;

  constructor(setup: WanSetup) {
    this.#names = setup.ports;
    this.#wan = new Wan(setup.ports.length, new Prng(setup.seed));
    this.#shapeAll(setup);
    this.#descriptors = setup.ports.map((name) => openPacketPort(name));
  }

  /** From here on packets pass. */
  async start(): Promise<void> {
    for (const [port, fd] of this.#descriptors.entries()) {
      await onReadable(fd, (bytes) => this.#onReadable(port, bytes));
    }
  }

  pairs(): PairReport[] {
    const reports: PairReport[] = [];
    for (const [i, from] of this.#names.entries()) {
      for (const [j, to] of this.#names.entries()) {
        if (i === j) continue;
        reports.push({ from, to, ...this.#wan.shape(i, j), ...this.#wan.counts(i, j) });
      }
    }
    return reports;
  }

  get unsent(): number {
    return this.#unsent;
  }

  change(from: string, to: string, change: PairChange): boolean {
    const [i, j] = [this.#names.indexOf(from), this.#names.indexOf(to)];
    if (i < 0 || j < 0) return false;
    this.#wan.setShape(i, j, { ...this.#wan.shape(i, j), ...change });
    return true;
  }

  #shapeAll({ ports, base, pairs }: WanSetup): void {
    for (const from of ports) {
      for (const to of ports) {
        if (from !== to && from !== "manager" && to !== "manager") this.#shape(from, to, base);
      }
    }
    for (const { from, to, ...shape } of pairs) this.#shape(from, to, shape);
  }

  #shape(from: string, to: string, shape: PairShape): void {
    this.change(from, to, shape);
  }

  /** The event brings the first packet itself; the rest of the turn is read here. */
  #onReadable(port: number, first: Uint8Array): void {
    const nowMs = performance.now();
    this.#sendDue(nowMs);
    let bytes = first.length;
    if (bytes <= packetBufferBytes) this.#bytes.set(first);
    else [bytes, this.#unsent] = [0, this.#unsent + 1];
    for (let count = 0; bytes > 0;) {
      this.#onPacket(port, bytes, nowMs);
      if (++count === packetsPerTurnMax) break;
      bytes = receivePacket(this.#descriptors[port] as number, this.#pointer);
    }
    this.#arm(nowMs);
  }

  #onPacket(from: number, bytes: number, nowMs: number): void {
    if (bytes < virtioHeaderBytes + ethernetHeaderBytes) return;
    const to = this.#table.portFor(this.#bytes, virtioHeaderBytes, from);
    if (to !== allPorts) this.#pass(from, to, bytes, nowMs);
    else for (let port = 0; port < this.#names.length; port++) this.#pass(from, port, bytes, nowMs);
  }

  #pass(from: number, to: number, bytes: number, nowMs: number): void {
    if (from === to) return;
    const frameBytes = bytes - virtioHeaderBytes;
    const dueMs = this.#wan.admit(from, to, frameBytes, nowMs);
    if (dueMs < 0) return;
    if (dueMs <= nowMs && !this.#wan.isQueued(from, to)) {
      if (!sendPacket(this.#descriptors[to] as number, this.#pointer, bytes)) this.#unsent++;
      return;
    }
    const block = this.#pool.copyOf(this.#bytes, bytes);
    if (!block) {
      this.#wan.onNoMemory(from, to, frameBytes);
      return;
    }
    block.to = to;
    block.dueMs = dueMs;
    this.#wan.enqueue(from, block);
  }

  #sendDue(nowMs: number): void {
    for (let block = this.#wan.takeDue(nowMs); block; block = this.#wan.takeDue(nowMs)) {
      const fd = this.#descriptors[block.to] as number;
      if (!sendPacket(fd, block.pointer, block.bytes)) this.#unsent++;
      this.#pool.release(block);
    }
  }

  #arm(nowMs: number): void {
    const atMs = this.#wan.nextDeadlineMs();
    if (atMs >= this.#timerAtMs || atMs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timerAtMs = Number.POSITIVE_INFINITY;
        const laterMs = performance.now();
        this.#sendDue(laterMs);
        this.#arm(laterMs);
      },
      Math.max(0, atMs - nowMs),
    );
  }
}

/** Runs the emulator that a lab's directory describes, in this process's namespace. */
export async function runWanEmulator(directory: string): Promise<void> {
  const setup = JSON.parse(readFileSync(wanFile(directory), "utf8")) as WanSetup;
  const emulator = new WanEmulator(setup);
  await emulator.start();
  const socket = socketFile(directory, "wan");
  rmSync(socket, { force: true }); // a killed emulator leaves its socket behind
  Bun.serve({
    unix: socket,
    maxRequestBodySize: 4_096,
    fetch: (request) => answerWan(emulator, request),
  });
}

/** Calls back with each packet that Bun read from an adopted packet socket. */
async function onReadable(fd: number, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const options = {
    fd,
    socket: {
      data: (_socket: unknown, bytes: Uint8Array) => onBytes(bytes),
      // A port without its interface: the process ends, and `lab status` shows it.
      error: (_socket: unknown, error: Error) => {
        throw error;
      },
      close: () => {
        throw new LabFault("failed", "the WAN lost the interface of a port");
      },
    },
  };
  // `fd` is missing from the overloads of Bun's types.
  await Bun.connect(options as unknown as Bun.TCPSocketConnectOptions);
}
