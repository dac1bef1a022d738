/**
 * What hosts and routers of a LAN say to one another about groups: the meaning that IGMP (RFC 9776)
 * and MLD (RFC 9777) share, so that the cores behind `igmp.ts` and `mld.ts` need not ask which of
 * them spoke. Types only. A version is that of the protocol spoken; MLD is one behind IGMP, and
 * `igmpVersionOf` of `mld.ts` says which version of IGMP does as much.
 */
import type { Address } from "../base/address.ts";

export type RecordType = "is-in" | "is-ex" | "to-in" | "to-ex" | "allow" | "block";

export type GroupRecord = {
  readonly type: RecordType;
  readonly group: Address;
  /** As the packet has them: neither sorted nor freed of doubles. */
  readonly sources: readonly Address[];
};

export type MembershipQuery<Version extends 1 | 2 | 3 = 1 | 2 | 3> = {
  readonly kind: "query";
  readonly version: Version;
  /** Undefined in a general query. */
  readonly group: Address | undefined;
  /** 0 means "answer at once" (RFC 9776 §4.1.1): never a divisor. */
  readonly maxResponseMs: number;
  /** The S flag: routers do not lower their timers (RFC 9776 §4.1.5). */
  readonly suppress: boolean;
  /** 0 when the query does not say. */
  readonly robustness: number;
  /** 0 when the query does not say. */
  readonly queryIntervalMs: number;
  readonly sources: readonly Address[];
};

/** A report without source filters: IGMPv1, IGMPv2, MLDv1. */
export type PlainReport<Version extends 1 | 2 = 1 | 2> = {
  readonly kind: "report";
  readonly version: Version;
  readonly group: Address;
};

export type MembershipMessage<Query = MembershipQuery, Report = PlainReport> =
  | Query
  | Report
  /** An IGMPv2 leave, an MLDv1 done. */
  | { readonly kind: "leave"; readonly group: Address }
  /** A report of records: IGMPv3, MLDv2. */
  | {
      readonly kind: "report3";
      readonly records: readonly GroupRecord[];
      /** Records of a type that RFC 9776 does not know, skipped (§4.2.13). */
      readonly unknownRecords: number;
      /** Records whose group is no group, or with a source that cannot be one, skipped. */
      readonly refusedRecords: number;
    }
  /** Multicast router discovery (`mrd.ts`), PIMv1, DVMRP, traceroute: sound, not read there. */
  | { readonly kind: "other"; readonly type: number };

export type MembershipPacket<Message = MembershipMessage> = {
  readonly source: Address;
  readonly destination: Address;
  readonly routerAlert: boolean;
  readonly message: Message;
};
