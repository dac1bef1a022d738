import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ControlInformation,
  orientedTree,
  type SiteId,
  type Tree,
} from "../../src/almrp/almrp.ts";
import { Delays } from "../../src/almrp/rtt.ts";

const root = join(import.meta.dir, "../vector/latency");

export type Golden = {
  source: string;
  n: number;
  star: { median: string; total: number; ecc: number; centre: string; centreEcc: number };
  mst: {
    cost: number;
    maxDegree: number;
    maxHops: number;
    diameter: number;
    rdpMean: number;
    rdpP90: number;
    rdpMax: number;
    edges: [string, string][];
  };
};

export type Cloud = { name: string; ids: SiteId[]; control: ControlInformation; golden: Golden };

/** Every set that has golden values, with its matrix. */
export function clouds(): Cloud[] {
  const golden: Record<string, Golden> = JSON.parse(
    readFileSync(join(root, "golden.json"), "utf8"),
  );
  return Object.entries(golden).map(([name, values]) => {
    const control = readLatency(join(root, values.source));
    return { name, ids: [...control.rttMs.keys()].sort(), control, golden: values };
  });
}

/** `min/avg/max/mdev:region` per line; the average counts, and a region's own line does not. */
function readLatency(folder: string): ControlInformation {
  const files = readdirSync(folder).filter((file) => file.endsWith(".dat"));
  const rows = files.map((file) => {
    const from = file.slice(0, -".dat".length);
    const lines = readFileSync(join(folder, file), "utf8").trim().split("\n");
    const row = lines.map((line): [SiteId, number] => {
      const [, avg = "", to = ""] = /^[\d.]+\/([\d.]+)\/[\d.]+\/[\d.]+:(\S+)$/.exec(line) ?? [];
      return [to, Number(avg)];
    });
    return [from, new Map(row.filter(([to]) => to !== from))] as const;
  });
  return { rttMs: new Map(rows) };
}

/** Cost and stretch of a shared tree, as almost every paper on overlay trees defines them. */
export function measures(tree: Tree & { kind: "shared" }, { ids, control }: Cloud) {
  const delays = new Delays(ids, control);
  const at = (id: SiteId): number => ids.indexOf(id);
  const direct = (a: SiteId, b: SiteId): number => delays.costMs(at(a), at(b));
  const paths = ids.flatMap((from) => pathsFrom(tree, from, direct));
  const rdp = paths.map(({ from, to, ms }) => ms / direct(from, to)).sort((a, b) => a - b);
  return {
    cost: sum(tree.edges.map(([a, b]) => direct(a, b))),
    maxDegree: Math.max(...ids.map((id) => tree.edges.filter((edge) => edge.includes(id)).length)),
    maxHops: Math.max(...paths.map(({ hops }) => hops)),
    diameter: Math.max(...paths.map(({ ms }) => ms)),
    rdpMean: sum(rdp) / rdp.length,
    rdpP90: rdp[Math.floor(0.9 * rdp.length)],
    rdpMax: rdp.at(-1),
  };
}

function pathsFrom(tree: Tree, from: SiteId, direct: (a: SiteId, b: SiteId) => number) {
  const reached = new Map([[from, { from, to: from, ms: 0, hops: 0 }]]);
  for (const [to, parent] of orientedTree(tree, from)) {
    const above = reached.get(parent);
    if (!above) throw new Error(`${parent} comes after its child ${to}`);
    reached.set(to, { from, to, ms: above.ms + direct(parent, to), hops: above.hops + 1 });
  }
  return [...reached.values()].filter(({ to }) => to !== from);
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
