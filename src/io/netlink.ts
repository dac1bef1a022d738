/**
 * The requests that FastCast makes of rtnetlink (RFC 3549): the rule by which multicast from a LAN
 * is looked up in a private multicast routing table (`ip mrule`), and addresses of the tunnel
 * interface. Rules outlive their maker, so each start sweeps what an earlier one left.
 */
import { type Address, addressBytes, type Family } from "../base/address.ts";
import { type Block, block, errno, errnoName, libc, must, needs, SystemError } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;
const NLM_F_REQUEST_ACK = 0x0001 | 0x0004;
const NLM_F_CREATE_EXCL = 0x0400 | 0x0200;
/** RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR. */
const ruleFamily: Readonly<Record<Family, number>> = { 4: 128, 6: 129 };
const FR_ACT_TO_TBL = 1;
const FRA_IIFNAME = 3;
const FRA_TABLE = 15;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_NOPREFIXROUTE = 0x200;
const errorMessage = 2;
const EEXIST = 17;

/** Multicast of a family that arrives on `lan` is looked up in `table`. */
export type MulticastRule = {
  readonly family: Family;
  readonly lan: string;
  readonly table: number;
};

/** Throws `SystemError`. */
export function addMulticastRule(rule: MulticastRule): void {
  const error = request({ ...rule, type: RTM_NEWRULE, flags: NLM_F_CREATE_EXCL });
  if (error === 0) return;
  const code = errnoName(error);
  throw new SystemError(`cannot add the rule for ${rule.lan}`, code, needs("CAP_NET_ADMIN")(code));
}

/** Removes such rules, however many there are. */
export function deleteMulticastRules(rule: MulticastRule): void {
  const rulesMax = 16;
  for (let i = 0; i < rulesMax; i++) {
    if (request({ ...rule, type: RTM_DELRULE, flags: 0 }) !== 0) return;
  }
}

/** An address of an interface, and what lies at its other end. */
export type InterfaceAddress = {
  readonly index: number;
  readonly local: Address;
  readonly peer: Address;
  readonly bits: number;
  /** Whether unicast packets to the peer's prefix are led to the interface. */
  readonly route: boolean;
};

/** Adds an IPv4 address unless it is there. Throws `SystemError`. */
export function addAddress(added: InterfaceAddress): void {
  const error = exchange(addressMessage(RTM_NEWADDR, NLM_F_CREATE_EXCL, added));
  if (error === 0 || error === EEXIST) return;
  const code = errnoName(error);
  throw new SystemError(
    `cannot add the address ${added.local}`,
    code,
    needs("CAP_NET_ADMIN")(code),
  );
}

/** Removes it; whether it was there. */
export const deleteAddress = (gone: InterfaceAddress): boolean =>
  exchange(addressMessage(RTM_DELADDR, 0, gone)) === 0;

type RuleRequest = MulticastRule & { readonly type: number; readonly flags: number };

function request(rule: RuleRequest): number {
  const message = block(64);
  writeRule(message.view, message.bytes, rule);
  return exchange(message);
}

/** Answers 0 or the error number that the kernel gave. */
function exchange(message: Block): number {
  const socket = must(
    libc().socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
    "cannot open a netlink socket",
    needs("CAP_NET_ADMIN"),
  );
  try {
    const length = message.view.getUint32(0, true);
    const base = message.pointer as number;
    if (Number(libc().send(socket, base, length, 0)) < 0) return errno();
    const answer = block(1024);
    const received = Number(libc().recv(socket, answer.pointer as number, 1024, 0));
    if (received < 20 || answer.view.getUint16(4, true) !== errorMessage) return errno();
    return -answer.view.getInt32(16, true);
  } finally {
    libc().close(socket);
  }
}

/** `nlmsghdr` of 16 bytes, `ifaddrmsg` of 8, then three attributes of 8. */
function addressMessage(type: number, flags: number, of: InterfaceAddress): Block {
  const message = block(48);
  const { bytes, view } = message;
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST_ACK | flags, true);
  bytes[16] = AF_INET;
  bytes[17] = of.bits;
  view.setUint32(20, of.index, true);
  const attribute = (at: number, kind: number): void => {
    view.setUint16(at, 8, true);
    view.setUint16(at + 2, kind, true);
  };
  attribute(24, IFA_LOCAL);
  bytes.set(addressBytes(of.local), 28);
  attribute(32, IFA_ADDRESS);
  bytes.set(addressBytes(of.peer), 36);
  attribute(40, IFA_FLAGS);
  view.setUint32(44, of.route ? 0 : IFA_F_NOPREFIXROUTE, true);
  return message;
}

/** `nlmsghdr` of 16 bytes, `fib_rule_hdr` of 12, then the attributes. */
function writeRule(view: DataView, bytes: Uint8Array, rule: RuleRequest): void {
  view.setUint16(4, rule.type, true);
  view.setUint16(6, NLM_F_REQUEST_ACK | rule.flags, true);
  bytes[16] = ruleFamily[rule.family];
  bytes[16 + 7] = FR_ACT_TO_TBL;
  let at = 28;
  view.setUint16(at, 8, true);
  view.setUint16(at + 2, FRA_TABLE, true);
  view.setUint32(at + 4, rule.table, true);
  at += 8;
  const name = new TextEncoder().encode(`${rule.lan}\0`);
  view.setUint16(at, 4 + name.length, true);
  view.setUint16(at + 2, FRA_IIFNAME, true);
  bytes.set(name, at + 4);
  at += 4 + Math.ceil(name.length / 4) * 4;
  view.setUint32(0, at, true);
}
