/** Where the demo plays: the lab it raises, the parts of its sites, and the group of its stream. */
import type { WanShape } from "../lab/lab.ts";
import { type LabOptions, siteName } from "../lab/machines.ts";
import { labNamespaces } from "../lab/namespaces.ts";
import { labNames } from "../lab/state.ts";

export const group = "233.252.0.1";
export const port = 5001;

/** On host1 of each: one sends, two receive from the start, one joins later and leaves again. */
export const sender = siteName(1);
export const steady: readonly string[] = [siteName(2), siteName(3)];
export const guest = siteName(4);
const sites = 4;

/** A name that no lab has, so that nobody's lab is touched. */
export function freeName(): string {
  const own = `demo-${process.pid}`;
  const isTaken = (name: string): boolean =>
    labNames().includes(name) || labNamespaces(name).length > 0;
  let name = own;
  for (let i = 2; isTaken(name); i++) name = `${own}-${i}`;
  return name;
}

export const labOptions = (name: string, almrp: LabOptions["almrp"]): LabOptions => ({
  name,
  sites,
  hosts: 2,
  separate: false,
  roles: true,
  almrp,
  wan: "bridge",
  perPacket: false,
});

export const plainWan: WanShape = {
  base: { delayMs: 0, lossPercent: 0, rateMbit: 0 },
  pairs: [],
  regions: {},
};
