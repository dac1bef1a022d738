/**
 * Programs of classic BPF, by which a packet socket takes only what it is for. The kernel knows a
 * frame's kind (to us, to a group, to somebody else) beside its bytes.
 */

/** One instruction: [code, jump if true, jump if false, k]; jumps count from the next one. */
export type Filter = readonly (readonly [number, number, number, number])[];

const loadByte = 0x30;
const loadHalf = 0x28;
const loadWord = 0x20;
/** At the offset that `toIndex` kept, plus k. */
const loadByteIndexed = 0x50;
const toIndex = 0x07;
const add = 0x04;
const shiftLeft = 0x64;
const and = 0x54;
const jump = 0x05;
const jumpEqual = 0x15;
const jumpAbove = 0x25;
const jumpNotBelow = 0x35;
const answer = 0x06;

const whole = 0x4_0000;
const accept = [answer, 0, 0, whole] as const;
const refuse = [answer, 0, 0, 0] as const;

/** SKF_AD_OFF + SKF_AD_PKTTYPE; a frame to a group is 2, above are those to others and our own. */
const frameKind = 0xffff_f004;
const toGroup = 2;
const protocolAt = 9;
const groupAt = 16;
const igmp = 2;

/** Takes IGMP; offsets from the network header, as on a socket without link headers. */
export const igmpOnly: Filter = [
  [loadByte, 0, 0, protocolAt],
  [jumpEqual, 0, 1, igmp],
  [answer, 0, 0, 0xffff],
  refuse,
];

/** Takes ICMPv6 of MLD and router discovery, which always follows a hop-by-hop header. */
export const mldOnly: Filter = [
  [loadByte, 0, 0, 6],
  [jumpEqual, 0, 13, 0],
  [loadByte, 0, 0, 40],
  [jumpEqual, 0, 11, 58],
  [loadByte, 0, 0, 41],
  [shiftLeft, 0, 0, 3],
  [add, 0, 0, 48],
  [toIndex, 0, 0, 0],
  [loadByteIndexed, 0, 0, 0],
  [jumpEqual, 4, 0, 143],
  [jumpNotBelow, 0, 4, 130],
  [jumpAbove, 0, 2, 132],
  [jumpNotBelow, 0, 2, 151],
  [jumpAbove, 1, 0, 153],
  [answer, 0, 0, 0xffff],
  refuse,
];

const dataOf = (taken: number, linkBytes: number): Filter => [
  [loadByte, 0, 0, linkBytes + protocolAt],
  [jumpEqual, 6, 0, igmp],
  [loadWord, 0, 0, linkBytes + groupAt],
  [and, 0, 0, 0xffff_ff00],
  [jumpEqual, 3, 0, 0xe000_0000],
  [and, 0, 0, 0xf000_0000],
  [jumpEqual, 0, 1, 0xe000_0000],
  [answer, 0, 0, taken],
  refuse,
];

/** Takes `taken` bytes of multicast beyond 224.0.0.0/24 that is not IGMP; offsets as above. */
export const dataHeaders = (taken: number): Filter => dataOf(taken, 0);

/** The same of IPv6: beyond the link by its group's scope and by its source, so never MLD. */
export const dataHeaders6 = (taken: number): Filter => [
  [loadByte, 0, 0, 24],
  [jumpEqual, 0, 7, 0xff],
  [loadByte, 0, 0, 25],
  [and, 0, 0, 0x0f],
  [jumpNotBelow, 0, 4, 3],
  [loadHalf, 0, 0, 8],
  [and, 0, 0, 0xffc0],
  [jumpEqual, 1, 0, 0xfe80],
  [answer, 0, 0, taken],
  refuse,
];

const ofLan: Filter = [[loadByte, 0, 0, frameKind], [jumpAbove, 0, 1, toGroup], refuse];

/** Takes whole frames with data of any group, offsets from a link header of `linkBytes`. */
export const anyGroup = (linkBytes: number): Filter => [...ofLan, ...dataOf(whole, linkBytes)];

/** As `anyGroup`, of these groups only (as numbers, ascending): a search by halves. */
export const theseGroups = (linkBytes: number, groups: readonly number[]): Filter => [
  ...ofLan,
  [loadByte, 0, 0, linkBytes + protocolAt],
  [jumpEqual, 0, 1, igmp],
  refuse,
  [loadWord, 0, 0, linkBytes + groupAt],
  ...search(groups),
];

/** Jumps by condition reach 255 instructions at most, so a plain jump goes over the lower half. */
function search(groups: readonly number[]): Filter {
  const [group] = groups;
  if (group === undefined) return [refuse];
  if (groups.length === 1) return [[jumpEqual, 0, 1, group], accept, refuse];
  const half = groups.length >>> 1;
  const lower = search(groups.slice(0, half));
  return [
    [jumpNotBelow, 0, 1, groups[half] as number],
    [jump, 0, 0, lower.length],
    ...lower,
    ...search(groups.slice(half)),
  ];
}
