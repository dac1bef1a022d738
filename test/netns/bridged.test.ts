/** `bridged` in the suite of all site interfaces. */
import { describeSiteInterface } from "./site-interface.ts";

describeSiteInterface({ kind: "bridged", countsTtl: true, countsTrains: true });
