import { describe, expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import type { Router } from "../../src/role/router.ts";
import { frameHeaderBytes } from "../../src/wire/frame.ts";
import { siteNumber } from "../../src/wire/hello.ts";
import { encodeMessage } from "../../src/wire/message.ts";
import { endpointOf, expectLinked, mesh, seeds } from "./mesh.ts";
import { gatewayOf, neighboursTold, PlainPeer, RouterWorld } from "./router-world.ts";

test("a Gateway from outside is not welcome where the site's own runs inside", () => {
  const world = new RouterWorld(8);
  const router = world.router("a", [], { gatewayInside: true });
  const gateway = gatewayOf(world, router);
  world.run(500);
  expect(gateway.told.at(-1)).toContain("runs in the same process");
  expect(router.links(world.nowMs)).toEqual([]);
});

describe("a Gateway", () => {
  test("that links late gets the neighbours it missed, and then what changes", () => {
    const world = new RouterWorld(3);
    const [a, , c] = mesh(world, ["a", "b", "c"]) as [Router, Router, Router];
    world.run(8_000);
    const gateway = gatewayOf(world, a);
    world.run(500);
    expect(neighboursTold(gateway).sort()).toEqual(["b up", "c up"]);
    expect(gateway.told[0]).toStartWith("message 0 ");
    world.kill(c, "silent");
    world.run(3_000);
    expect(neighboursTold(gateway)).toContain("c down");
    for (const { ends } of world.between(a, gateway)) {
      expect(ends.map(({ open }) => open)).toEqual([true, true]);
    }
    const again = gatewayOf(world, a);
    world.run(500);
    expect(neighboursTold(again)).toEqual(["b up"]);
    expect(gateway.told.at(-1)).toBe("closed: peer: replaced by another connection");
  });

  test.each(seeds(30))("seed %d: knows at the end just the neighbours that are linked", (seed) => {
    const world = new RouterWorld(seed);
    const [a, b] = mesh(world, ["a", "b"]) as [Router, Router];
    const gateways = [a, b].map((router) => gatewayOf(world, router));
    for (let round = 0; round < 10; round++) {
      world.run(world.prng.fraction() * 3_000);
      for (const connection of world.between(a, b)) {
        world.cut(connection, world.prng.pick([[0], [1], [0, 1], []]));
      }
    }
    world.run(15_000);
    expectLinked(world, [a, b], seed);
    expect(gateways.map((gateway) => neighboursTold(gateway).at(-1))).toEqual(["b up", "a up"]);
  });

  test("names sites to be linked", () => {
    const world = new RouterWorld(4);
    const a = world.router("a", []);
    const b = world.router("b", []);
    world.listen(endpointOf("b"), b);
    const gateway = gatewayOf(world, a);
    world.run(500);
    const sites = [{ site: "b", endpoint: endpointOf("b") }];
    gateway.link?.sendMessage(0, encodeMessage({ kind: "neighbours", full: true, sites }));
    gateway.link?.sendMessage(0, Uint8Array.of(0xff));
    gateway.link?.sendMessage(0, encodeMessage({ kind: "digest", reply: true, rows: [] }));
    world.run(1_000);
    expect(a.links(world.nowMs).map(({ site, kind }) => `${kind} ${site}`)).toEqual([
      "gateway a",
      "router b",
    ]);
    expect(a.counters.messagesRefused).toBe(2);
  });

  test("of another site, and an Eavesdropper, are refused by the Router", () => {
    const world = new RouterWorld(4);
    const a = world.router("a", []);
    world.listen(endpointOf("a"), a);
    for (const peer of [new PlainPeer("gateway", "b"), new PlainPeer("eavesdropper", "a/eth0")]) {
      world.add(peer);
      peer.dial(endpointOf("a"));
      world.run(1_000);
      expect(peer.told.at(-1)).toMatch(/^closed: peer: (this is the Router of a|an Eavesdropper)/);
    }
    expect(a.links(world.nowMs)).toEqual([]);
  });

  test("sends messages to a neighbour's Gateway, unread and in order", () => {
    const world = new RouterWorld(5);
    const [a, b] = mesh(world, ["a", "b"]) as [Router, Router];
    const [ofA, ofB] = [gatewayOf(world, a), gatewayOf(world, b)];
    world.run(8_000);
    const before = ofB.told.length;
    for (let i = 0; i < 50; i++) ofA.link?.sendMessage(siteNumber("b"), Uint8Array.of(0xff, i));
    ofA.link?.sendMessage(siteNumber("nobody"), Uint8Array.of(1));
    ofB.link?.sendMessage(siteNumber("a"), new Uint8Array(limits.messageBytesMax).fill(7));
    world.run(1_000);
    const from = siteNumber("a");
    const wanted = seeds(50).map((i) => `message ${from} ${Uint8Array.of(0xff, i).toHex()}`);
    expect(ofB.told.slice(before)).toEqual(wanted);
    expect(ofA.told.at(-1)).toBe(
      `message ${siteNumber("b")} ${"07".repeat(limits.messageBytesMax)}`,
    );
    expect([a.counters.messagesUndelivered, a.counters.messagesRefused]).toEqual([1, 0]);
  });

  test("that does not read misses messages, which are counted, and is silent in the end", () => {
    const world = new RouterWorld(6);
    const [a, b] = mesh(world, ["a", "b"]) as [Router, Router];
    const [slow, ofB] = [gatewayOf(world, a), gatewayOf(world, b)];
    world.run(8_000);
    for (const { ends } of world.between(a, slow))
      for (const end of ends) end.stuck = end.node === slow;
    const large = new Uint8Array(60_000);
    const room = limits.linkControlBytes - limits.linkControlReserveBytes;
    const fit = Math.floor(room / (large.length + frameHeaderBytes)) + 1;
    for (let i = 0; i < 15; i++) ofB.link?.sendMessage(siteNumber("a"), large);
    world.run(300);
    for (let i = 0; i < 15; i++) ofB.link?.sendMessage(siteNumber("a"), large);
    world.run(300);
    const linked = a.links(world.nowMs);
    expect(linked.map(({ site }) => site).sort()).toEqual(["a", "b"]);
    expect(linked.find(({ kind }) => kind === "gateway")?.counters.messagesShed).toBe(30 - fit);
    world.run(limits.linkSilenceMs);
    expect(a.links(world.nowMs).map(({ site }) => site)).toEqual(["b"]);
    // It hears nothing either, since it does not read, and closes first.
    expect(world.logs).toContain("gateway a is gone: peer: silent");
  });
});
