/** What `send` and `recv` share: groups, numbers and interfaces as people write them. */
import type { NetworkInterfaceInfo } from "node:os";
import { InvalidArgumentError } from "commander";
import {
  type Address,
  type Family,
  familyOf,
  isMulticast,
  parseAddress,
} from "../src/base/address.ts";
import { CommandError, exitStatus } from "./exit.ts";

export const defaultPort = 5001;

export type GroupEndpoint = { readonly group: Address; readonly port: number };

/** `239.1.2.3`, `239.1.2.3:5001`, `ff15::1`, `[ff15::1]:5001`. */
export function parseGroup(text: string): GroupEndpoint {
  const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  const group = parseAddress(match?.[1] ?? text);
  if (group === undefined || !isMulticast(group)) {
    throw new InvalidArgumentError(
      "Not a multicast group. IPv4 groups are 224.0.0.0 to 239.255.255.255, IPv6 ones begin " +
        "with ff; a port follows as 239.1.2.3:5001 or [ff15::1]:5001.",
    );
  }
  return { group, port: match?.[2] === undefined ? defaultPort : wholeNumber(1, 65_535)(match[2]) };
}

/** A commander parser for whole numbers in a range. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };

/** A commander parser for numbers above 0, such as seconds and rates. */
export const positiveNumber =
  (max: number) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && number > 0 && number <= max) return number;
    throw new InvalidArgumentError(`Expected a number above 0, at most ${max}.`);
  };

/** An interface and how Bun wants it named: by address for IPv4, as `::%eth0` for IPv6. */
export type Interface = { readonly name: string; readonly id: string };

export type InterfaceTable = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The interface that people named, by name or by one of its addresses. Bun takes any text as an
 * interface and then uses another one silently (oven-sh/bun#34090), so nothing unresolved passes.
 */
export function namedInterface(wanted: string, family: Family, table: InterfaceTable): Interface {
  const rows = Object.entries(table);
  const row = rows.find(
    ([name, addresses]) =>
      name === wanted || addresses?.some((at) => at.address === (parseAddress(wanted) ?? wanted)),
  );
  if (!row) {
    const names = rows.map(([name]) => name).join(", ");
    throw new CommandError(`no interface ${wanted}; there are: ${names}`, exitStatus.usage);
  }
  const [name, addresses = []] = row;
  const own = addresses.filter((at) => familyOf(at.address as Address) === family);
  const exact = own.find((at) => at.address === wanted) ?? own[0];
  if (!exact) {
    throw new CommandError(`${name} has no IPv${family} address`, exitStatus.usage);
  }
  return { name, id: family === 4 ? exact.address : `::%${name}` };
}

/**
 * The interface to use when people named none: the one whose address the kernel would send from,
 * else the only one beyond loopback.
 */
export function defaultInterface(
  routed: string | undefined,
  family: Family,
  table: InterfaceTable,
): Interface {
  if (routed !== undefined) return namedInterface(routed, family, table);
  const candidates = Object.entries(table).flatMap(([name, addresses]) =>
    addresses?.some((at) => !at.internal && familyOf(at.address as Address) === family)
      ? [name]
      : [],
  );
  if (candidates.length === 1) return namedInterface(candidates[0] as string, family, table);
  const names = candidates.length === 0 ? Object.keys(table) : candidates;
  throw new CommandError(
    `no route to the group; name an interface: --interface ${names.join(" | ")}`,
    exitStatus.usage,
  );
}
