import type { Almrp } from "./almrp.ts";
import { mst } from "./mst.ts";
import { star } from "./star.ts";

/** The protocols an application can choose; the configuration offers the same names. */
export type AlmrpName = "star" | "mst";

/** Every protocol, with its own parameters where a caller wants to set them. */
export const protocols = { star, mst } as const satisfies Record<AlmrpName, Almrp<object>>;

/** The protocol of that name, to be called with its `defaults`. */
export const protocolOf = (name: AlmrpName): Almrp<object> => protocols[name];
