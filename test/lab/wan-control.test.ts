import { describe, expect, test } from "bun:test";
import type { PairChange, WanCommands } from "../../src/lab/wan-control.ts";
import { answerWan, parseChange } from "../../src/lab/wan-control.ts";

const changes: [string, string, PairChange][] = [];
const wan: WanCommands = {
  pairs: () => [],
  unsent: 0,
  change: (from, to, change) => {
    if (from !== "site1" || to !== "site2") return false;
    changes.push([from, to, change]);
    return true;
  },
};
const ask = (method: string, path: string, body?: string) =>
  answerWan(wan, new Request(`http://localhost${path}`, { method, ...(body && { body }) }));

describe("requests", () => {
  test("health and pairs", async () => {
    expect((await ask("GET", "/healthz")).status).toBe(200);
    expect(await (await ask("GET", "/v1/pairs")).json()).toEqual([]);
  });

  test("a change reaches the pair", async () => {
    expect((await ask("PUT", "/v1/pairs/site1/site2", '{"delayMs":5}')).status).toBe(204);
    expect(changes).toEqual([["site1", "site2", { delayMs: 5 }]]);
  });

  test.each([
    ["GET", "/", undefined, 404],
    ["DELETE", "/v1/pairs/site1/site2", undefined, 404],
    ["PUT", "/v1/pairs/site1/site1", "{}", 404],
    ["PUT", "/v1/pairs/site1/site9", "{}", 404],
    ["PUT", "/v1/pairs/site1/site2", "{", 400],
    ["PUT", "/v1/pairs/site1/site2", " ".repeat(5_000), 413],
  ])("%s %s is a problem", async (method, path, body, status) => {
    const response = await ask(method, path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status });
  });
});

test.each([
  ["[]", "must be an object"],
  ["1", "must be an object"],
  ['{"delay":1}', "unknown key delay"],
  ['{"delayMs":-1}', "delayMs must be a number from 0 to 60000"],
  ['{"lossPercent":101}', "lossPercent must be"],
  ['{"rateMbit":"1"}', "rateMbit must be"],
  ['{"partitioned":1}', "partitioned must be true or false"],
  ['{"constructor":1}', "unknown key constructor"],
])("%s is refused", (body, message) => {
  expect(parseChange(body)).toContain(message);
});
