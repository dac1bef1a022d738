/**
 * One end of one connection of the link protocol: greeting, heartbeats, silence, and what waits to
 * leave. It owns no socket and decides nothing about sites: whoever holds it says which peers are
 * welcome (`LinkOwner.welcome`) and gets whole frames. Both ends send a heartbeat each 500 ms and
 * close after 2 s without a byte.
 */
import { assert } from "../base/assert.ts";
import { limits } from "../limits.ts";
import {
  type FrameHeader,
  frameFlags,
  frameHeaderBytes,
  framePayloadBytes,
  frameSequence,
  frameSite,
  frameType,
  frameTypeOf,
  writeFrameHeader,
} from "../wire/frame.ts";
import {
  fabricHash,
  type Hello,
  helloBytes,
  helloFlags,
  parseHello,
  type PeerHello,
  writeHello,
} from "../wire/hello.ts";
import { Framer } from "./framer.ts";
import { Outbox } from "./outbox.ts";

export interface LinkOwner {
  /** Undefined when the peer may stay, else the reason, which is sent to it. */
  welcome(link: Link, peer: PeerHello, nowMs: number): string | undefined;
  onLinkUp(link: Link, nowMs: number): void;
  /** Whole data frames in `bytes[from, to)`, borrowed. */
  onLinkData(link: Link, bytes: Uint8Array, from: number, to: number, nowMs: number): void;
  onLinkMessage(link: Link, site: number, payload: Uint8Array, nowMs: number): void;
  onLinkNeighbour(link: Link, site: number, up: boolean, name: string, nowMs: number): void;
}

export type LinkState =
  | { readonly kind: "greeting"; readonly sinceMs: number }
  | { readonly kind: "up"; readonly sinceMs: number }
  | { readonly kind: "closed"; readonly reason: string };

/** Why both ends of a connection that leads to its own sender close it. */
export const ledToItself = "led-to-itself";

export class Link {
  readonly port: number;
  readonly dialled: boolean;
  readonly outbox: Outbox;
  readonly counters = {
    bytesIn: 0,
    framesIn: 0,
    framesOut: 0,
    droppedQueueFull: 0,
    droppedControlFull: 0,
    messagesShed: 0,
  };
  /** Smoothed round trip in ms (RFC 6298 §2's gain of 1/8), or undefined before the first. */
  rttMs: number | undefined;
  readonly #hello: Hello;
  readonly #owner: LinkOwner;
  readonly #framer = new Framer();
  readonly #scratch = new Uint8Array(frameHeaderBytes + helloBytes);
  #peer: PeerHello | undefined;
  #closingTold = false;
  #state: LinkState;
  #heardMs: number;
  #heartbeatMs: number;
  #nowMs: number;

  /** `dialled`: this end opened the connection, so it sends the first HELLO. */
  constructor(
    port: number,
    options: { hello: Hello; owner: LinkOwner; dialled: boolean; queueBytes?: number },
    nowMs: number,
  ) {
    this.port = port;
    this.dialled = options.dialled;
    this.outbox = new Outbox(options.queueBytes);
    this.#hello = options.hello;
    this.#owner = options.owner;
    this.#state = { kind: "greeting", sinceMs: nowMs };
    this.#heardMs = nowMs;
    this.#heartbeatMs = nowMs + limits.heartbeatIntervalMs;
    this.#nowMs = nowMs;
    if (this.dialled) this.#sendHello(helloFlags.agreed);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Who greeted; kept after the link has closed. */
  get peer(): PeerHello | undefined {
    return this.#peer;
  }

  get isUp(): boolean {
    return this.#state.kind === "up";
  }

  onBytes(bytes: Uint8Array, nowMs: number): void {
    if (this.#state.kind === "closed") return;
    this.#heardMs = nowMs;
    this.#nowMs = nowMs;
    this.counters.bytesIn += bytes.length;
    const fault = this.#framer.read(bytes, this);
    if (fault) this.close(`bad-frame-${fault}`);
  }

  onDeadline(nowMs: number): void {
    const state = this.#state;
    if (state.kind === "closed" || nowMs < this.nextDeadlineMs()) return;
    if (state.kind === "greeting") return this.close("no-greeting");
    if (nowMs >= this.#heardMs + limits.linkSilenceMs) return this.close("silent");
    if (nowMs >= this.#heartbeatMs) {
      this.#heartbeatMs = nowMs + limits.heartbeatIntervalMs;
      this.#sendControl({ type: frameType.ping, payloadBytes: 0, sequence: micros(nowMs) });
    }
  }

  nextDeadlineMs(): number {
    const state = this.#state;
    switch (state.kind) {
      case "greeting":
        return state.sinceMs + limits.handshakeMs;
      case "up":
        return Math.min(this.#heardMs + limits.linkSilenceMs, this.#heartbeatMs);
      case "closed":
        return this.#closingTold ? Number.POSITIVE_INFINITY : 0;
    }
  }

  /** Why the link has closed, told once: its holder then has the connection closed. */
  takeClosed(): string | undefined {
    if (this.#state.kind !== "closed" || this.#closingTold) return undefined;
    this.#closingTold = true;
    return this.#state.reason;
  }

  /** Queues whole data frames; answers how many did not fit, which are dropped and counted. */
  sendData(bytes: Uint8Array, from: number, to: number, frames: number): number {
    const end = this.outbox.pushData(bytes, from, to);
    if (end === to) {
      this.counters.framesOut += frames;
      return 0;
    }
    let dropped = 0;
    for (let at = end; at < to; at += frameHeaderBytes + framePayloadBytes(bytes, at)) dropped++;
    this.counters.framesOut += frames - dropped;
    this.counters.droppedQueueFull += dropped;
    return dropped;
  }

  /**
   * Queues one message; `site` is the neighbour it is for or comes from, 0 for the peer itself. A
   * peer so slow that its control lane is full loses the link: the next one starts with everything.
   */
  sendMessage(site: number, payload: Uint8Array): void {
    const header = { type: frameType.message, payloadBytes: payload.length, site };
    if (!this.#sendControl(header, payload)) this.close("control-lane-full");
  }

  /** Whether a message fits, and beside it what must never wait, such as heartbeats. */
  get hasRoom(): boolean {
    return this.outbox.controlFreeBytes >= limits.linkControlReserveBytes;
  }

  /** Queues a message that its sender will repeat in time, or drops it where there is no room. */
  offerMessage(site: number, payload: Uint8Array): boolean {
    if (this.hasRoom) this.sendMessage(site, payload);
    else this.counters.messagesShed++;
    return this.isUp;
  }

  /** Says that a neighbour is linked, or is not; a full control lane ends the link as above. */
  sendNeighbour(site: number, up: boolean, name: string): void {
    const payload = new TextEncoder().encode(name);
    const flags = up ? 1 : 0;
    const header = { type: frameType.neighbour, payloadBytes: payload.length, site, flags };
    if (!this.#sendControl(header, payload)) this.close("control-lane-full");
  }

  /** Ends the link; the reason travels to the peer if it still can. */
  close(reason: string): void {
    if (this.#state.kind === "closed") return;
    const payload = new TextEncoder().encode(reason);
    this.#sendControl({ type: frameType.bye, payloadBytes: payload.length }, payload);
    this.#state = { kind: "closed", reason };
  }

  onDataFrames(bytes: Uint8Array, from: number, to: number): void {
    if (this.#state.kind !== "up") return this.close("data-before-hello");
    for (let at = from; at < to; at += frameHeaderBytes + framePayloadBytes(bytes, at)) {
      this.counters.framesIn++;
    }
    this.#owner.onLinkData(this, bytes, from, to, this.#nowMs);
  }

  onControlFrame(bytes: Uint8Array, from: number, to: number): void {
    const type = frameTypeOf(bytes, from);
    const payloadAt = from + frameHeaderBytes;
    if (this.#state.kind === "closed") return;
    if (type === frameType.bye) {
      return this.#end(`peer: ${text(bytes.subarray(payloadAt, to))}`);
    }
    if (this.#state.kind === "greeting") {
      if (type !== frameType.hello) return this.close("no-hello-first");
      return this.#greet(bytes, from, to);
    }
    switch (type) {
      case frameType.hello:
        return this.close("second-hello");
      case frameType.ping:
        this.#sendControl({
          type: frameType.pong,
          payloadBytes: 0,
          sequence: frameSequence(bytes, from),
        });
        return;
      case frameType.pong:
        return this.#measure(frameSequence(bytes, from));
      case frameType.message:
        return this.#owner.onLinkMessage(
          this,
          frameSite(bytes, from),
          bytes.subarray(payloadAt, to),
          this.#nowMs,
        );
      case frameType.neighbour: {
        const name = text(bytes.subarray(payloadAt, to));
        const up = frameFlags(bytes, from) === 1;
        return this.#owner.onLinkNeighbour(this, frameSite(bytes, from), up, name, this.#nowMs);
      }
      default:
        assert(false, `frame type ${type} passed the framer`);
    }
  }

  #greet(bytes: Uint8Array, from: number, to: number): void {
    const peer = parseHello(bytes, from + frameHeaderBytes, to);
    if (typeof peer === "string") return this.close(peer);
    if (peer.fabricHash !== fabricHash(this.#hello.fabric)) return this.close("another-fabric");
    const refusal = isSame(peer, this.#hello)
      ? ledToItself
      : this.#owner.welcome(this, peer, this.#nowMs);
    const flags = refusal === undefined ? helloFlags.agreed : helloFlags.refused;
    if (!this.dialled) this.#sendHello(flags);
    if (refusal !== undefined) return this.close(refusal);
    if (frameFlags(bytes, from) === helloFlags.refused) return; // the reason follows
    this.#peer = peer;
    this.#state = { kind: "up", sinceMs: this.#nowMs };
    this.#heartbeatMs = this.#nowMs;
    this.#owner.onLinkUp(this, this.#nowMs);
  }

  #end(reason: string): void {
    this.#state = { kind: "closed", reason };
  }

  #measure(sentMicros: number): void {
    const sampleMs = (micros(this.#nowMs) - sentMicros) / 1000;
    if (sampleMs < 0 || sampleMs > limits.linkSilenceMs) return;
    this.rttMs = this.rttMs === undefined ? sampleMs : this.rttMs + (sampleMs - this.rttMs) / 8;
  }

  #sendHello(flags: number): void {
    this.outbox.pushControl(this.#scratch, 0, writeHello(this.#scratch, 0, this.#hello, flags));
  }

  #sendControl(header: FrameHeader, payload?: Uint8Array): boolean {
    const frame = new Uint8Array(frameHeaderBytes + header.payloadBytes);
    writeFrameHeader(frame, 0, header);
    if (payload) frame.set(payload, frameHeaderBytes);
    const queued = this.outbox.pushControl(frame, 0, frame.length);
    if (!queued) this.counters.droppedControlFull++;
    return queued;
  }
}

const isSame = (peer: PeerHello, own: Hello): boolean =>
  peer.kind === own.kind && peer.name === own.name && peer.incarnation === own.incarnation;

const micros = (nowMs: number): number => Math.round(nowMs * 1000);

const text = (bytes: Uint8Array): string =>
  new TextDecoder().decode(bytes.subarray(0, 200)).replace(/[^ -~]/g, "?");
