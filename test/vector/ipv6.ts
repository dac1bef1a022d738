/** IPv6 packets as hexadecimal text. Origin: sent by Linux 6.18 through a veth, read by tcpdump. */

/**
 * UDP [2001:db8::7]:5000 -> [ff08::1234]:6000, class 0xb8, 16 hops, payload "FastCast"; the
 * checksum field holds only the folded pseudo-header sum.
 */
export const udp6Hex =
  "6b 8d ce 71 00 10 11 10 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 07 " +
  "ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34 " +
  "13 88 17 70 00 10 3f 1e 46 61 73 74 43 61 73 74";

/** Two fragments of one UDP packet of 2008 bytes: headers only, the 1232 and 776 bytes are 0. */
export const firstFragmentHex =
  "6b 8d ce 71 04 d8 2c 10 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 07 " +
  "ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34 " +
  "11 00 00 01 1b 0a 57 d5 13 88 17 70 07 d8 86 49";
export const laterFragmentHex =
  "6b 8d ce 71 03 10 2c 10 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 07 " +
  "ff 08 00 00 00 00 00 00 00 00 00 00 00 00 12 34 " +
  "11 00 04 d0 1b 0a 57 d5";
