/**
 * MLD packets as hexadecimal text, each whole and with its origin. Those of Linux went from
 * namespace to namespace over a veth: reports of a host with fe80::2 whose sockets joined
 * ff08::1234 and channels of ff38::8000:1, queries of a bridge with fe80::1 as querier.
 */
export type MldVector = { readonly name: string; readonly origin: string; readonly hex: string };

const linux = "Linux 6.18, tcpdump on a veth, force_mld_version or mcast_mld_version set";

export const mldPackets = {
  query2: {
    name: "v2 general query of a bridge, 10 s, QRV 2, QQIC 125",
    origin: linux,
    hex:
      "60 00 00 00 00 24 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 01 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 56 96 27 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 7d 00 00",
  },
  query2Group: {
    name: "v2 group query, 1 s",
    origin: linux,
    hex:
      "60 00 00 00 00 24 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 08 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 12 34 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 56 48 03 e8 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34 02 7d 00 00",
  },
  query2Suppress: {
    name: "v2 group query with S",
    origin: linux,
    hex:
      "60 00 00 00 00 24 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 08 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 12 34 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 4e 48 03 e8 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34 0a 7d 00 00",
  },
  query2Sources: {
    name: "v2 query for ff38::8000:1 from 2001:db8::9",
    origin: linux,
    hex:
      "60 00 00 00 00 34 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 38 00 00 " +
      "00 00 00 00 00 00 00 00 80 00 00 01 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 4c 7a 03 e8 00 00 ff 38 00 00 00 00 00 00 00 00 00 00 80 00 00 01 02 7d 00 01 " +
      "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
  },
  toEx: {
    name: "v2 TO_EX {}",
    origin: linux,
    hex:
      "60 00 00 00 00 24 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 16 " +
      "3a 00 05 02 00 00 01 00 " +
      "8f 00 5d cf 00 00 00 01 04 00 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34",
  },
  toIn: {
    name: "v2 TO_IN {}",
    origin: linux,
    hex:
      "60 00 00 00 00 24 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 16 " +
      "3a 00 05 02 00 00 01 00 " +
      "8f 00 5e cf 00 00 00 01 03 00 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34",
  },
  allow: {
    name: "v2 ALLOW (ff38::8000:1, {2001:db8::9})",
    origin: linux,
    hex:
      "60 00 00 00 00 34 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 16 " +
      "3a 00 05 02 00 00 01 00 " +
      "8f 00 c0 fe 00 00 00 01 05 00 00 01 ff 38 00 00 00 00 00 00 00 00 00 00 80 00 00 01 " +
      "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
  },
  block: {
    name: "v2 BLOCK (ff38::8000:1, {2001:db8::9})",
    origin: linux,
    hex:
      "60 00 00 00 00 34 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 16 " +
      "3a 00 05 02 00 00 01 00 " +
      "8f 00 bf fe 00 00 00 01 06 00 00 01 ff 38 00 00 00 00 00 00 00 00 00 00 80 00 00 01 " +
      "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
  },
  current: {
    name: "v2 answer to a general query: IS_IN, IS_EX {}, IS_EX {}",
    origin: linux,
    hex:
      "60 00 00 00 00 5c 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 16 " +
      "3a 00 05 02 00 00 01 00 " +
      "8f 00 b1 90 00 00 00 03 01 00 00 01 ff 38 00 00 00 00 00 00 00 00 00 00 80 00 00 01 " +
      "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09 02 00 00 00 ff 08 00 00 00 00 00 00 " +
      "00 00 00 00 00 00 12 34 02 00 00 00 ff 02 00 00 00 00 00 00 00 00 00 01 ff 00 00 02",
  },
  query1: {
    name: "v1 general query of a bridge, 10 s",
    origin: linux,
    hex:
      "60 00 00 00 00 20 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 01 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 59 17 27 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
  },
  query1Group: {
    name: "v1 group query, 1 s, to ff02::1 as bridges send it",
    origin: linux,
    hex:
      "60 00 00 00 00 20 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 01 " +
      "3a 00 05 02 00 00 00 00 " +
      "82 00 6b 02 03 e8 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34",
  },
  report1: {
    name: "v1 report",
    origin: linux,
    hex:
      "60 00 00 00 00 20 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 08 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 12 34 " +
      "3a 00 05 02 00 00 01 00 " +
      "83 00 5b b0 00 00 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34",
  },
  done: {
    name: "v1 done",
    origin: linux,
    hex:
      "60 00 00 00 00 20 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 00 " +
      "00 00 00 00 00 00 00 00 00 00 00 02 " +
      "3a 00 05 02 00 00 01 00 " +
      "84 00 6c e8 00 00 00 00 ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34",
  },
} as const satisfies Record<string, MldVector>;

/** Messages of computed from RFC 9777 §5 apart from any packet, without header. */
export const mldMessages = {
  query2: {
    name: "v2 general query, fe80::1 -> ff02::1",
    origin: "computed from RFC 9777 §5",
    hex: `82 00 56 96 27 10 00 00 ${"00".repeat(16)} 02 7d 00 00`,
  },
  toEx: {
    name: "v2 TO_EX {} of ff08::1234, fe80::2 -> ff02::16",
    origin: "computed from RFC 9777 §5",
    hex: `8f 00 5d cf 00 00 00 01 04 00 00 00 ff 08 ${"00".repeat(12)} 12 34`,
  },
} as const satisfies Record<string, MldVector>;
