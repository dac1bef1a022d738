import { networkInterfaces } from "node:os";
import {
  type Address,
  familyOf,
  maskedAddress,
  parseAddress,
  type Prefix,
  prefixContains,
  prefixText,
} from "../base/address.ts";
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
    while (!hasIpv4(name) && performance.now() < untilMs) await Bun.sleep(pollMs);
    lanOf(name);
  }
}

/**
 * The LAN behind an interface of this host: its prefixes of both families but the link-local one.
 * Throws when it has no IPv4 address.
 */
export function lanOf(name: string): SiteLan {
  requireIpv4(name);
  const prefixes = new Map<string, Prefix>();
  for (const { address, bits } of addressesOf(name)) {
    const prefix = { address: maskedAddress(address, bits), bits };
    if (!isLinkLocal(address)) prefixes.set(prefixText(prefix), prefix);
  }
  return { name, prefixes: [...prefixes.values()] };
}

/** The IPv4 networks that this host is on, but for those of the interface `except`. */
export function networksOfHost(except: string): Prefix[] {
  const names = Object.keys(networkInterfaces()).filter((name) => name !== except);
  return names
    .filter(hasIpv4)
    .flatMap((name) => lanOf(name).prefixes)
    .filter(({ address }) => familyOf(address) === 4);
}

/** The addresses of an interface from which queries are sent: MLD's is link-local, if any. */
export function voicesOf(name: string): { ipv4: Address; ipv6: Address | undefined } {
  const addresses = addressesOf(name).map(({ address }) => address);
  return { ipv4: requireIpv4(name), ipv6: addresses.find(isLinkLocal) };
}

const isLinkLocal = (of: Address): boolean => prefixContains(linkLocal, of);

/** RFC 4291 §2.5.6. */
const linkLocal: Prefix = { address: "fe80::" as Address, bits: 10 };

function addressesOf(name: string): { address: Address; bits: number }[] {
  return (networkInterfaces()[name] ?? []).flatMap(({ address, cidr }) => {
    const parsed = parseAddress(address);
    return parsed && cidr ? [{ address: parsed, bits: Number(cidr.split("/")[1]) }] : [];
  });
}

const hasIpv4 = (name: string): boolean =>
  addressesOf(name).some(({ address }) => familyOf(address) === 4);

function requireIpv4(name: string): Address {
  const found = addressesOf(name).find(({ address }) => familyOf(address) === 4);
  if (found) return found.address;
  const known = Object.keys(networkInterfaces()).join(", ");
  throw new SystemError(
    `interface ${name} has no IPv4 address, or does not exist or is down`,
    "EADDRNOTAVAIL",
    `Interfaces with addresses here: ${known}. Name one with lans: in the configuration.`,
  );
}
