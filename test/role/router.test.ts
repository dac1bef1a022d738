import { describe, expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import type { Router } from "../../src/role/router.ts";
import { siteNumber } from "../../src/wire/hello.ts";
import { dataFrame } from "../flow/frames.ts";
import { endpointOf, expectLinked, expectNoRemains, mesh, seeds } from "./mesh.ts";
import { gatewayOf, PlainPeer, RouterWorld } from "./router-world.ts";

const dialsOf = (world: RouterWorld, router: Router, sinceMs = 0): number =>
  world.dials.filter(({ node, atMs }) => node === router && atMs >= sinceMs).length;

describe("two to four sites that dial each other", () => {
  test.each(seeds(300))("seed %d: one connection for each pair, and no more dials", (seed) => {
    const world = new RouterWorld(seed);
    world.delayMaxMs = world.prng.pick([0, 5, 60, 400]);
    const sites = ["a", "b", "c", "d"].slice(0, 2 + (seed % 3));
    const routers = mesh(world, sites);
    world.run(12_000);
    expectLinked(world, routers, seed);
    const before = world.dials.length;
    world.run(10_000);
    expect([seed, world.dials.length]).toEqual([seed, before]);
    expectLinked(world, routers, seed);
    for (const router of routers) {
      expect(dialsOf(world, router)).toBeLessThanOrEqual(6 * (sites.length - 1));
    }
  });

  test.each(seeds(60))("seed %d: over two endpoints that lead to one site", (seed) => {
    const world = new RouterWorld(seed);
    world.delayMaxMs = world.prng.pick([5, 60, 400]);
    const a = world.router("a", [endpointOf("b"), "203.0.113.1:7800"]);
    const b = world.router("b", seed % 2 === 0 ? [endpointOf("a")] : []);
    world.listen(endpointOf("a"), a);
    for (const endpoint of [endpointOf("b"), "203.0.113.1:7800"]) world.listen(endpoint, b);
    world.run(20_000);
    expectLinked(world, [a, b], seed);
    const before = world.dials.length;
    world.run(30_000);
    expect([seed, world.dials.length]).toEqual([seed, before]);
  });

  test("one that comes late is found within a redial", () => {
    const world = new RouterWorld(1);
    const a = world.router("a", [endpointOf("b")]);
    world.run(60_000);
    expect(dialsOf(world, a)).toBeLessThan(30);
    const b = world.router("b", []);
    world.listen(endpointOf("b"), b);
    world.run(1.5 * limits.redialMaxMs + 500);
    expectLinked(world, [a, b], 1);
  });
});

describe("a connection that is cut", () => {
  test.each(seeds(120))("seed %d: comes back, whichever ends notice", (seed) => {
    const world = new RouterWorld(seed);
    const sites = ["a", "b", "c"].slice(0, 2 + (seed % 2));
    const routers = mesh(world, sites);
    world.run(12_000);
    for (let round = 0; round < 3; round++) {
      const cutMs = world.nowMs;
      for (const connection of world.connections.filter(({ cut }) => !cut)) {
        if (connection.ends.every(({ open }) => !open)) continue;
        world.cut(connection, world.prng.pick([[0], [1], [0, 1], []]));
      }
      world.run(12_000);
      expectLinked(world, routers, seed);
      for (const router of routers) {
        expect(dialsOf(world, router, cutMs)).toBeLessThanOrEqual(8 * (sites.length - 1));
      }
    }
    for (const router of routers) expect(router.counters.linksLost).toBeGreaterThan(0);
  });

  test.each(seeds(40))("seed %d: even when cut again and again while it is opened", (seed) => {
    const world = new RouterWorld(seed);
    const routers = mesh(world, ["a", "b"]);
    for (let round = 0; round < 60; round++) {
      world.run(world.prng.fraction() * 400);
      for (const connection of world.connections.filter(({ cut }) => !cut)) {
        if (world.prng.below(3) === 0) world.cut(connection, world.prng.pick([[0], [1], [0, 1]]));
      }
    }
    world.run(20_000);
    expectLinked(world, routers, seed);
  });

  test("a thousand times leaves nothing behind", () => {
    const world = new RouterWorld(5);
    world.delayMaxMs = 1;
    const [a, b] = mesh(world, ["a", "b"]) as [Router, Router];
    for (let round = 0; round < 1_000; round++) {
      world.run(limits.redialMaxMs + 1_000);
      expect(world.between(a, b).length).toBe(1);
      for (const connection of world.between(a, b)) world.cut(connection, [0, 1]);
      // Connections that are gone are checked and forgotten, or the world itself would grow.
      expectNoRemains(world, round);
      const standing = world.connections.filter(({ ends }) => ends.some(({ open }) => open));
      world.connections.splice(0, world.connections.length, ...standing);
      world.logs.length = 0;
    }
    world.run(10_000);
    expectLinked(world, [a, b], 5);
  });
});

describe("a Router that starts again", () => {
  test.each(seeds(90))("seed %d: replaces the link of its earlier life", (seed) => {
    const world = new RouterWorld(seed);
    const [low, high] = mesh(world, ["a", "b"]) as [Router, Router];
    world.run(8_000);
    const [stays, dies] = seed % 2 === 0 ? [low, high] : [high, low];
    world.kill(dies, seed % 3 === 0 ? "reset" : "silent");
    world.run(world.prng.pick([0, 300, 1_500, 6_000]));
    const reborn = world.router(dies.site, [endpointOf(stays.site)], { incarnation: 2 });
    world.listen(endpointOf(dies.site), reborn);
    const bornMs = world.nowMs;
    world.run(700);
    if (seed % 3 !== 0 && bornMs < 9_000) expectLinked(world, [stays, reborn], seed);
    world.run(12_000);
    expectLinked(world, [stays, reborn], seed);
    expect(dialsOf(world, reborn) + dialsOf(world, stays, bornMs)).toBeLessThan(12);
  });
});

describe("two sites with one name", () => {
  test.each(seeds(20))("seed %d: refuse each other with a reason, at a bounded rate", (seed) => {
    const world = new RouterWorld(seed);
    const one = world.router("same", [endpointOf("two")], { incarnation: 1 });
    const two = world.router("same", [endpointOf("one!")], { incarnation: 2 });
    world.listen(endpointOf("one!"), one);
    world.listen(endpointOf("two"), two);
    world.run(60_000);
    for (const router of [one, two]) {
      expect(router.links(world.nowMs)).toEqual([]);
      expect(router.counters.linksLost).toBe(0);
      expect(dialsOf(world, router)).toBeGreaterThan(10);
      expect(dialsOf(world, router)).toBeLessThan(30);
    }
    const reason = "two sites are named same: rename one";
    expect(world.logs).toContain(`no link with a caller: ${reason}`);
    expect(world.logs).toContain(`no link with ${endpointOf("two")}: ${reason}`);
    expectNoRemains(world, seed);
  });

  test.each(seeds(20))("seed %d: do not take a third site's link in turns", (seed) => {
    const world = new RouterWorld(seed);
    const third = world.router("third", []);
    world.listen(endpointOf("third"), third);
    const twins = [1, 2].map((incarnation) =>
      world.router("same", [endpointOf("third")], { incarnation }),
    );
    world.run(60_000);
    expect(third.links(world.nowMs).length).toBe(1);
    expect(third.counters.linksReplaced).toBeLessThanOrEqual(1);
    expect(twins.map((twin) => twin.links(world.nowMs).length)).toEqual([0, 1]);
    expect(dialsOf(world, twins[0] as Router)).toBeLessThan(30);
  });
});

describe("dials are bounded", () => {
  test.each(seeds(20))("seed %d: a Router that dials itself does so once", (seed) => {
    const world = new RouterWorld(seed);
    const a = world.router("a", [endpointOf("a")]);
    world.listen(endpointOf("a"), a);
    world.run(60_000);
    expect([dialsOf(world, a), a.links(world.nowMs).length]).toEqual([1, 0]);
    expectNoRemains(world, seed);
  });

  test("to another fabric, and to one that hangs up at once", () => {
    const world = new RouterWorld(1);
    const a = world.router("a", [endpointOf("b"), endpointOf("c")]);
    const other = world.router("b", [], { fabric: "other" });
    const flapping = new PlainPeer("router", "c");
    flapping.flaps = true;
    world.add(flapping);
    world.listen(endpointOf("b"), other);
    world.listen(endpointOf("c"), flapping);
    world.run(60_000);
    for (const site of ["b", "c"]) {
      const count = world.dials.filter(({ endpoint }) => endpoint === endpointOf(site)).length;
      expect(count).toBeGreaterThan(10);
      expect(count).toBeLessThan(30);
    }
    expect(world.logs).toContain("no link with a caller: another-fabric");
    expect(a.links(world.nowMs)).toEqual([]);
    expectNoRemains(world, 1);
  });

  test("to a Gateway or Eavesdropper at the endpoint of a Router", () => {
    for (const kind of ["gateway", "eavesdropper"] as const) {
      const world = new RouterWorld(1);
      const a = world.router("a", [endpointOf("b")]);
      const wrong = new PlainPeer(kind, "a");
      world.add(wrong);
      world.listen(endpointOf("b"), wrong);
      world.run(60_000);
      expect(dialsOf(world, a)).toBeGreaterThan(10);
      expect(dialsOf(world, a)).toBeLessThan(30);
      expect(a.links(world.nowMs)).toEqual([]);
    }
  });
});

test("callers that never greet are bounded, and leave room again after 5 s", () => {
  const world = new RouterWorld(1);
  const a = world.router("a", []);
  world.listen(endpointOf("a"), a);
  for (let i = 0; i < 150; i++) world.callSilently(endpointOf("a"));
  expect(a.counters.linksRefused).toBe(150 - limits.pendingLinksMax);
  world.run(limits.handshakeMs);
  expectNoRemains(world, 1);
  world.callSilently(endpointOf("a"));
  expect(a.counters.linksRefused).toBe(50);
});

test("data goes along entries to the Gateway; what waits on a lost link is counted", () => {
  const world = new RouterWorld(7);
  const [a, b] = mesh(world, ["a", "b"]) as [Router, Router];
  const [ofA, ofB] = [gatewayOf(world, a), gatewayOf(world, b)];
  world.run(8_000);
  const epoch = { term: 1, manager: "m" };
  const flow = { flow: 1, ingress: "a" };
  a.change({ epoch, install: [{ ...flow, children: ["b"], local: false }], remove: [] });
  b.change({ epoch, install: [{ ...flow, parent: "a", children: [], local: true }], remove: [] });
  const one = dataFrame(1, siteNumber("a"), 1);
  ofA.link?.sendData(one, 0, one.length, 1);
  world.run(500);
  expect(ofB.told.at(-1)).toBe(`data ${one.toHex()}`);
  expect(b.entryViews()[0]).toMatchObject({ frames: 1, droppedNoLink: 0 });
  for (const connection of world.between(a, b)) {
    for (const end of connection.ends) end.stuck = end.node === b;
    ofA.link?.sendData(one, 0, one.length, 1);
    ofA.link?.sendData(one, 0, one.length, 1);
    world.settle(ofA);
    world.run(400);
    world.cut(connection, [0, 1]);
  }
  world.run(300);
  expect(a.counters.framesLostWithLinks).toBe(2);
  expect(ofB.told.filter((text) => text.startsWith("data")).length).toBe(1);
});
