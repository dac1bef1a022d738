import { describe, expect, test } from "bun:test";
import { type GatewayCommands, gatewayControl } from "../../src/control/gateway.ts";
import { appOf, epoch, get, problemOf, send } from "./control.ts";

class FakeGateway implements GatewayCommands {
  changes = 3;
  outcome: ReturnType<GatewayCommands["assign"]> = "assigned";
  readonly assigned: object[] = [];
  readonly watchers = new Set<() => void>();

  health = () => "ok";
  status = () => ({ site: "berlin" });
  counters = () => ({});
  groups = () => ({ local: [], remote: [] });
  senders = () => [{ source: "10.1.0.1" }];
  lans = () => [{ lan: "eth1" }];
  flows = () => [{ flow: 1 }];
  policy = () => ({ policy: { default: "allow" } });
  findings = () => [{ code: "DUPLICATE_LAN", fix: "separate them" }];
  rows = () => ({ incarnation: 42, changes: this.changes, rows: [{ site: "berlin" }] });
  watchRows = (onChange: () => void) => {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  };
  assign = (body: object) => {
    this.assigned.push(body);
    return this.outcome;
  };

  change(): void {
    this.changes++;
    for (const watcher of [...this.watchers]) watcher();
  }
}

const setUp = () => {
  const gateway = new FakeGateway();
  return { gateway, app: appOf([gatewayControl(gateway)]) };
};

test("questions", async () => {
  const { app } = setUp();
  expect(await get(app, "/v1/gateway")).toEqual({ site: "berlin" });
  expect(await get(app, "/v1/groups")).toEqual({ local: [], remote: [] });
  expect(await get(app, "/v1/senders")).toEqual({ senders: [{ source: "10.1.0.1" }] });
  expect(await get(app, "/v1/lans")).toEqual({ lans: [{ lan: "eth1" }] });
  expect(await get(app, "/v1/flows")).toEqual({ flows: [{ flow: 1 }] });
  expect(await get(app, "/v1/policy")).toEqual({ policy: { default: "allow" } });
  expect(await get(app, "/v1/findings")).toEqual({
    findings: [{ role: "gateway", code: "DUPLICATE_LAN", fix: "separate them" }],
  });
});

describe("the long poll of rows", () => {
  test.each([
    "",
    "?after=3",
    "?incarnation=42",
    "?incarnation=42&after=2",
    "?incarnation=1&after=3",
  ])("%p is answered at once", async (query) => {
    const { app, gateway } = setUp();
    expect(await get(app, `/v1/rows${query}`)).toEqual(gateway.rows());
    expect(gateway.watchers.size).toBe(0);
  });

  test("one that has seen everything waits for the next change, and answers with it", async () => {
    const { app, gateway } = setUp();
    const waiting = get(app, "/v1/rows?incarnation=42&after=3");
    while (gateway.watchers.size === 0) await Promise.resolve();
    gateway.change();
    expect(await waiting).toMatchObject({ changes: 4 });
    expect(gateway.watchers.size).toBe(0);
  });

  test("a caller that goes away leaves no watcher behind", async () => {
    const { app, gateway } = setUp();
    const abort = new AbortController();
    const path = "http://localhost/v1/rows?incarnation=42&after=3";
    const waiting = app.request(new Request(path, { signal: abort.signal }));
    while (gateway.watchers.size === 0) await Promise.resolve();
    abort.abort();
    await waiting;
    expect(gateway.watchers.size).toBe(0);
  });
});

describe("assigning flows", () => {
  const body = { epoch, flows: [{ flow: 5, channels: [{ group: "239.192.0.1" }] }] };

  test("the whole list reaches the Gateway", async () => {
    const { app, gateway } = setUp();
    const response = await send(app, "PUT", "/v1/flows", body);
    expect(await response.json()).toEqual({ outcome: "assigned" });
    expect(gateway.assigned).toEqual([body]);
  });

  test.each([
    ["stale-epoch", 409],
    ["table-full", 507],
  ] as const)("%s is a %d", async (outcome, status) => {
    const { app, gateway } = setUp();
    gateway.outcome = outcome;
    const problem = await problemOf(await send(app, "PUT", "/v1/flows", body));
    expect(problem).toEqual([status, outcome]);
  });

  test("a body that is none reaches no Gateway", async () => {
    const { app, gateway } = setUp();
    for (const wrong of [[], { epoch }, { ...body, term: 1 }, { ...body, flows: [{ flow: 5 }] }]) {
      const problem = await problemOf(await send(app, "PUT", "/v1/flows", wrong));
      expect(problem).toEqual([400, "body-invalid"]);
    }
    expect(gateway.assigned).toEqual([]);
  });
});
