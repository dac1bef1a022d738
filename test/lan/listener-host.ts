import { assert } from "../../src/base/assert.ts";
import { Prng } from "../../src/base/prng.ts";
import { address } from "../../src/base/address.ts";
import { Listener, type ListenerReport } from "../../src/lan/listener.ts";
import type { LanQuery } from "../../src/lan/membership.ts";
import type { Want } from "../../src/wire/want.ts";

export const group = address("233.252.0.1");

/** A listener with its clock, and everything it has sent as `instant report`. */
export class Host {
  readonly listener: Listener;
  readonly sent: { readonly atMs: number; readonly text: string }[] = [];
  nowMs = 0;

  constructor(seed = 1, mtuBytes = 1_500) {
    this.listener = new Listener({ family: 4, mtuBytes }, new Prng(seed));
  }

  want(want: Want): string {
    const outcome = this.listener.onWant(want);
    this.run(this.nowMs);
    return outcome;
  }

  unwanted(of = group): void {
    this.listener.onUnwanted(of);
    this.run(this.nowMs);
  }

  query(query: LanQuery): void {
    this.listener.onQuery(query, this.nowMs);
    this.run(this.nowMs);
  }

  run(untilMs: number): void {
    for (let turn = 0; this.listener.nextDeadlineMs() <= untilMs; turn++) {
      assert(turn < 100_000, "livelock");
      this.nowMs = Math.max(this.nowMs, this.listener.nextDeadlineMs());
      this.listener.onDeadline(this.nowMs);
      this.#drain();
    }
    this.nowMs = untilMs;
  }

  /** What was sent since the last call, without instants. */
  take(): string[] {
    return this.sent.splice(0).map(({ text }) => text);
  }

  #drain(): void {
    for (let one = this.listener.takeReport(); one; one = this.listener.takeReport()) {
      this.sent.push({ atMs: this.nowMs, text: textOf(one) });
    }
  }
}

function textOf(report: ListenerReport): string {
  if (report.kind !== "report3") {
    return report.kind === "report"
      ? `v${report.version} ${report.group}`
      : `leave ${report.group}`;
  }
  return report.records
    .map(({ type, group: of, sources }) => [type, of, ...sources].join(" "))
    .join(", ");
}

/** A host whose membership is told and repeated. */
export function settled(...wants: Want[]): Host {
  const host = new Host();
  for (const want of wants) host.want(want);
  host.run(10_000);
  host.take();
  return host;
}
