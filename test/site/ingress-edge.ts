import { expect } from "bun:test";
import { Claims } from "../../src/site/claims.ts";
import { Ingress } from "../../src/site/ingress.ts";
import { Ownership } from "../../src/site/ownership.ts";
import { RateLimit, type Rates } from "../../src/site/rate-limit.ts";
import { RemoteWants } from "../../src/site/remote.ts";
import {
  frameFlowId,
  frameHeaderBytes,
  framePayloadBytes,
  frameSequence,
  frameSite,
} from "../../src/wire/frame.ts";
import type { FlowAssignment } from "../../src/wire/plan.ts";
import type { Want } from "../../src/wire/want.ts";
import { framed, group, openPolicy, prefix, prefix6, row } from "./site.ts";

type Sent = { readonly flow: number; readonly sequence: number; readonly packet: Uint8Array };

/** An ingress between remote wants and assignments that a test gives, and what left it. */
export class IngressEdge {
  readonly claims = new Claims();
  readonly remote: RemoteWants;
  readonly ingress: Ingress;
  readonly sent: Sent[] = [];
  nowMs = 0;
  readonly runs: number[] = [];

  constructor(policy = openPolicy, rates?: Rates) {
    const { claims } = this;
    const ownership = new Ownership([prefix, prefix6]);
    const remote = new RemoteWants(policy);
    const rateLimit = rates && new RateLimit(rates);
    this.remote = remote;
    this.ingress = new Ingress(77, { ownership, claims, policy, remote, rateLimit });
  }

  want(...wants: Want[]): this {
    this.remote.onRows([row("b", { wants })]);
    this.ingress.onRemoteChanged();
    return this;
  }

  assign(...flows: FlowAssignment[]): this {
    this.ingress.onFlows(flows, this.nowMs, this.#target);
    return this;
  }

  packets(packets: readonly Uint8Array[], nowMs = this.nowMs): this {
    this.nowMs = nowMs;
    const bytes = framed(packets);
    this.ingress.onPackets(bytes, bytes.length, nowMs, this.#target);
    return this;
  }

  deadline(nowMs: number): this {
    this.nowMs = nowMs;
    this.ingress.onDeadline(nowMs, this.#target);
    return this;
  }

  flows(): number[] {
    return this.sent.map(({ flow }) => flow);
  }

  readonly #target = (bytes: Uint8Array, from: number, to: number, frames: number): void => {
    this.runs.push(frames);
    let count = 0;
    for (let at = from; at < to; count++) {
      const end = at + frameHeaderBytes + framePayloadBytes(bytes, at);
      expect(frameSite(bytes, at)).toBe(77);
      const flow = frameFlowId(bytes, at);
      const body = bytes.slice(at + frameHeaderBytes, end);
      this.sent.push({ flow, sequence: frameSequence(bytes, at), packet: body });
      at = end;
    }
    expect(count).toBe(frames);
  };
}

/** The flow of a group, of any source. */
export const any = (flow: number, of = group): FlowAssignment => ({
  flow,
  channels: [{ group: of }],
});
