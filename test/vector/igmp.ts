/**
 * IGMP messages and whole IPv4 packets as hexadecimal text, each with its origin. "Computed" means
 * by hand from the RFC; the others were seen elsewhere first.
 */
export type IgmpVector = { readonly name: string; readonly origin: string; readonly hex: string };

const computed = "computed from RFC 9776 §4";
const linux = "Linux 6.18, packet socket on a veth, force_igmp_version set; group 233.252.0.1";

/** Messages without their IPv4 header. */
export const igmpMessages = {
  query1: { name: "v1 query", origin: computed, hex: "11 00 ee ff 00 00 00 00" },
  query2: { name: "v2 general query, 10 s", origin: computed, hex: "11 64 ee 9b 00 00 00 00" },
  query2Group: { name: "v2 group query, 1 s", origin: computed, hex: "11 0a fe f2 ef 01 01 01" },
  report1: { name: "v1 report", origin: computed, hex: "12 00 fd fc ef 01 01 01" },
  report2: { name: "v2 report", origin: computed, hex: "16 00 f9 fc ef 01 01 01" },
  leave: { name: "v2 leave", origin: computed, hex: "17 00 f8 fc ef 01 01 01" },
  query3: {
    name: "v3 general query, QRV 2, QQIC 125",
    origin: computed,
    hex: "11 64 ec 1e 00 00 00 00 02 7d 00 00",
  },
  toEx: {
    name: "v3 TO_EX {}",
    origin: computed,
    hex: "22 00 e9 fb 00 00 00 01 04 00 00 00 ef 01 01 01",
  },
  allow: {
    name: "v3 ALLOW (232.1.1.1, {10.0.0.5})",
    origin: computed,
    hex: "22 00 e5 f5 00 00 00 01 05 00 00 01 e8 01 01 01 0a 00 00 05",
  },
  advertisement: {
    name: "MRD advertisement, 20 s, QI 125, RV 2",
    origin: "computed from RFC 4286 §3",
    hex: "30 14 cf 6c 00 7d 00 02",
  },
  solicitation: {
    name: "MRD solicitation",
    origin: "computed from RFC 4286 §4",
    hex: "31 00 ce ff",
  },
  termination: {
    name: "MRD termination",
    origin: "computed from RFC 4286 §5",
    hex: "32 00 cd ff",
  },
  smoltcpLeave: {
    name: "leave of 224.0.6.150",
    origin: "smoltcp src/wire/igmp.rs, tests",
    hex: "17 00 02 69 e0 00 06 96",
  },
  smoltcpReport: {
    name: "v2 report of 225.0.0.37",
    origin: "smoltcp src/wire/igmp.rs, tests",
    hex: "16 00 08 da e1 00 00 25",
  },
} as const satisfies Record<string, IgmpVector>;

/** Whole packets. */
export const igmpPackets = {
  linuxReport1: {
    name: "Linux v1 report",
    origin: linux,
    hex:
      "46 c0 00 20 00 00 40 00 01 02 38 13 c0 00 02 07 e9 fc 00 01 94 04 00 00 " +
      "12 00 04 02 e9 fc 00 01",
  },
  linuxReport2: {
    name: "Linux v2 report",
    origin: linux,
    hex:
      "46 c0 00 20 00 00 40 00 01 02 38 13 c0 00 02 07 e9 fc 00 01 94 04 00 00 " +
      "16 00 00 02 e9 fc 00 01",
  },
  linuxLeave: {
    name: "Linux v2 leave",
    origin: linux,
    hex:
      "46 c0 00 20 00 00 40 00 01 02 42 0e c0 00 02 07 e0 00 00 02 94 04 00 00 " +
      "17 00 ff 01 e9 fc 00 01",
  },
  linuxToIn: {
    name: "Linux v3 leave: TO_IN {}",
    origin: linux,
    hex:
      "46 c0 00 28 00 00 40 00 01 02 41 f2 c0 00 02 07 e0 00 00 16 94 04 00 00 " +
      "22 00 f1 00 00 00 00 01 03 00 00 00 e9 fc 00 01",
  },
  linuxJoins: {
    name: "Linux v3: ALLOW (232.1.1.1, {198.51.100.9}) and TO_EX {}",
    origin: linux,
    hex:
      "46 c0 00 34 00 00 40 00 01 02 41 e6 c0 00 02 07 e0 00 00 16 94 04 00 00 " +
      "22 00 d7 be 00 00 00 02 05 00 00 01 e8 01 01 01 c6 33 64 09 04 00 00 00 e9 fc 00 01",
  },
} as const satisfies Record<string, IgmpVector>;
