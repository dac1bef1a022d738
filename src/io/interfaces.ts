import { networkInterfaces } from "node:os";
import { type Address, maskedAddress, parseAddress, type Prefix } from "../base/address.ts";
import type { SiteLan } from "../role/node.ts";
import { SystemError } from "./libc.ts";

/** The LAN behind an interface of this host: its IPv4 prefixes. Throws when it has no address. */
export function lanOf(name: string): SiteLan {
  const prefixes = ipv4Of(name).map(({ address, bits }): Prefix => ({
    address: maskedAddress(address, bits),
    bits,
  }));
  return { name, prefixes };
}

/** The highest IPv4 address of an interface, from which queries are sent. */
export function addressOf(name: string): Address {
  const [first] = ipv4Of(name);
  return (first as { address: Address }).address;
}

function ipv4Of(name: string): { address: Address; bits: number }[] {
  const found = networkInterfaces();
  const addresses = (found[name] ?? []).flatMap(({ family, address, cidr }) => {
    const parsed = parseAddress(address);
    return family === "IPv4" && parsed && cidr
      ? [{ address: parsed, bits: Number(cidr.split("/")[1]) }]
      : [];
  });
  if (addresses.length > 0) return addresses;
  const known = Object.keys(found).join(", ");
  throw new SystemError(
    `interface ${name} has no IPv4 address, or does not exist or is down`,
    "EADDRNOTAVAIL",
    `Interfaces with addresses here: ${known}. Name one with lans: in the configuration.`,
  );
}
