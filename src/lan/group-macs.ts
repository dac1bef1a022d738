/**
 * Wanted groups by the Ethernet address that they share: 01:00:5e and the low 23 bits of IPv4
 * (RFC 1112 §6.4), 33:33 and the low 32 bits of IPv6 (RFC 2464 §7). A switch that filters by MAC
 * cannot tell the groups of one address apart, and floods those that look like 224.0.0.x.
 */
import { type Address, addressBytes, familyOf } from "../base/address.ts";
import { limits } from "../limits.ts";

const groupsNamedMax = 3;

export class GroupMacs {
  readonly #groups = new Map<string, Set<Address>>();
  readonly #shared = new Set<string>();
  readonly #linkLocal = new Set<Address>();
  #groupCount = 0;

  onWanted(group: Address): "accepted" | "table-full" {
    const mac = groupMac(group);
    const groups = this.#groups.get(mac) ?? new Set();
    if (groups.has(group)) return "accepted";
    if (this.#groupCount >= limits.groupsPerLanMax) return "table-full";
    this.#groupCount++;
    groups.add(group);
    this.#groups.set(mac, groups);
    if (groups.size > 1) this.#shared.add(mac);
    if (mac.startsWith("01:00:5e:00:00:") && !group.startsWith("224.0.0.")) {
      this.#linkLocal.add(group);
    }
    return "accepted";
  }

  onUnwanted(group: Address): void {
    const mac = groupMac(group);
    const groups = this.#groups.get(mac);
    if (!groups?.delete(group)) return;
    this.#groupCount--;
    this.#linkLocal.delete(group);
    if (groups.size < 2) this.#shared.delete(mac);
    if (groups.size === 0) this.#groups.delete(mac);
  }

  collision(): string | undefined {
    const [mac] = this.#shared;
    if (mac === undefined) return undefined;
    const names = some([...(this.#groups.get(mac) ?? [])]);
    return `${this.#shared.size} MAC addresses carry two or more wanted groups: ${mac} is ${names}`;
  }

  linkLocal(): string | undefined {
    if (this.#linkLocal.size === 0) return undefined;
    const names = some([...this.#linkLocal]);
    return `${this.#linkLocal.size} wanted groups share a MAC address with 224.0.0.x: ${names}`;
  }
}

export function groupMac(group: Address): string {
  const bytes = addressBytes(group);
  const mac =
    familyOf(group) === 4
      ? [0x01, 0x00, 0x5e, (bytes[1] as number) & 0x7f, ...bytes.subarray(2)]
      : [0x33, 0x33, ...bytes.subarray(12)];
  return mac.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function some(groups: readonly Address[]): string {
  const named = groups.slice(0, groupsNamedMax).join(", ");
  return groups.length > groupsNamedMax ? `${named}, …` : named;
}
