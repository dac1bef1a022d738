import { expect, test } from "bun:test";
import fc from "fast-check";
import { sendersMax, Statistics, type Verdict } from "../../src/probe/statistics.ts";
import { writeProbe } from "../../src/wire/probe.ts";

type Sent = { counter: number; run?: number; port?: number; sentMicros?: number };

function payload({ counter, run = 1, sentMicros = 1_000_000 }: Sent): Uint8Array {
  const bytes = new Uint8Array(50);
  writeProbe(bytes, { run, stream: 0, counter, sentMicros });
  return bytes;
}

const arrive = (statistics: Statistics, sent: Sent, atMicros = 1_001_000): Verdict =>
  statistics.onArrival({
    source: "192.0.2.1",
    port: sent.port ?? 4_000,
    bytes: payload(sent),
    atMicros,
  });

/** What a sender's counters mean, by the definitions and with all of them remembered. */
function naive(counters: readonly number[]) {
  const seen: number[] = [];
  let [duplicated, reordered] = [0, 0];
  for (const counter of counters) {
    if (seen.includes(counter)) duplicated++;
    else {
      if (seen.some((before) => before > counter)) reordered++;
      seen.push(counter);
    }
  }
  const [first, last] = [Math.min(...counters), Math.max(...counters)];
  const lost = last - first + 1 - seen.length;
  return { first, last, received: seen.length, lost, duplicated, reordered };
}

/** A run from some counter on, each packet lost, sent, or sent twice, and displaced a little. */
const delivered = fc
  .tuple(
    fc.nat(2 ** 40),
    fc.array(fc.record({ copies: fc.nat(2), shift: fc.nat(5) }), { minLength: 1, maxLength: 120 }),
  )
  .map(([from, packets]) =>
    packets
      .flatMap(({ copies, shift }, i) =>
        Array.from({ length: copies }, (_, copy) => ({ counter: from + i, at: i + shift * copy })),
      )
      .concat(packets.slice(0, 1).map(() => ({ counter: from, at: packets.length / 2 })))
      .sort((a, b) => a.at - b.at)
      .map(({ counter }) => counter),
  );

test("counts as a model that remembers everything", () => {
  fc.assert(
    fc.property(delivered, fc.infiniteStream(fc.boolean()), (counters, swaps) => {
      const order = [...counters];
      for (let i = 1; i < order.length; i++) {
        if (swaps.next().value) {
          [order[i - 1], order[i]] = [order[i] as number, order[i - 1] as number];
        }
      }
      const statistics = new Statistics();
      for (const counter of order) arrive(statistics, { counter });
      expect(statistics.senders()).toMatchObject([{ ...naive(order), late: 0, corrupted: 0 }]);
    }),
  );
});

test("any counters in any order keep the sums", () => {
  const counters = fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(counters, (order) => {
      const statistics = new Statistics();
      for (const counter of order) arrive(statistics, { counter });
      const { received, duplicated, late, lost } = statistics.totals();
      expect(received + duplicated + late).toBe(order.length);
      expect(lost).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("a packet 65,536 behind is late: neither received nor duplicate, still lost", () => {
  const statistics = new Statistics();
  arrive(statistics, { counter: 1 });
  arrive(statistics, { counter: 70_000 });
  expect(arrive(statistics, { counter: 2 })).toBe("late");
  expect(statistics.totals()).toMatchObject({ received: 2, lost: 69_998, late: 1, duplicated: 0 });
});

test("an expected number shows what was lost at both ends, and that nobody sent", () => {
  const statistics = new Statistics(10);
  expect(statistics.totals().lost).toBe(10);
  for (const counter of [3, 4, 6]) arrive(statistics, { counter });
  expect(statistics.totals().lost).toBe(7);
});

test("senders differ by port and run", () => {
  const statistics = new Statistics();
  arrive(statistics, { counter: 0 });
  arrive(statistics, { counter: 0, port: 4_001 });
  arrive(statistics, { counter: 0, run: 2 });
  arrive(statistics, { counter: 0 });
  expect(statistics.senders()).toHaveLength(3);
  expect(statistics.totals()).toMatchObject({ received: 3, duplicated: 1 });
});

test("corrupted counts for the sender that is known, and is not received", () => {
  const statistics = new Statistics();
  arrive(statistics, { counter: 0 });
  const bytes = payload({ counter: 1 });
  bytes[45] = (bytes[45] as number) ^ 1;
  const from = { source: "192.0.2.1", atMicros: 0, bytes };
  expect(statistics.onArrival({ ...from, port: 4_000 })).toBe("corrupted");
  expect(statistics.onArrival({ ...from, port: 9 })).toBe("corrupted");
  arrive(statistics, { counter: 2 });
  expect(statistics.senders()).toMatchObject([{ received: 2, lost: 1, corrupted: 1 }]);
  expect(statistics.totals().corrupted).toBe(2);
});

test("foreign payloads belong to no sender", () => {
  const statistics = new Statistics();
  const bytes = new TextEncoder().encode("hello");
  const arrival = { source: "192.0.2.1", port: 1, bytes, atMicros: 0 };
  expect(statistics.onArrival(arrival)).toBe("foreign");
  expect(statistics.totals()).toMatchObject({ foreign: 1, received: 0 });
  expect(statistics.datagrams).toBe(1);
});

test("the table of senders is bounded", () => {
  const statistics = new Statistics();
  for (let run = 0; run < sendersMax; run++) arrive(statistics, { counter: 0, run });
  expect(arrive(statistics, { counter: 0, run: sendersMax })).toBe("refused");
  expect(statistics.totals()).toMatchObject({ received: sendersMax, refused: 1 });
});

test("rate, bytes, times and latency", () => {
  const statistics = new Statistics();
  for (let counter = 0; counter < 11; counter++) {
    const sentMicros = 5_000_000 + counter * 10_000;
    arrive(statistics, { counter, sentMicros }, sentMicros + 100);
  }
  expect(statistics.senders()).toMatchObject([
    {
      bytes: 550,
      packetsPerSecond: 100,
      firstMicros: 5_000_100,
      lastMicros: 5_100_100,
      latencyMs: { min: 0.1, p50: 0.1, p90: 0.1, p99: 0.1, max: 0.1 },
    },
  ]);
});
