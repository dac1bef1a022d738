import { networkInterfaces } from "node:os";
import { type Address, maskedAddress, parseAddress, type Prefix } from "../base/address.ts";
import type { SiteLan } from "../role/node.ts";
import { SystemError } from "./libc.ts";

/**
 * Waits until each interface has an IPv4 address and carries, as at boot they may come late. Throws
 * `SystemError` after `withinMs`.
 */
export async function awaitAddresses(names: readonly string[], withinMs: number): Promise<void> {
  const untilMs = performance.now() + withinMs;
  const pollMs = 50;
  for (const name of names) {
    while (addressesOf(name).length === 0 && performance.now() < untilMs) await Bun.sleep(pollMs);
    lanOf(name);
  }
}

/** The LAN behind an interface of this host: its IPv4 prefixes. Throws when it has no address. */
export function lanOf(name: string): SiteLan {
  const prefixes = ipv4Of(name).map(({ address, bits }): Prefix => ({
    address: maskedAddress(address, bits),
    bits,
  }));
  return { name, prefixes };
}

/** The IPv4 networks that this host is on, but for those of the interface `except`. */
export function networksOfHost(except: string): Prefix[] {
  const names = Object.keys(networkInterfaces()).filter((name) => name !== except);
  return names
    .filter((name) => addressesOf(name).length > 0)
    .flatMap((name) => lanOf(name).prefixes);
}

/** The highest IPv4 address of an interface, from which queries are sent. */
export function addressOf(name: string): Address {
  const [first] = ipv4Of(name);
  return (first as { address: Address }).address;
}

function addressesOf(name: string): { address: Address; bits: number }[] {
  return (networkInterfaces()[name] ?? []).flatMap(({ family, address, cidr }) => {
    const parsed = parseAddress(address);
    return family === "IPv4" && parsed && cidr
      ? [{ address: parsed, bits: Number(cidr.split("/")[1]) }]
      : [];
  });
}

function ipv4Of(name: string): { address: Address; bits: number }[] {
  const addresses = addressesOf(name);
  if (addresses.length > 0) return addresses;
  const known = Object.keys(networkInterfaces()).join(", ");
  throw new SystemError(
    `interface ${name} has no IPv4 address, or does not exist or is down`,
    "EADDRNOTAVAIL",
    `Interfaces with addresses here: ${known}. Name one with lans: in the configuration.`,
  );
}
