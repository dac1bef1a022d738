import { type Address, familyOf, ipv4Of } from "../base/address.ts";

/** A route of the main table as /proc/net/route shows it; addresses are 32-bit numbers. */
export type Route = {
  readonly interface: string;
  readonly destination: number;
  readonly mask: number;
  readonly metric: number;
};

const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask …; addresses little-endian. */
export function parseRoutes(text: string): Route[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length >= 8)
    .filter(
      ([, , , flags]) => (Number.parseInt(flags ?? "", 16) & (RTF_UP | RTF_REJECT)) === RTF_UP,
    )
    .map((columns) => ({
      interface: columns[0] ?? "",
      destination: littleEndian(columns[1] ?? ""),
      metric: Number(columns[6]),
      mask: littleEndian(columns[7] ?? ""),
    }));
}

/** The interface that a packet leaves by; undefined where no route leads, and for IPv6. */
export function interfaceTowards(routes: readonly Route[], to: Address): string | undefined {
  if (familyOf(to) === 6) return undefined;
  const number = ipv4Of(to);
  const fitting = routes.filter((route) => (number & route.mask) >>> 0 === route.destination);
  return fitting.toSorted((a, b) => b.mask - a.mask || a.metric - b.metric)[0]?.interface;
}

export const defaultRoutes = (routes: readonly Route[]): Route[] =>
  routes.filter(({ mask }) => mask === 0).toSorted((a, b) => a.metric - b.metric);

function littleEndian(hex: string): number {
  const number = Number.parseInt(hex, 16);
  const bytes = [number, number >>> 8, number >>> 16, number >>> 24];
  return bytes.reduce((sum, byte) => ((sum << 8) | (byte & 255)) >>> 0, 0);
}
