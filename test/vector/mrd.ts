/**
 * Router discovery packets over IPv6 as hexadecimal text. Origin: computed from RFC 4286 and RFC
 * 8200 §8.1 in Python, apart from the code; the IPv4 messages are in `igmp.ts`.
 */
export const mrdPackets = {
  advertisement:
    "60 00 00 00 00 10 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 " +
    "ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 6a 3a 00 05 02 00 00 01 00 " +
    "97 14 6a 3b 00 7d 00 02",
  solicitation:
    "60 00 00 00 00 0c 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 " +
    "ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 02 3a 00 05 02 00 00 01 00 " +
    "98 00 6a 3a",
  termination:
    "60 00 00 00 00 0c 00 01 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 " +
    "ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 6a 3a 00 05 02 00 00 01 00 " +
    "99 00 68 d2",
} as const;
