import { expect, test } from "bun:test";
import {
  entriesBody,
  flowsBody,
  gatewayStatus,
  requestOf,
  routerStatus,
  rowsBody,
} from "../../src/role/manager-http.ts";
import { exclude, group, own, row } from "../site/site.ts";

const epoch = { term: 1, manager: "m" };
const sound = {
  rows: {
    incarnation: 1,
    changes: 2,
    rows: [row("a", { wants: [exclude(group)], sends: [{ source: own, group }] })],
  },
  router: { site: "a", incarnation: 1, entriesHash: "0", links: [{ site: "b", rttMs: 2 }] },
  gateway: { site: "a", incarnation: 1, flowsHash: "0" },
};

test("sound answers pass", () => {
  expect(rowsBody(sound.rows)).toEqual(sound.rows);
  expect(routerStatus(sound.router)).toEqual(sound.router);
  expect(routerStatus({ ...sound.router, links: [{ site: "b" }] })).toBeDefined();
  expect(gatewayStatus(sound.gateway)).toEqual(sound.gateway);
  const entry = { flow: 1, ingress: "a", children: ["b"], local: false };
  expect(entriesBody({ entries: [entry] })).toEqual([entry]);
  expect(flowsBody({ flows: [{ flow: 1, channels: [{ group }] }] })).toHaveLength(1);
});

test("what has another shape is no answer to anything", () => {
  for (const body of [undefined, null, 1, "text", [], {}, { rows: 1 }, { error: "not found" }]) {
    for (const read of [rowsBody, routerStatus, gatewayStatus, entriesBody, flowsBody]) {
      expect(read(body)).toBeUndefined();
    }
  }
});

test("one wrong item is enough", () => {
  const [first] = sound.rows.rows;
  for (const wrong of [{ sends: [{}] }, { wants: [{ group }] }, { router: null }, { site: 1 }]) {
    expect(rowsBody({ ...sound.rows, rows: [first, { ...first, ...wrong }] })).toBeUndefined();
  }
  for (const rttMs of [null, -1, "2"]) {
    expect(routerStatus({ ...sound.router, links: [{ site: "b", rttMs }] })).toBeUndefined();
  }
});

test("actions become the requests that a person could make", () => {
  const at = row("a", { routerControl: "192.0.2.1:80", gatewayControl: "192.0.2.2:81" });
  const request = requestOf({ kind: "read-entries", site: "a" }, at, epoch);
  expect(request).toEqual({ method: "GET", url: "http://192.0.2.1:80/v1/entries" });
  const change = { kind: "change-entries", site: "a", install: [], remove: [1] } as const;
  expect(requestOf(change, at, epoch).body).toEqual({ epoch, install: [], remove: [1] });
  const assign = { kind: "assign-flows", site: "a", flows: [] } as const;
  expect(requestOf(assign, at, epoch)).toEqual({
    method: "PUT",
    url: "http://192.0.2.2:81/v1/flows",
    body: { epoch, flows: [] },
  });
});

test("numbers that no next one could follow are no answer", () => {
  const entry = { flow: 0xffff_ffff, ingress: "a", children: [], local: false };
  expect(entriesBody({ entries: [entry] })).toBeUndefined();
  expect(entriesBody({ entries: [{ ...entry, flow: 1.5 }] })).toBeUndefined();
  expect(entriesBody({ entries: [{ ...entry, flow: 0xffff_fffe }] })).toBeDefined();
  for (const term of [0, 1.5, 2 ** 53 - 1]) {
    expect(routerStatus({ ...sound.router, epoch: { term, manager: "m" } })).toBeUndefined();
    expect(gatewayStatus({ ...sound.gateway, epoch: { term, manager: "m" } })).toBeUndefined();
  }
  expect(routerStatus({ ...sound.router, epoch })).toBeDefined();
});
