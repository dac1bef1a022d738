import { type Address, address } from "../../src/base/address.ts";
import type { RecordType } from "../../src/lan/group-state.ts";
import {
  type IgmpVersion,
  leaveRecord,
  Membership,
  type MembershipEffect,
  type RecordOutcome,
  reportRecord,
} from "../../src/lan/membership.ts";

import type { Unqueried } from "../../src/lan/observed-querier.ts";

export const group = address("233.252.0.1");
export const host = address("192.0.2.10");

/** A membership with the clock and the short calls that the tests below want. */
export class Lan {
  readonly membership: Membership;

  constructor(unqueried: Unqueried = "lapse") {
    this.membership = new Membership(unqueried);
  }

  record(
    type: RecordType,
    sources: readonly Address[],
    nowMs: number,
    options: { group?: Address; version?: IgmpVersion; host?: Address } = {},
  ): RecordOutcome {
    const record = { type, group: options.group ?? group, sources };
    return this.membership.onRecord(record, options.host ?? host, options.version ?? 3, nowMs);
  }

  report(version: IgmpVersion, nowMs: number, to = group): RecordOutcome {
    return this.membership.onRecord(reportRecord(to), host, version, nowMs);
  }

  leave(nowMs: number, to = group): RecordOutcome {
    return this.membership.onRecord(leaveRecord(to), host, 2, nowMs);
  }

  /** What is wanted at an instant: `include a b`, `exclude`, or undefined. */
  wantAt(nowMs: number, of = group): string | undefined {
    this.membership.onDeadline(nowMs);
    const want = this.membership.want(of);
    return want && [want.mode, ...want.sources].join(" ");
  }

  effects(): MembershipEffect[] {
    const all: MembershipEffect[] = [];
    for (;;) {
      const effect = this.membership.takeEffect();
      if (effect === undefined) return all;
      all.push(effect);
    }
  }
}
