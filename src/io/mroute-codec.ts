/**
 * What differs between the kernel's multicast routing tables of IPv4 (`linux/mroute.h`) and IPv6
 * (`linux/mroute6.h`): the claiming socket and the layout of two structures. The options have the
 * same numbers, and (*,G) entries work alike.
 *
 *     struct vifctl  | vif 2 | flags 1 | threshold 1 | rate 4 | index 4 | remote 4 |        16
 *     struct mif6ctl | mif 2 | flags 1 | threshold 1 | index 2 | pad 2 | rate 4 |           12
 *     struct mfcctl  | origin 4 | group 4 | parent 2 | thresholds 32 | pad 2 | counters 16 | 60
 *     struct mf6cctl | origin 28 | group 28 | parent 2 | pad 2 | outgoing, a bit each 32 |   92
 */
import { type Address, addressBytes, type Family } from "../base/address.ts";
import { type Block, block } from "./libc.ts";

const VIFF_USE_IFINDEX = 8;
const maxVifs = 32;
const noForwarding = 255;
const socketAddressBytes = 28;
const AF_INET = 2;
const AF_INET6 = 10;

export type RouteEntry = {
  readonly origin: Address;
  readonly group: Address;
  /** The virtual interface by which packets come, and those by which they leave. */
  readonly parent: number;
  readonly outgoing: readonly number[];
};

export type RouteCodec = {
  readonly family: Family;
  readonly domain: number;
  /** IGMP, ICMPv6: only such a raw socket may claim the table. */
  readonly protocol: number;
  readonly level: number;
  /** The origin of a (*,G) entry. */
  readonly anyOrigin: Address;
  /** Lists the interfaces of the default table, whoever owns it. */
  readonly interfacesFile: string;
  readonly entryBytes: number;
  interfaceControl(vif: number, index: number): Block;
  /** Writes an entry into a zeroed block of `entryBytes`. */
  writeEntry(into: Block, entry: RouteEntry): void;
};

const ipv4Routes: RouteCodec = {
  family: 4,
  domain: AF_INET,
  protocol: 2,
  level: 0,
  anyOrigin: "0.0.0.0" as Address,
  interfacesFile: "/proc/net/ip_mr_vif",
  entryBytes: 60,
  interfaceControl(vif, index) {
    const control = block(16);
    control.view.setUint16(0, vif, true);
    control.bytes[2] = VIFF_USE_IFINDEX;
    control.bytes[3] = 1;
    control.view.setInt32(8, index, true);
    return control;
  },
  writeEntry({ bytes, view }, { origin, group, parent, outgoing }) {
    bytes.set(addressBytes(origin), 0);
    bytes.set(addressBytes(group), 4);
    view.setUint16(8, parent, true);
    bytes.fill(noForwarding, 10, 10 + maxVifs);
    for (const vif of outgoing) bytes[10 + vif] = 1;
  },
};

const ipv6Routes: RouteCodec = {
  family: 6,
  domain: AF_INET6,
  protocol: 58,
  level: 41,
  anyOrigin: "::" as Address,
  interfacesFile: "/proc/net/ip6_mr_vif",
  entryBytes: 92,
  interfaceControl(vif, index) {
    const control = block(12);
    control.view.setUint16(0, vif, true);
    control.bytes[3] = 1;
    control.view.setUint16(4, index, true);
    return control;
  },
  writeEntry({ bytes, view }, { origin, group, parent, outgoing }) {
    for (const [i, address] of [origin, group].entries()) {
      view.setUint16(socketAddressBytes * i, AF_INET6, true);
      bytes.set(addressBytes(address), socketAddressBytes * i + 8);
    }
    view.setUint16(56, parent, true);
    for (const vif of outgoing) {
      const at = 60 + (vif >>> 3);
      bytes[at] = (bytes[at] as number) | (1 << (vif & 7));
    }
  },
};

export const routeCodecs: Readonly<Record<Family, RouteCodec>> = { 4: ipv4Routes, 6: ipv6Routes };
