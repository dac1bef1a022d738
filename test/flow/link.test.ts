import { describe, expect, test } from "bun:test";
import { Link, type LinkOwner, ledToItself } from "../../src/flow/link.ts";
import { limits } from "../../src/limits.ts";
import { frameHeaderBytes, frameType, frameTypeOf } from "../../src/wire/frame.ts";
import { fabricHash, type Hello, type PeerHello, siteNumber } from "../../src/wire/hello.ts";
import { cut, dataFrame, frame, joined } from "./frames.ts";

const berlin: Hello = { kind: "router", fabric: "example", name: "berlin", incarnation: 1 };
const paris: Hello = { ...berlin, name: "paris", incarnation: 5 };

class Owner implements LinkOwner {
  readonly told: string[] = [];
  refusal: string | undefined;

  welcome(_: Link, peer: PeerHello): string | undefined {
    this.told.push(`welcome ${peer.kind} ${peer.name} ${peer.incarnation}`);
    return this.refusal;
  }

  onLinkUp(link: Link, nowMs: number): void {
    this.told.push(`up ${link.peer?.name} ${nowMs}`);
  }

  onLinkData(_: Link, bytes: Uint8Array, from: number, to: number): void {
    this.told.push(`data ${cut(bytes, from, to).length}`);
  }

  onLinkMessage(_: Link, site: number, payload: Uint8Array): void {
    this.told.push(`message ${site} ${payload.toHex()}`);
  }

  onLinkNeighbour(_: Link, site: number, up: boolean, name: string): void {
    this.told.push(`neighbour ${site} ${up} ${name}`);
  }
}

/** What waits to leave a link. */
function leaving(link: Link): Uint8Array {
  const parts: Uint8Array[] = [];
  link.outbox.drain((memory, offset, length) => {
    parts.push(memory.slice(offset, offset + length));
    return length;
  });
  return joined(parts);
}

const typesOf = (bytes: Uint8Array): (string | undefined)[] =>
  cut(bytes).map((hex) => {
    const type = frameTypeOf(Uint8Array.fromHex(hex), 0);
    return Object.entries(frameType).find(([, value]) => value === type)?.[0];
  });

const reasonOf = (bytes: Uint8Array): string =>
  new TextDecoder().decode(Uint8Array.fromHex(cut(bytes).at(-1) ?? "").subarray(frameHeaderBytes));

class Pair {
  readonly near = new Owner();
  readonly far = new Owner();
  readonly dialler: Link;
  readonly acceptor: Link;

  constructor(dialler = berlin, acceptor = paris) {
    this.dialler = new Link(1, { hello: dialler, owner: this.near, dialled: true }, 0);
    this.acceptor = new Link(2, { hello: acceptor, owner: this.far, dialled: false }, 0);
  }

  /** Carries bytes both ways until nothing moves. */
  carry(nowMs: number): void {
    for (let rounds = 0; rounds < 10; rounds++) {
      const [there, back] = [leaving(this.dialler), leaving(this.acceptor)];
      if (there.length + back.length === 0) return;
      this.acceptor.onBytes(there, nowMs);
      this.dialler.onBytes(back, nowMs);
    }
    throw new Error("the pair never comes to rest");
  }
}

function linked(nowMs = 0): Pair {
  const pair = new Pair();
  pair.carry(nowMs);
  expect([pair.dialler.isUp, pair.acceptor.isUp]).toEqual([true, true]);
  pair.near.told.length = 0;
  pair.far.told.length = 0;
  return pair;
}

const closed = (reason: string) => ({ kind: "closed", reason }) as const;

describe("the greeting", () => {
  test("goes both ways, the dialler first", () => {
    const pair = new Pair();
    expect(leaving(pair.acceptor).length).toBe(0);
    const first = leaving(pair.dialler);
    expect(typesOf(first)).toEqual(["hello"]);
    pair.acceptor.onBytes(first, 10);
    expect(pair.far.told).toEqual(["welcome router berlin 1", "up berlin 10"]);
    expect(pair.dialler.isUp).toBe(false);
    pair.dialler.onBytes(leaving(pair.acceptor), 20);
    expect(pair.near.told).toEqual(["welcome router paris 5", "up paris 20"]);
    expect(pair.dialler.state).toEqual({ kind: "up", sinceMs: 20 });
    const { fabric, ...said } = paris;
    expect(pair.dialler.peer).toEqual({ ...said, fabricHash: fabricHash(fabric) });
  });

  test("an end that refuses says who it is and why, and the dialler is never up", () => {
    const pair = new Pair();
    pair.far.refusal = "no room in Paris";
    pair.acceptor.onBytes(leaving(pair.dialler), 1);
    const answer = leaving(pair.acceptor);
    expect(typesOf(answer)).toEqual(["hello", "bye"]);
    pair.dialler.onBytes(answer, 2);
    expect(pair.dialler.state).toEqual(closed("peer: no room in Paris"));
    expect(pair.acceptor.takeClosed()).toBe("no room in Paris");
    expect(pair.near.told).toEqual(["welcome router paris 5"]);
    expect([pair.dialler.peer, pair.acceptor.peer]).toEqual([undefined, undefined]);
  });

  test("the dialler may refuse too", () => {
    const pair = new Pair();
    pair.near.refusal = "not you";
    pair.carry(1);
    expect(pair.dialler.state).toEqual(closed("not you"));
    expect(pair.acceptor.state).toEqual(closed("peer: not you"));
  });

  test("a connection that leads to its own sender is known as such at both ends", () => {
    const pair = new Pair(berlin, berlin);
    pair.carry(1);
    expect(pair.dialler.takeClosed()).toBe(ledToItself);
    expect(pair.acceptor.takeClosed()).toBe(ledToItself);
    expect([...pair.near.told, ...pair.far.told]).toEqual([]);
  });

  test.each([
    ["another-fabric", { ...berlin, fabric: "other" }],
    ["bad kind", { ...berlin, kind: "manager" as "router" }],
  ])("%s", (reason, hello) => {
    const pair = new Pair(hello, paris);
    pair.carry(1);
    expect(pair.acceptor.state).toEqual(closed(reason === "bad kind" ? "hello-kind" : reason));
    expect(pair.far.told).toEqual([]);
    expect(pair.dialler.isUp).toBe(false);
  });

  test("the first frame must be a greeting", () => {
    const hello = leaving(new Pair().dialler);
    for (const type of Object.values(frameType)) {
      if (type === frameType.hello || type === frameType.bye) continue;
      const { acceptor, far } = new Pair();
      acceptor.onBytes(joined([frame({ type, payloadBytes: 0 }), hello]), 1);
      const reason = type === frameType.data ? "data-before-hello" : "no-hello-first";
      expect(acceptor.state).toEqual(closed(reason));
      expect(far.told).toEqual([]);
    }
  });

  test("a bye before the greeting ends it with the peer's words, cut and made printable", () => {
    const { acceptor } = new Pair();
    const bye = frame({ type: frameType.bye, payloadBytes: 250 }); // filled with 0xfa
    acceptor.onBytes(bye, 1);
    expect(acceptor.state).toEqual(closed(`peer: ${"?".repeat(200)}`));
  });

  test("that does not come within 5 s ends the link at either end", () => {
    const pair = new Pair();
    for (const link of [pair.dialler, pair.acceptor]) {
      expect(link.nextDeadlineMs()).toBe(limits.handshakeMs);
      link.onDeadline(limits.handshakeMs - 1);
      expect(link.state.kind).toBe("greeting");
      link.onDeadline(limits.handshakeMs);
      expect(link.state).toEqual(closed("no-greeting"));
    }
  });

  test("dribbled in does not put the end off", () => {
    const { acceptor, dialler } = new Pair();
    const hello = leaving(dialler);
    for (let at = 0; at < 49; at++) acceptor.onBytes(hello.subarray(at, at + 1), at * 100);
    acceptor.onDeadline(limits.handshakeMs);
    expect(acceptor.state).toEqual(closed("no-greeting"));
  });
});

describe("a link that is up", () => {
  test("second-hello", () => {
    const { acceptor } = linked();
    acceptor.onBytes(leaving(new Pair().dialler), 1);
    expect(acceptor.state).toEqual(closed("second-hello"));
    expect(reasonOf(leaving(acceptor))).toBe("second-hello");
  });

  test("a bad frame ends it by name; what follows is not read", () => {
    const { acceptor, far } = linked();
    const bad = frame({ type: 99, payloadBytes: 0 });
    acceptor.onBytes(joined([dataFrame(1, 1, 1), bad, dataFrame(1, 1, 2)]), 1);
    acceptor.onBytes(dataFrame(1, 1, 3), 2);
    expect(far.told).toEqual(["data 1"]);
    expect(acceptor.state).toEqual(closed("bad-frame-type"));
  });

  test("pings at once, then every 500 ms, and the pong measures the round trip", () => {
    const pair = linked(100);
    const { dialler, acceptor } = pair;
    dialler.onDeadline(100);
    expect(dialler.nextDeadlineMs()).toBe(600);
    acceptor.onBytes(leaving(dialler), 110);
    dialler.onBytes(leaving(acceptor), 140);
    expect(dialler.rttMs).toBe(40);
    dialler.onDeadline(599);
    expect(leaving(dialler).length).toBe(0);
    dialler.onDeadline(600);
    acceptor.onBytes(leaving(dialler), 610);
    dialler.onBytes(leaving(acceptor), 620);
    expect(dialler.rttMs).toBe(40 + (20 - 40) / 8);
    dialler.onBytes(frame({ type: frameType.pong, payloadBytes: 0, sequence: 999_999_999 }), 625);
    dialler.onBytes(frame({ type: frameType.pong, payloadBytes: 0 }).fill(0xff, 16), 625);
    expect(dialler.rttMs).toBe(37.5);
  });

  test("closes 2 s after the last byte, and any byte counts", () => {
    const { dialler } = linked(0);
    for (let nowMs = 0; nowMs < 1_900; nowMs += 500) dialler.onDeadline(nowMs);
    dialler.onBytes(Uint8Array.of(0), 1_900);
    for (let nowMs = 2_000; nowMs < 3_900; nowMs += 100) dialler.onDeadline(nowMs);
    expect(dialler.isUp).toBe(true);
    dialler.onDeadline(1_900 + limits.linkSilenceMs);
    expect(dialler.state).toEqual(closed("silent"));
  });

  test("stays up for as long as both ends run, and no deadline lies in the past", () => {
    const pair = linked(0);
    let nowMs = 0;
    for (let turns = 0; nowMs < 60_000; turns++) {
      expect(turns).toBeLessThan(400);
      nowMs = Math.min(pair.dialler.nextDeadlineMs(), pair.acceptor.nextDeadlineMs());
      for (const link of [pair.dialler, pair.acceptor]) {
        link.onDeadline(nowMs);
        expect(link.nextDeadlineMs()).toBeGreaterThan(nowMs);
      }
      pair.carry(nowMs);
    }
    expect([pair.dialler.isUp, pair.acceptor.isUp]).toEqual([true, true]);
  });

  test("hands over data, messages and neighbours, and counts them", () => {
    const { dialler, acceptor, far } = linked();
    const run = joined([dataFrame(1, 1, 1), dataFrame(1, 1, 2), dataFrame(1, 1, 3)]);
    expect(dialler.sendData(run, 0, run.length, 3)).toBe(0);
    acceptor.onBytes(leaving(dialler), 1);
    dialler.sendMessage(7, Uint8Array.of(0xa0));
    dialler.sendNeighbour(siteNumber("rome"), true, "rome");
    dialler.sendNeighbour(siteNumber("rome"), false, "rome");
    acceptor.onBytes(leaving(dialler), 2);
    const rome = siteNumber("rome");
    expect(far.told).toEqual([
      "data 3",
      "message 7 a0",
      `neighbour ${rome} true rome`,
      `neighbour ${rome} false rome`,
    ]);
    expect([dialler.counters.framesOut, acceptor.counters.framesIn]).toEqual([3, 3]);
  });

  test("says how many frames a full queue drops", () => {
    const options = { hello: berlin, owner: new Owner(), dialled: true, queueBytes: 60 };
    const link = new Link(1, options, 0);
    const run = joined([1, 2, 3].map((sequence) => dataFrame(1, 1, sequence)));
    expect(link.sendData(run, 0, run.length, 3)).toBe(1);
    expect(link.sendData(run, 27, run.length, 2)).toBe(2);
    expect(link.counters).toMatchObject({ framesOut: 2, droppedQueueFull: 3 });
  });
});

describe("the end", () => {
  test("bye carries the reason, and is told once at each end", () => {
    const { dialler, acceptor } = linked();
    dialler.close("going home");
    dialler.close("again");
    expect(dialler.nextDeadlineMs()).toBe(0);
    expect([dialler.takeClosed(), dialler.takeClosed()]).toEqual(["going home", undefined]);
    expect(dialler.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
    const bye = leaving(dialler);
    expect(typesOf(bye)).toEqual(["bye"]);
    acceptor.onBytes(bye, 1);
    expect([acceptor.takeClosed(), acceptor.takeClosed()]).toEqual(["peer: going home", undefined]);
    expect(leaving(acceptor).length).toBe(0);
    expect(acceptor.peer?.name).toBe("berlin");
  });

  test("nothing that comes or is due afterwards has an effect", () => {
    const { dialler, near } = linked();
    dialler.close("over");
    leaving(dialler);
    dialler.onBytes(joined([dataFrame(1, 1, 1), frame({ type: 3, payloadBytes: 0 })]), 1);
    dialler.onDeadline(99_999);
    expect([near.told, leaving(dialler).length]).toEqual([[], 0]);
    expect(dialler.state).toEqual(closed("over"));
  });

  test.each([
    ["messages", (link: Link) => link.sendMessage(0, new Uint8Array(60_000))],
    ["neighbours", (link: Link) => link.sendNeighbour(1, true, "n".repeat(60_000))],
  ])("a control lane full of %s ends the link", (_, send) => {
    const { dialler } = linked();
    let sent = 0;
    while (dialler.isUp && sent++ < 100) send(dialler);
    expect(sent).toBe(18);
    expect(dialler.state).toEqual(closed("control-lane-full"));
    expect(dialler.counters.droppedControlFull).toBe(1);
    expect(reasonOf(leaving(dialler))).toBe("control-lane-full");
  });
});
