import { expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { type Site, Sites } from "../../src/plan/sites.ts";
import { row } from "../site/site.ts";

const control = { routerControl: "192.0.2.1:7880" };

function sitesOf(...names: string[]): Sites {
  const sites = new Sites();
  for (const name of names) sites.add(row(name, control), 0);
  return sites;
}

const living = (sites: Sites): string[] => sites.living().map(({ site }) => site);

test("a site counts as alive until its Router has failed often enough", () => {
  const sites = sitesOf("a", "b");
  const a = sites.get("a") as Site;
  a.routerFailures = limits.pollFailuresMax - 1;
  expect(living(sites)).toEqual(["a", "b"]);
  a.routerFailures = limits.pollFailuresMax;
  expect(living(sites)).toEqual(["b"]);
});

test("a silent Router that another one is linked to is alive", () => {
  const sites = sitesOf("a", "b");
  (sites.get("a") as Site).routerFailures = limits.pollFailuresMax;
  (sites.get("b") as Site).links = [{ site: "a", rttMs: 3 }];
  expect(living(sites)).toEqual(["a", "b"]);
});

test("a Router without a control endpoint is in no tree", () => {
  const sites = sitesOf("a");
  sites.add(row("b", { routerControl: "" }), 0);
  expect(living(sites)).toEqual(["a"]);
});

test("round trips are those that were measured", () => {
  const sites = sitesOf("a", "b");
  (sites.get("a") as Site).links = [{ site: "b", rttMs: 12.5 }, { site: "c" }];
  expect(sites.rtts().get("a")).toEqual(new Map([["b", 12.5]]));
  expect(sites.rtts().get("b")).toEqual(new Map());
});

test("sites come and go by name", () => {
  const sites = sitesOf("a", "b");
  sites.delete("a");
  expect([...sites.names()]).toEqual(["b"]);
  expect(sites.views()).toMatchObject([{ site: "b", router: { reachable: true }, links: [] }]);
});
