import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Entries } from "../../src/flow/entries.ts";
import { Forwarding, gatewayNumber } from "../../src/flow/forwarding.ts";
import { Link } from "../../src/flow/link.ts";
import { siteNumber } from "../../src/wire/hello.ts";
import type { Entry } from "../../src/wire/plan.ts";
import { cut, dataFrame, joined } from "./frames.ts";

const seed = 0xf0a;
const own = "own";
const names = ["a", "b", "c", "d"] as const;
const owner = {
  welcome: () => undefined,
  onLinkUp: () => {},
  onLinkData: () => {},
  onLinkMessage: () => {},
  onLinkNeighbour: () => {},
};
const hello = { kind: "router", fabric: "example", name: own, incarnation: 1 } as const;

/** A Router's packet path with links whose outboxes can be read. */
class Bench {
  readonly entries = new Entries();
  readonly links = new Map<number, Link>();
  readonly forwarding = new Forwarding(own, this.entries, (site) => this.links.get(site));
  #term = 0;

  link(name: string, queueBytes = 1_000_000): void {
    const link = new Link(1, { hello, owner, dialled: false, queueBytes }, 0);
    this.links.set(name === own ? gatewayNumber : siteNumber(name), link);
  }

  install(...entries: Entry[]): void {
    const remove = entries.map(({ flow }) => flow);
    const epoch = { term: ++this.#term, manager: "m" };
    expect(this.entries.change({ epoch, install: entries, remove })).toBe("installed");
    this.forwarding.onEntriesChanged();
  }

  remove(flow: number): void {
    const epoch = { term: ++this.#term, manager: "m" };
    this.entries.change({ epoch, install: [], remove: [flow] });
    this.forwarding.onEntriesChanged();
  }

  forward(sender: string, frames: readonly Uint8Array[]): void {
    const bytes = joined([Uint8Array.of(1, 2, 3), ...frames, Uint8Array.of(4)]);
    const number = sender === own ? gatewayNumber : siteNumber(sender);
    this.forwarding.forward(number, bytes, 3, bytes.length - 1);
    bytes.fill(0xa5);
  }

  /** What left to a neighbour since the last call. */
  sent(name: string): string[] {
    const link = this.links.get(name === own ? gatewayNumber : siteNumber(name));
    const parts: Uint8Array[] = [];
    link?.outbox.drain((memory, offset, length) => {
      parts.push(memory.slice(offset, offset + length));
      return length;
    });
    return cut(joined(parts));
  }
}

const entry = (fields: Partial<Entry>): Entry => ({
  flow: 1,
  ingress: "a",
  parent: "a",
  children: [],
  local: false,
  ...fields,
});
const from = (site: string, flow: number, count: number, payloadBytes = 3): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => dataFrame(flow, siteNumber(site), i, payloadBytes));
const hexOf = (frames: readonly Uint8Array[]): string[] => frames.map((bytes) => bytes.toHex());
const nothing = { noEntry: 0, notParent: 0, ownIngress: 0, noLink: 0, queueFull: 0 };

function bench(...links: string[]): Bench {
  const made = new Bench();
  for (const name of links) made.link(name);
  return made;
}

describe("who gets a frame", () => {
  test("every child and the own Gateway, unchanged and in order", () => {
    const world = bench("a", "b", "c", own);
    world.install(entry({ children: ["b", "c"], local: true }));
    const frames = from("a", 1, 3);
    world.forward("a", frames);
    for (const name of ["b", "c", own]) expect(world.sent(name)).toEqual(hexOf(frames));
    expect(world.sent("a")).toEqual([]);
    expect(world.forwarding.counters).toEqual(nothing);
    expect(world.forwarding.countersOf(1)).toMatchObject({ frames: 3, bytes: 81 });
  });

  test("at the ingress it is taken from the own Gateway only, and not given back to it", () => {
    const world = bench("a", "b", own);
    const { parent: _, ...root } = entry({ ingress: own, children: ["b"], local: true });
    world.install(root);
    world.forward(own, from(own, 1, 2));
    expect([world.sent("b").length, world.sent(own).length]).toEqual([2, 0]);
    world.forward("a", from("a", 1, 2));
    expect(world.forwarding.counters).toEqual({ ...nothing, notParent: 2 });
  });

  test("nobody, when it does not come from the parent", () => {
    const world = bench("a", "b", "c", own);
    world.install(entry({ children: ["b"], local: true }));
    for (const sender of ["b", "c", own]) world.forward(sender, from("a", 1, 2));
    expect(["a", "b", "c", own].flatMap((name) => world.sent(name))).toEqual([]);
    expect(world.forwarding.counters).toEqual({ ...nothing, notParent: 6 });
  });

  test("nobody, when it began at this very site", () => {
    const world = bench("a", "b");
    world.install(entry({ children: ["b"] }));
    world.forward("a", from(own, 1, 2));
    expect(world.sent("b")).toEqual([]);
    expect(world.forwarding.counters).toEqual({ ...nothing, ownIngress: 2 });
  });

  test("never parent or ingress, and each child once, whatever the entry says", () => {
    const world = bench("a", "b", "c");
    world.install(entry({ ingress: "c", children: ["a", "b", "b", "c", "b"] }));
    world.forward("a", from("c", 1, 2));
    expect(["a", "b", "c"].map((name) => world.sent(name).length)).toEqual([0, 2, 0]);
  });

  test("nobody without an entry", () => {
    const world = bench("a", "b");
    world.forward("a", from("a", 1, 2));
    expect(world.forwarding.counters).toEqual({ ...nothing, noEntry: 2 });
    expect(world.forwarding.countersOf(1)).toMatchObject({ frames: 0, bytes: 0 });
  });
});

test("runs of mixed flows and sites each go their way, in order", () => {
  const world = bench("a", "b", "c");
  world.install(entry({ flow: 1, children: ["b"] }), entry({ flow: 2, children: ["b", "c"] }));
  const parts = [
    from("a", 1, 2),
    from("a", 2, 1),
    from("d", 2, 2, 0),
    from(own, 2, 1),
    from("a", 1, 1),
    from("a", 3, 4),
  ];
  world.forward("a", parts.flat());
  const [one, two, three, , five] = parts.map(hexOf);
  expect(world.sent("b")).toEqual([one, two, three, five].flatMap((some) => some ?? []));
  expect(world.sent("c")).toEqual([two, three].flatMap((some) => some ?? []));
  expect(world.forwarding.counters).toEqual({ ...nothing, ownIngress: 1, noEntry: 4 });
  expect(world.forwarding.countersOf(2).frames).toBe(3);
});

describe("what is lost is counted by child", () => {
  test("a neighbour without a link, and one with a full queue", () => {
    const world = bench("a", "b");
    world.link("c", 60);
    world.install(entry({ children: ["b", "c", "d"] }));
    world.forward("a", from("a", 1, 5));
    expect(["b", "c", "d"].map((name) => world.sent(name).length)).toEqual([5, 2, 0]);
    expect(world.forwarding.counters).toEqual({ ...nothing, noLink: 5, queueFull: 3 });
    expect(world.forwarding.countersOf(1)).toEqual({
      frames: 5,
      bytes: 135,
      droppedNoLink: 5,
      droppedQueueFull: 3,
    });
  });

  test("a link that comes later is used", () => {
    const world = bench("a");
    world.install(entry({ children: ["b"] }));
    world.forward("a", from("a", 1, 1));
    world.link("b");
    world.forward("a", from("a", 1, 1));
    expect(world.sent("b").length).toBe(1);
  });
});

describe("a Flow ID that is removed", () => {
  test("and installed again has the new route and new counters", () => {
    const world = bench("a", "b", "c");
    world.install(entry({ children: ["b"] }));
    world.forward("a", from("a", 1, 1));
    world.remove(1);
    world.forward("a", from("a", 1, 1));
    world.install(entry({ parent: "b", children: ["c"] }));
    world.forward("a", from("a", 1, 1));
    world.forward("b", from("a", 1, 1));
    expect([world.sent("b").length, world.sent("c").length]).toEqual([1, 1]);
    expect(world.forwarding.counters).toEqual({ ...nothing, noEntry: 1, notParent: 1 });
    expect(world.forwarding.countersOf(1).frames).toBe(1);
  });

  test("and installed in one change too; other flows keep what they counted", () => {
    const world = bench("a", "b", "c");
    world.install(entry({ children: ["b"] }), entry({ flow: 2, children: ["b"] }));
    world.forward("a", [...from("a", 1, 1), ...from("a", 2, 1)]);
    world.install(entry({ children: ["c"] }));
    world.forward("a", [...from("a", 1, 1), ...from("a", 2, 1)]);
    expect([world.sent("b").length, world.sent("c").length]).toEqual([3, 1]);
    expect(world.forwarding.countersOf(2).frames).toBe(2);
  });
});

test("any tables and frames: what comes in is sent or counted, for each child", () => {
  const site = fc.constantFrom(own, ...names);
  const anyEntry = fc.record({
    flow: fc.nat({ max: 3 }),
    ingress: site,
    parent: fc.option(fc.constantFrom(...names), { nil: undefined }),
    children: fc.array(fc.constantFrom(...names), { maxLength: 5 }),
    local: fc.boolean(),
  });
  const anyFrame = fc.tuple(fc.nat({ max: 4 }), site, fc.nat({ max: 20 }));
  const chunk = fc.tuple(site, fc.array(anyFrame, { minLength: 1, maxLength: 12 }));
  const queues = fc.dictionary(site, fc.constantFrom(30, 100, 100_000));
  fc.assert(
    fc.property(
      fc.uniqueArray(anyEntry, { selector: ({ flow }) => flow }),
      fc.array(chunk, { maxLength: 8 }),
      queues,
      (table, chunks, links) => {
        const world = new Bench();
        for (const [name, queueBytes] of Object.entries(links)) world.link(name, queueBytes);
        world.install(...table);
        const wanted = new Map<string, string[]>();
        let [frames, copies] = [0, 0];
        for (const [sender, content] of chunks) {
          const made = content.map(([flow, ingress, payloadBytes], i) =>
            dataFrame(flow, siteNumber(ingress), i, payloadBytes),
          );
          world.forward(sender, made);
          frames += made.length;
          content.forEach(([flow, ingress], i) => {
            const children = childrenOf(table, flow, sender, ingress);
            copies += children.size;
            for (const child of children) {
              const list = wanted.get(child) ?? [];
              list.push(made[i]?.toHex() ?? "");
              wanted.set(child, list);
            }
          });
        }
        const { counters } = world.forwarding;
        let sent = 0;
        for (const name of [own, ...names]) {
          const left = world.sent(name);
          sent += left.length;
          const all = wanted.get(name) ?? [];
          if (links[name] === 100_000) expect(left).toEqual(all);
          else expect(isWithin(left, all)).toBe(true);
        }
        expect(sent + counters.noLink + counters.queueFull).toBe(copies);
        const taken = table.reduce(
          (sum, { flow }) => sum + world.forwarding.countersOf(flow).frames,
          0,
        );
        expect(taken + counters.noEntry + counters.notParent + counters.ownIngress).toBe(frames);
      },
    ),
    { seed, numRuns: 1_000 },
  );
});

/** Who is to get a frame, by the words of the architecture. */
function childrenOf(table: Entry[], flow: number, sender: string, ingress: string): Set<string> {
  const standing = table.find((one) => one.flow === flow);
  if (!standing || (standing.parent ?? own) !== sender) return new Set();
  if (sender !== own && ingress === own) return new Set();
  const children = new Set(standing.children);
  if (standing.local && standing.parent !== undefined) children.add(own);
  children.delete(standing.parent ?? own);
  if (standing.ingress !== own) children.delete(standing.ingress);
  return children;
}

/** Whether `part` is `all` with some left out, in the same order. */
function isWithin(part: readonly string[], all: readonly string[]): boolean {
  let at = 0;
  for (const one of all) if (at < part.length && part[at] === one) at++;
  return at === part.length;
}
