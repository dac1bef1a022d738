/**
 * The first frame on a link, in both directions, of fixed size:
 *
 *   0  magic "FCST"   4  lowest and highest frame version spoken (u8, u8)
 *   6  kind (u8)      7  bytes of the site's name (u8)
 *   8  incarnation of the sender (u64)      16  hash of the fabric's name (u32)
 *  20  zero (u32)     24  name of the site, or `site/lan`, ASCII, zero-filled to 80 bytes
 *
 * The dialling end sends first. The accepting end answers with its own, so that the dialler learns
 * whom it met: with frame flags 0 when it has agreed, 1 when it refuses and a BYE says why.
 */
import { assert } from "../base/assert.ts";
import { hash32 } from "../base/prng.ts";
import { readU32, readU53, writeU32, writeU53 } from "../base/bytes.ts";
import { limits } from "../limits.ts";
import { frameHeaderBytes, frameType, frameVersion, writeFrameHeader } from "./frame.ts";

const at = {
  magic: 0,
  versionMin: 4,
  versionMax: 5,
  kind: 6,
  nameBytes: 7,
  incarnation: 8,
  fabric: 16,
  name: 24,
} as const;
const magic = 0x46435354;

/** A site, a slash and the name of a network interface, which is at most 15 bytes. */
export const helloNameBytesMax = limits.siteNameBytesMax + 16;
export const helloBytes = 24 + helloNameBytesMax;

/** Who speaks: the Router of another site, or a role of the same site. */
export const helloKinds = ["router", "gateway", "eavesdropper"] as const;
export type HelloKind = (typeof helloKinds)[number];

export type Hello = {
  readonly kind: HelloKind;
  readonly fabric: string;
  /** The site; for an Eavesdropper `site/lan`. */
  readonly name: string;
  /** Rises with every start of the sender. */
  readonly incarnation: number;
};

export type HelloFault =
  "hello-size" | "hello-magic" | "hello-version" | "hello-kind" | "hello-name";

/** What a peer said of itself; the fabric is known by its hash only. */
export type PeerHello = Omit<Hello, "fabric"> & { readonly fabricHash: number };

export const fabricHash = (fabric: string): number => hash32(`fabric ${fabric}`);

/** A site's number in frame headers: a hash of its name, never 0. */
export const siteNumber = (site: string): number => hash32(`site ${site}`) || 1;

export const helloFlags = { agreed: 0, refused: 1 } as const;

/** Writes the whole HELLO frame and returns its length. */
export function writeHello(
  into: Uint8Array,
  from: number,
  hello: Hello,
  flags: number = helloFlags.agreed,
): number {
  const body = from + frameHeaderBytes;
  into.fill(0, from, body + helloBytes);
  writeFrameHeader(into, from, { type: frameType.hello, payloadBytes: helloBytes, flags });
  writeU32(into, body + at.magic, magic);
  into[body + at.versionMin] = frameVersion;
  into[body + at.versionMax] = frameVersion;
  into[body + at.kind] = helloKinds.indexOf(hello.kind) + 1;
  const name = new TextEncoder().encode(hello.name);
  assert(name.length <= helloNameBytesMax, () => `a greeting cannot hold the name ${hello.name}`);
  into[body + at.nameBytes] = name.length;
  writeU53(into, body + at.incarnation, hello.incarnation);
  writeU32(into, body + at.fabric, fabricHash(hello.fabric));
  into.set(name, body + at.name);
  return frameHeaderBytes + helloBytes;
}

/** The HELLO in a frame's payload `bytes[from, to)`, or its fault. */
export function parseHello(bytes: Uint8Array, from: number, to: number): PeerHello | HelloFault {
  if (to - from !== helloBytes) return "hello-size";
  if (readU32(bytes, from + at.magic) !== magic) return "hello-magic";
  const [low = 0, high = 0] = bytes.subarray(from + at.versionMin, from + at.kind);
  if (low > frameVersion || high < frameVersion) return "hello-version";
  const kind = helloKinds[(bytes[from + at.kind] ?? 0) - 1];
  if (kind === undefined) return "hello-kind";
  const nameBytes = bytes[from + at.nameBytes] ?? 0;
  if (nameBytes === 0 || nameBytes > helloNameBytesMax) return "hello-name";
  const name = String.fromCharCode(...bytes.subarray(from + at.name, from + at.name + nameBytes));
  if (!/^[a-z0-9][a-zA-Z0-9/._:@-]*$/.test(name)) return "hello-name";
  const incarnation = readU53(bytes, from + at.incarnation);
  return { kind, name, incarnation, fabricHash: readU32(bytes, from + at.fabric) };
}
