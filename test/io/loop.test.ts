import { describe, expect, test } from "bun:test";
import { Outbox } from "../../src/flow/outbox.ts";
import { Loop } from "../../src/io/loop.ts";
import type { Effect, Node, Port } from "../../src/role/node.ts";
import { frameType, frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame.ts";

class FakeNode implements Node {
  readonly facts: string[] = [];
  readonly effects: Effect[] = [];
  readonly boxes = new Map<Port, Outbox>();
  deadlineMs = Number.POSITIVE_INFINITY;
  onDue: (nowMs: number) => void = () => undefined;
  /** Whether each frame that comes is sent back. */
  echoes = false;

  onConnected(port: Port, tag: string | undefined): void {
    this.boxes.set(port, new Outbox());
    this.facts.push(`connected ${tag ?? "accepted"}`);
  }
  onDialFailed(tag: string): void {
    this.facts.push(`failed ${tag}`);
  }
  onBytes(port: Port, bytes: Uint8Array): void {
    this.facts.push(`bytes ${bytes.length}`);
    if (this.echoes) this.boxes.get(port)?.pushControl(bytes, 0, bytes.length);
  }
  onClosed(port: Port): void {
    this.boxes.delete(port);
    this.facts.push("closed");
  }
  onDeadline(nowMs: number): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.facts.push("deadline");
    this.onDue(nowMs);
  }
  nextDeadlineMs(): number {
    return this.deadlineMs;
  }
  takeEffect(): Effect | undefined {
    return this.effects.shift();
  }
  outbox(port: Port): Outbox | undefined {
    return this.boxes.get(port);
  }

  send(): void {
    const frame = new Uint8Array(frameHeaderBytes);
    writeFrameHeader(frame, 0, { type: frameType.ping, payloadBytes: 0 });
    for (const box of this.boxes.values()) box.pushControl(frame, 0, frame.length);
  }
}

function pair(): { loop: Loop; a: FakeNode; b: FakeNode; logs: string[] } {
  const logs: string[] = [];
  const fatal = (error: unknown): never => {
    throw error;
  };
  const loop = new Loop((level, role, text) => logs.push(`${level} ${role} ${text}`), fatal);
  const [a, b] = [new FakeNode(), new FakeNode()];
  loop.add("a", a);
  loop.add("b", b);
  return { loop, a, b, logs };
}

describe("pipes", () => {
  test("carry bytes both ways within one turn, and end for both", () => {
    const { loop, a, b } = pair();
    a.effects.push({ kind: "dial", endpoint: "pipe:b", tag: "t" });
    loop.turn();
    loop.fact(() => a.send());
    loop.fact(() => b.send());
    const [port] = a.boxes.keys();
    a.send();
    a.effects.push({ kind: "close", port: port as number });
    loop.turn();
    expect(a.facts).toEqual(["connected t", "bytes 24", "closed"]);
    expect(b.facts).toEqual(["connected accepted", "bytes 24", "bytes 24", "closed"]);
    loop.stop();
  });

  test("to nobody fail at once", () => {
    const { loop, a } = pair();
    a.effects.push({ kind: "dial", endpoint: "pipe:c", tag: "t" });
    loop.turn();
    expect(a.facts).toEqual(["failed t"]);
    loop.stop();
  });

  test("roles that never come to rest are a defect, not a hang", () => {
    const { loop, a, b } = pair();
    a.effects.push({ kind: "dial", endpoint: "pipe:b", tag: "t" });
    loop.turn();
    a.echoes = true;
    b.echoes = true;
    expect(() => loop.fact(() => a.send())).toThrow("never come to rest");
  });
});

test("effects are drained in order, those that a fact brings too", () => {
  const { loop, a, b, logs } = pair();
  for (const text of ["one", "two"]) a.effects.push({ kind: "log", level: "info", text });
  loop.fact(() => b.effects.push({ kind: "log", level: "warning", text: "three" }));
  expect(logs).toEqual(["info a one", "info a two", "warning b three"]);
  loop.stop();
});

test("deadlines fire, the earliest first, and are armed anew", async () => {
  const { loop, a, b } = pair();
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    a.onDue = (nowMs) => {
      order.push("a");
      if (order.length < 3) a.deadlineMs = nowMs + 1;
      else resolve();
    };
  });
  b.onDue = () => void order.push("b");
  a.deadlineMs = loop.nowMs + 4;
  b.deadlineMs = loop.nowMs + 1;
  loop.turn();
  await done;
  expect(order).toEqual(["b", "a", "a"]);
  loop.stop();
});

test("after its end the loop tells nothing", () => {
  const { loop, a } = pair();
  let closed = 0;
  loop.onStop(() => closed++);
  loop.stop();
  loop.fact(() => a.facts.push("told"));
  expect(a.facts).toEqual([]);
  expect(closed).toBe(1);
});

test("what a fact throws is fatal, and never swallowed by whoever told it", () => {
  const fatal: unknown[] = [];
  const loop = new Loop(
    () => undefined,
    (error) => fatal.push(error),
  );
  const broken = new Error("broken invariant");
  loop.fact(() => {
    throw broken;
  });
  expect(fatal).toEqual([broken]);
});
