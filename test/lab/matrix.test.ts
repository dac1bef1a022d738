import { describe, expect, test } from "bun:test";
import { mapMatrix, parseMatrix } from "../../src/lab/matrix.ts";

const base = { delayMs: 0, lossPercent: 0, rateMbit: 0 };

describe("our own CSV", () => {
  test("reads delay, loss and rate; header, comments and blank lines aside", () => {
    const text = "from,to,delayMs\n# a comment\n\nsite1,site2,40\nsite2, site3, 5.5, 0.1, 100\r\n";
    expect(parseMatrix(text, "a.csv")).toEqual([
      { from: "site1", to: "site2", delayMs: 40 },
      { from: "site2", to: "site3", delayMs: 5.5, lossPercent: 0.1, rateMbit: 100 },
    ]);
  });

  test.each([
    ["a,b", "a.csv:1: must be from,to,delayMs"],
    ["a,b,1\na,b,1,2,3,4", "a.csv:2: must be from,to,delayMs"],
    ["a,a,1", "a.csv:1: must be from,to,delayMs"],
    ["a,b,-1", 'a.csv:1: delayMs: must be a number from 0 to 60000, not "-1"'],
    ["a,b,1e3", "a.csv:1: delayMs"],
    ["a,b,1,101", "a.csv:1: lossPercent"],
    ["a,b,1,1,x", "a.csv:1: rateMbit"],
    ["# nothing", "a.csv: has no line"],
  ])("refuses %p", (text, message) => {
    expect(() => parseMatrix(text, "a.csv")).toThrow(message);
  });
});

describe("ping tables", () => {
  const text = "0.1/0.2/0.3/0.0:eu\n78.1/80.0/90.0/0.3:us\n10/20.5/30/1:ap\n";

  test("the file's name is the source, and half the average the delay", () => {
    expect(parseMatrix(text, "/data/eu.dat")).toEqual([
      { from: "eu", to: "us", delayMs: 40 },
      { from: "eu", to: "ap", delayMs: 10.25 },
    ]);
  });

  test("names the line that is wrong", () => {
    expect(() => parseMatrix("0.1/0.2/0.3/0.0:eu\n1/2/3:us", "eu.dat")).toThrow(
      "eu.dat:2: must be",
    );
  });
});

describe("Azure's matrix", () => {
  test("leaves blanks and the diagonal out", () => {
    expect(parseMatrix("Source,East US,UK South\nEast US,,80\nUK South,82,\n", "l.csv")).toEqual([
      { from: "East US", to: "UK South", delayMs: 40 },
      { from: "UK South", to: "East US", delayMs: 41 },
    ]);
  });

  test("refuses a row of another length", () => {
    expect(() => parseMatrix("Source,A,B\nA,,1,2", "l.csv")).toThrow(
      "l.csv:2: has 3 values, not 2",
    );
  });
});

describe("mapping to sites", () => {
  test("regions become sites in their order; a missing reverse mirrors", () => {
    const lines = parseMatrix("eu,us,40\neu,ap,90\nap,us,70\nus,eu,41", "a.csv");
    const { pairs, regions } = mapMatrix(lines, 3, { ...base, lossPercent: 1 });
    expect(regions).toEqual({ site1: "eu", site2: "us", site3: "ap" });
    expect(pairs).toHaveLength(6);
    const delay = (from: string, to: string) =>
      pairs.find((pair) => pair.from === from && pair.to === to)?.delayMs;
    expect([delay("site1", "site2"), delay("site2", "site1")]).toEqual([40, 41]);
    expect([delay("site1", "site3"), delay("site3", "site1")]).toEqual([90, 90]);
    expect(pairs.every((pair) => pair.lossPercent === 1)).toBe(true);
  });

  test("names of sites are taken as they are", () => {
    const lines = parseMatrix("site2,site1,7,2\nmanager,site1,3", "a.csv");
    const { pairs, regions } = mapMatrix(lines, 2, base);
    expect(regions).toEqual({});
    expect(pairs).toContainEqual({
      from: "site1",
      to: "site2",
      ...base,
      delayMs: 7,
      lossPercent: 2,
    });
    expect(pairs).toContainEqual({ from: "site1", to: "manager", ...base, delayMs: 3 });
  });

  test("a site that the lab does not have is a fault", () => {
    const lines = parseMatrix("site1,site4,7", "a.csv");
    expect(() => mapMatrix(lines, 3, base)).toThrow("names site4; the lab has 3 sites");
  });

  test("a place without all its delays is passed over", () => {
    const lines = parseMatrix("a,b,1\na,c,2\nb,d,3\na,d,4\nc,d,5", "a.csv");
    expect(mapMatrix(lines, 3, base).regions).toEqual({ site1: "a", site2: "b", site3: "d" });
    expect(() => mapMatrix(lines, 4, base)).toThrow("--sites 4 needs 4");
  });
});
