/** `routed` in the suite of all site interfaces. */
import { describeSiteInterface } from "./site-interface.ts";

describeSiteInterface({
  kind: "routed",
  countsTtl: "the kernel does not forward TTL 1 and does not count it",
  countsTrains: "the kernel cuts a train before it enters the TUN",
});
