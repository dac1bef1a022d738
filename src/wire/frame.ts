/**
 * The link protocol: what runs on the one TCP connection between two sites, and between the roles
 * of one site. A stream of frames, each with a fixed header, big-endian, length first:
 *
 *      0               1               2               3
 *     +---------------+---------------+---------------+---------------+
 *   0 |                         payload bytes                         |
 *     +---------------+---------------+---------------+---------------+
 *   4 |    version    |     type      |             flags             |
 *     +---------------+---------------+---------------+---------------+
 *   8 |                            Flow ID                            |
 *     +---------------+---------------+---------------+---------------+
 *  12 |               ingress site, or the site spoken of             |
 *     +---------------+---------------+---------------+---------------+
 *  16 |                                                               |
 *     +         sequence, or a time in microseconds (heartbeat)       +
 *  20 |                                                               |
 *     +---------------+---------------+---------------+---------------+
 *  24 |                            payload                            |
 *
 * A data frame's payload is one IP packet as it came from its site. Routers forward runs of data
 * frames of one flow as slices of what they received, header included. Vectors in
 * `test/vector/frame.ts` freeze the layout.
 */
import { readU16, readU32, readU53, writeU16, writeU32, writeU53 } from "../base/bytes.ts";
import { limits } from "../limits.ts";

const at = {
  payloadBytes: 0,
  version: 4,
  type: 5,
  flags: 6,
  flowId: 8,
  site: 12,
  sequence: 16,
} as const;

export const frameHeaderBytes = 24;
export const frameVersion = 1;

export const frameType = {
  hello: 1,
  data: 2,
  ping: 3,
  pong: 4,
  /** CBOR between Gateways, or between the roles of a site; opaque to transit Routers. */
  message: 5,
  /** A Router tells its Gateway that a neighbour site is linked (flags 1) or not (flags 0). */
  neighbour: 6,
  /** The sender closes; the payload is the reason in words. */
  bye: 7,
} as const;

export type FrameFault = "version" | "type" | "oversize";

/**
 * Whether the 24 bytes at `header` may be a frame's header; the reader has made sure that they are
 * there. Bytes from a peer pass here before any accessor below touches them.
 */
export function frameFault(bytes: Uint8Array, header: number): FrameFault | undefined {
  if (bytes[header + at.version] !== frameVersion) return "version";
  const type = bytes[header + at.type] as number;
  if (type < frameType.hello || type > frameType.bye) return "type";
  return framePayloadBytes(bytes, header) > limits.framePayloadBytesMax ? "oversize" : undefined;
}

export const framePayloadBytes = (bytes: Uint8Array, header: number): number =>
  readU32(bytes, header + at.payloadBytes);
export const frameTypeOf = (bytes: Uint8Array, header: number): number =>
  bytes[header + at.type] as number;
export const frameFlags = (bytes: Uint8Array, header: number): number =>
  readU16(bytes, header + at.flags);
export const frameFlowId = (bytes: Uint8Array, header: number): number =>
  readU32(bytes, header + at.flowId);
/** The ingress site of a data frame; the neighbour that a message came from or goes to. */
export const frameSite = (bytes: Uint8Array, header: number): number =>
  readU32(bytes, header + at.site);
export const frameSequence = (bytes: Uint8Array, header: number): number =>
  readU53(bytes, header + at.sequence);

export type FrameHeader = {
  readonly type: number;
  readonly payloadBytes: number;
  readonly flags?: number;
  readonly flowId?: number;
  readonly site?: number;
  readonly sequence?: number;
};

/** Writes all 24 bytes: a reused buffer must not leak old ones. */
export function writeFrameHeader(into: Uint8Array, header: number, fields: FrameHeader): void {
  writeU32(into, header + at.payloadBytes, fields.payloadBytes);
  into[header + at.version] = frameVersion;
  into[header + at.type] = fields.type;
  writeU16(into, header + at.flags, fields.flags ?? 0);
  writeU32(into, header + at.flowId, fields.flowId ?? 0);
  writeU32(into, header + at.site, fields.site ?? 0);
  writeU53(into, header + at.sequence, fields.sequence ?? 0);
}

/** The packet path's form of `writeFrameHeader` for data: numbers only, nothing allocated. */
export function writeDataHeader(
  into: Uint8Array,
  header: number,
  payloadBytes: number,
  flowId: number,
  ingressSite: number,
  sequence: number,
): void {
  writeU32(into, header + at.payloadBytes, payloadBytes);
  into[header + at.version] = frameVersion;
  into[header + at.type] = frameType.data;
  writeU16(into, header + at.flags, 0);
  writeU32(into, header + at.flowId, flowId);
  writeU32(into, header + at.site, ingressSite);
  writeU53(into, header + at.sequence, sequence);
}
