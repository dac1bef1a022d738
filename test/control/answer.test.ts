import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import * as v from "valibot";
import { answer, bodyOf, isProblem, problem } from "../../src/control/answer.ts";
import { limits } from "../../src/limits.ts";
import { encodeCbor } from "../../src/wire/cbor.ts";
import { appOf, cborOf, problemOf, send } from "./control.ts";

const Body = v.strictObject({ number: v.number(), list: v.optional(v.array(v.number())) });

const routes = new Hono()
  .post("/body", async (c) => {
    const body = await bodyOf(c, Body);
    return isProblem(body) ? problem(c, body) : answer(c, body, 201);
  })
  .get("/small", (c) => answer(c, { rttMs: 1.5, none: undefined, never: Infinity, nan: NaN }))
  .get("/large", (c) => answer(c, { rows: Array.from({ length: 20_000 }, (_, i) => i) }));
const app = appOf([
  { role: "x", health: () => "ok", status: () => ({}), counters: () => ({}), routes },
]);
const ask = (path: string, accept: string) => app.request(path, { headers: { accept } });

describe("answers", () => {
  test("JSON for people: no undefined fields, null for numbers without a value", async () => {
    const response = await ask("/v1/small", "*/*");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({ rttMs: 1.5, never: null, nan: null });
  });

  test("CBOR for roles that ask for it, the same values", async () => {
    const response = await ask("/v1/small", "application/cbor, application/json;q=0.5");
    expect(response.headers.get("content-type")).toBe("application/cbor");
    expect(await cborOf(response)).toEqual({ rttMs: 1.5, never: null, nan: null });
  });

  test("what is too large for bounded CBOR comes as JSON", async () => {
    const response = await ask("/v1/large", "application/cbor");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(((await response.json()) as { rows: number[] }).rows).toHaveLength(20_000);
  });
});

describe("bodies", () => {
  test("JSON and CBOR", async () => {
    expect((await send(app, "POST", "/v1/body", { number: 1 })).status).toBe(201);
    const headers = { "content-type": "application/cbor" };
    const body = new Uint8Array(encodeCbor({ number: 2 }));
    const response = await app.request("/v1/body", { method: "POST", headers, body });
    expect(await response.json()).toEqual({ number: 2 });
  });

  test.each([
    ["", "body-unreadable"],
    ["{", "body-unreadable"],
    ["\u0000", "body-unreadable"],
    ["[".repeat(500_000), "body-unreadable"],
    ["[".repeat(500_000) + "]".repeat(500_000), "body-invalid"],
    [`{"number":1,"list":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "body-invalid"],
    ["null", "body-invalid"],
    ["[]", "body-invalid"],
    ["{}", "body-invalid"],
    ['{"number":"1"}', "body-invalid"],
    ['{"number":1,"unknown":2}', "body-invalid"],
    ['{"number":1,"__proto__":{}}', "body-invalid"],
  ] as const)("%#: a 400 with a remedy", async (body, type) => {
    expect(await problemOf(await send(app, "POST", "/v1/body", body))).toEqual([400, type]);
  });

  test("bytes that are no UTF-8, and CBOR that is none", async () => {
    for (const type of ["application/json", "application/cbor"]) {
      const body = Uint8Array.of(0xff, 0xfe);
      const headers = { "content-type": type };
      const response = await app.request("/v1/body", { method: "POST", headers, body });
      expect(await problemOf(response)).toEqual([400, "body-unreadable"]);
    }
  });

  test("1 MiB passes, one byte more is a 413, with and without its length told", async () => {
    const fits = `{"number":1}${" ".repeat(limits.bodyBytesMax - 12)}`;
    expect((await send(app, "POST", "/v1/body", fits)).status).toBe(201);
    const over = `${fits} `;
    expect(await problemOf(await send(app, "POST", "/v1/body", over))).toEqual([
      413,
      "body-too-large",
    ]);
    const stream = new Blob([over]).stream();
    const told = { "content-type": "application/json", "content-length": String(over.length) };
    for (const headers of [{ "content-type": "application/json" }, told]) {
      const init = { method: "POST", headers, body: headers === told ? over : stream };
      expect(await problemOf(await app.request("/v1/body", init))).toEqual([413, "body-too-large"]);
    }
  });

  test("faults in many thousand items do not make an answer of many megabytes", async () => {
    const list = Array.from({ length: 50_000 }, () => "x");
    const response = await send(app, "POST", "/v1/body", { number: 1, list });
    expect(response.status).toBe(400);
    expect((await response.text()).length).toBeLessThan(10_000);
  });
});
