/** What the demo asks of the roles, on the unix sockets of the lab, as anybody could with curl. */
import { LabFault } from "../lab/fault.ts";

const answerMs = 2_000;

type Counters = {
  readonly router: { readonly dropped: Readonly<Record<string, number>> };
  readonly gateway: { readonly egress: { readonly packets: number } };
};

type Rows = {
  readonly rows: readonly {
    readonly site: string;
    readonly wants: readonly { readonly group: string }[];
  }[];
};

/** Drops at the Router of packets that were to be sent on, not of packets that came. */
const outgoing = ["noLink", "queueFull"];

/** Packets of the group that other sites sent here, whatever became of them. */
export async function framesFor(socket: string): Promise<number> {
  const { router, gateway } = (await get(socket, "/v1/counters")) as Counters;
  const refused = Object.entries(router.dropped).filter(([cause]) => !outgoing.includes(cause));
  return refused.reduce((sum, [, frames]) => sum + frames, gateway.egress.packets);
}

/** Whatever a site's roles have lost, dropped or refused, by the name of the counter. */
export async function lossesAt(socket: string): Promise<Readonly<Record<string, number>>> {
  const counts = leavesOf("", await get(socket, "/v1/counters"));
  return Object.fromEntries(counts.filter(([name, count]) => count > 0 && lossy.test(name)));
}

const lossy = /(?<!eaves)drop|lost|replaced|undelivered|refused|toolong/i;

const leavesOf = (name: string, value: unknown): [string, number][] => {
  if (typeof value === "number") return [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  const prefix = name === "" ? "" : `${name}.`;
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(`${prefix}${key}`, inner));
};

/** Sites that want the group, as the site behind the socket knows. */
export async function sitesWanting(socket: string, group: string): Promise<string[]> {
  const { rows } = (await get(socket, "/v1/rows")) as Rows;
  return rows.filter(({ wants }) => wants.some((want) => want.group === group)).map((r) => r.site);
}

/** A Gateway that has just started does not yet withdraw a group. */
export async function isSettling(socket: string): Promise<boolean> {
  return ((await get(socket, "/v1/gateway")) as { readonly settling: boolean }).settling;
}

/** Our own roles answer, so the version of the executable vouches for the shape. */
async function get(socket: string, path: string): Promise<unknown> {
  const signal = AbortSignal.timeout(answerMs);
  const response = await fetch(`http://fastcast${path}`, { unix: socket, signal }).catch(
    (error: unknown) => {
      throw new LabFault("failed", `${socket} does not answer ${path}: ${String(error)}`);
    },
  );
  if (!response.ok) throw new LabFault("failed", `${socket}: ${path}: status ${response.status}`);
  return response.json();
}
