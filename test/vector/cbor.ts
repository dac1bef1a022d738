/** CBOR messages as hexadecimal text. Origin: RFC 8949 appendix A, unless a line says otherwise. */

/** Bytes and the one value they stand for; each value encodes to just these bytes. */
export const cborPairs: readonly (readonly [hex: string, value: unknown])[] = [
  ["00", 0],
  ["17", 23],
  ["1818", 24],
  ["1903e8", 1000],
  ["1a000f4240", 1_000_000],
  ["1affffffff", 4_294_967_295], // RFC 8949 §3.1
  ["20", -1],
  ["3863", -100],
  ["3903e7", -1000],
  ["3affffffff", -4_294_967_296], // RFC 8949 §3.1
  ["fb3ff199999999999a", 1.1],
  ["fb7e37e43c8800759c", 1e300],
  ["fbc010666666666666", -4.1],
  ["fb41f0000000000000", 4_294_967_296], // 2^32, computed
  ["fb433fffffffffffff", Number.MAX_SAFE_INTEGER], // computed
  ["f4", false],
  ["f5", true],
  ["f6", null],
  ["40", new Uint8Array()],
  ["4401020304", Uint8Array.of(1, 2, 3, 4)],
  ["60", ""],
  ["6449455446", "IETF"],
  ["62c3bc", "ü"],
  ["63e6b0b4", "水"],
  ["64f0908591", "\u{10151}"],
  ["80", []],
  ["8301820203820405", [1, [2, 3], [4, 5]]],
  ["a0", {}],
  ["a26161016162820203", { a: 1, b: [2, 3] }],
  ["826161a161626163", ["a", { b: "c" }]],
];

/** Bytes and the fault they end in. */
export const cborFaults: readonly (readonly [hex: string, fault: string])[] = [
  ["", "truncated"],
  ["18", "truncated"],
  ["1903", "truncated"],
  ["fb3ff1", "truncated"],
  ["6449455446".slice(0, -2), "truncated"],
  ["44010203", "truncated"],
  ["8301", "truncated"],
  ["a16161", "truncated"],
  ["9a004c4b40", "truncated"], // five million items, no body
  ["9bffffffffffffffff", "truncated"],
  ["5bffffffffffffffff", "truncated"],
  ["ba7fffffff00", "truncated"],
  ["0000", "trailing"],
  ["8000", "trailing"],
  ["f6ff", "trailing"],
  ["9f0102ff", "indefinite"],
  ["9f", "indefinite"],
  ["bf", "indefinite"],
  ["5f42010243030405ff", "indefinite"],
  ["7f657374726561646d696e67ff", "indefinite"],
  ["ff", "indefinite"],
  ["1c", "reserved"],
  ["5d", "reserved"],
  ["9e", "reserved"],
  ["fc", "reserved"],
  ["1817", "not-shortest"],
  ["1900ff", "not-shortest"],
  ["1a0000ffff", "not-shortest"],
  ["1b00000000ffffffff", "not-shortest"],
  ["3817", "not-shortest"],
  ["580100", "not-shortest"],
  ["780161", "not-shortest"],
  ["980100", "not-shortest"],
  ["b801616101", "not-shortest"],
  ["fb3ff0000000000000", "not-shortest"], // 1.0
  ["fb8000000000000000", "not-shortest"], // -0.0
  ["fb41efffffffe00000", "not-shortest"], // 2^32 - 1
  ["1b000000e8d4a51000", "integer"],
  ["1bffffffffffffffff", "integer"],
  ["3bffffffffffffffff", "integer"],
  ["fb7ff0000000000000", "float"],
  ["fbfff0000000000000", "float"],
  ["fb7ff8000000000000", "float"],
  ["f93c00", "float"],
  ["fa47c35000", "float"],
  ["f7", "simple"],
  ["f0", "simple"],
  ["f8ff", "simple"],
  ["c074323031332d30332d32315432303a30343a30305a", "tag"],
  ["c249010000000000000000", "tag"],
  ["d81b82612e6167", "tag"], // a RegExp from the wire
  ["d81d00", "tag"],
  ["d9010280", "tag"],
  ["6100", "text"],
  ["61ff", "text"],
  ["6180", "text"],
  ["62c080", "text"], // overlong NUL
  ["61c3", "text"],
  ["62c328", "text"],
  ["63e08080", "text"],
  ["63eda080", "text"], // U+D800
  ["63edbfbf", "text"], // U+DFFF
  ["63e6b028", "text"],
  ["64f0808080", "text"],
  ["64f4908080", "text"], // U+110000
  ["64f5808080", "text"],
  ["63efbbbf", "text"], // U+FEFF, a byte order mark
  ["a10102", "key"],
  ["a1f600", "key"],
  ["a14161f6", "key"],
  ["a180f6", "key"],
  ["a16000", "key"],
  ["a1695f5f70726f746f5f5f00", "key"], // __proto__
  ["a2616101616102", "doubled-key"],
  ["82a161610181a2616101616102", "doubled-key"],
];
