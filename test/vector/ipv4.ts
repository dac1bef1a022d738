/** IPv4 packets as hexadecimal text, each with its origin. */

/** Origin: the worked example of "Internet checksum" in Wikipedia; a header whose sum is b861. */
export const udpHeaderHex = "45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7";

/**
 * A UDP packet 192.0.2.7:5000 -> 233.252.0.1:6000 with the payload "FastCast". Origin: sent by
 * Linux 6.18 through a veth, read from a packet socket: the checksum field holds only the folded
 * pseudo-header sum (`TP_STATUS_CSUMNOTREADY`).
 */
export const partialUdpHex =
  "45 00 00 24 56 41 40 00 01 11 77 83 c0 00 02 07 e9 fc 00 01 " +
  "13 88 17 70 00 10 ac 26 46 61 73 74 43 61 73 74";

/** The checksum that packet should carry. Origin: computed apart, from RFC 768 in Python. */
export const partialUdpChecksum = 0xb825;
