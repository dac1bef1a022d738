import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, address } from "../../src/base/address.ts";
import { limits } from "../../src/limits.ts";
import { SiteMembership } from "../../src/site/membership.ts";
import { sameWant, unionOfWants, type Want } from "../../src/wire/want.ts";
import {
  exclude,
  foreign,
  group,
  group2,
  include,
  lanMessage,
  own,
  own2,
  prefix,
  sender,
  ssm,
} from "./site.ts";

const hold = limits.withdrawHoldMs;
const absence = limits.eavesdropperAbsenceMs;

/** A membership with its clock: facts happen at `nowMs`, deadlines when they are due. */
class Site {
  readonly membership = new SiteMembership([prefix]);
  nowMs = 0;

  tell(lan: string, news: Parameters<typeof lanMessage>[0], incarnation = 1): string {
    return this.membership.onLan({ lan, incarnation }, lanMessage(news), this.nowMs);
  }

  at(nowMs: number): this {
    while (this.membership.nextDeadlineMs() <= nowMs) {
      this.membership.onDeadline(this.membership.nextDeadlineMs());
    }
    this.nowMs = nowMs;
    return this;
  }

  lans(of = group): string[] {
    return [...this.membership.lansWanting(of)];
  }
}

describe("the union of LANs", () => {
  test("counts at once", () => {
    const site = new Site();
    site.tell("eth1", { wants: [include(group, own)] });
    expect(site.membership.takeChanged()).toBe(true);
    expect(site.membership.takeChanged()).toBe(false);
    site.tell("eth2", { wants: [include(group, own2), exclude(group2)] });
    expect([...site.membership.wants()]).toEqual([include(group, own, own2), exclude(group2)]);
    expect(site.lans()).toEqual(["eth1", "eth2"]);
    expect(site.lans(group2)).toEqual(["eth2"]);
    site.tell("eth1", { wants: [exclude(group, own)] });
    expect(site.membership.want(group)).toEqual(exclude(group));
    site.at(hold);
    expect(site.membership.want(group)).toEqual(exclude(group, own));
  });

  test("what says nothing new changes nothing", () => {
    const site = new Site();
    site.tell("eth1", { wants: [exclude(group)] });
    site.membership.takeChanged();
    site.tell("eth2", { wants: [include(group, own)] });
    site.tell("eth2", { lapsed: [group2] });
    site.at(10 * hold);
    expect(site.membership.takeChanged()).toBe(false);
    expect(site.membership.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("withdrawal", () => {
  test("happens after the hold, not before", () => {
    const site = new Site();
    site.tell("eth1", { wants: [exclude(group)] });
    site.membership.takeChanged();
    site.at(1_000).tell("eth1", { lapsed: [group] });
    expect(site.membership.nextDeadlineMs()).toBe(1_000 + hold);
    site.at(1_000 + hold - 1);
    expect(site.membership.takeChanged()).toBe(false);
    expect(site.membership.want(group)).toEqual(exclude(group));
    site.at(1_000 + hold);
    expect(site.membership.takeChanged()).toBe(true);
    expect(site.membership.want(group)).toBeUndefined();
  });

  test("a leave and a join within the hold change nothing outside", () => {
    const site = new Site();
    site.tell("eth1", { wants: [exclude(group)] });
    site.membership.takeChanged();
    for (let ms = 0; ms < 5_000; ms += 10) {
      site.at(ms).tell("eth1", ms % 20 === 0 ? { lapsed: [group] } : { wants: [exclude(group)] });
    }
    site.at(9_000);
    expect(site.membership.takeChanged()).toBe(false);
    expect(site.membership.want(group)).toEqual(exclude(group));
  });

  test("a want that narrows on one side and widens on the other holds both", () => {
    const site = new Site();
    site.tell("eth1", { wants: [include(ssm, own)] });
    site.tell("eth1", { wants: [include(ssm, own2)] });
    expect(site.membership.want(ssm)).toEqual(include(ssm, own, own2));
    site.at(hold);
    expect(site.membership.want(ssm)).toEqual(include(ssm, own2));
  });
});

describe("snapshots", () => {
  test("replace what the same Eavesdropper told before; messages that follow add to it", () => {
    const site = new Site();
    site.tell("eth1", { full: true, wants: [exclude(group)], senders: [sender(own, group)] });
    site.at(100).tell("eth1", { full: true, wants: [exclude(group2)] });
    site.tell("eth1", { wants: [exclude(ssm)], senders: [sender(own2, group)] });
    expect(site.lans(group)).toEqual([]);
    expect([...site.membership.senders()].map(({ source }) => source)).toEqual([own2]);
    site.at(100 + hold);
    expect([...site.membership.wants()].map((want) => want.group)).toEqual([group2, ssm]);
  });

  test("of a new life leave what the old one told, since it has heard little yet", () => {
    const site = new Site();
    site.tell("eth1", { full: true, wants: [exclude(group), include(ssm, own)] });
    site.at(1_000).tell("eth1", { full: true }, 2);
    site.at(1_000 + 10 * hold);
    expect(site.membership.want(group)).toEqual(exclude(group));
    expect(site.lans(group)).toEqual(["eth1"]);
    site.tell("eth1", { wants: [include(ssm, own2)] }, 2);
    expect(site.membership.want(ssm)).toEqual(include(ssm, own, own2));
    site.at(1_000 + absence + hold);
    expect([...site.membership.wants()]).toEqual([include(ssm, own2)]);
  });

  test("a group that the new life heard lapse is gone, also what the old one told of it", () => {
    const site = new Site();
    site.tell("eth1", { full: true, wants: [exclude(group)] });
    site.tell("eth1", { full: true }, 2);
    site.tell("eth1", { wants: [exclude(group)] }, 2);
    site.tell("eth1", { lapsed: [group] }, 2);
    site.at(hold);
    expect(site.membership.want(group)).toBeUndefined();
  });
});

describe("an absent Eavesdropper", () => {
  test("keeps its members, which lapse after the absence and the hold", () => {
    const site = new Site();
    site.tell("eth1", { wants: [exclude(group)], senders: [sender(own, group)] });
    site.at(1_000).membership.onLanGone("eth1", 1_000);
    expect(site.membership.lanNames()).toEqual([
      { lan: "eth1", present: false, groups: 1, senders: 1 },
    ]);
    site.at(1_000 + absence - 1);
    expect(site.lans()).toEqual(["eth1"]);
    site.at(1_000 + absence);
    expect(site.membership.lanNames()).toEqual([]);
    expect(site.membership.want(group)).toEqual(exclude(group));
    site.at(1_000 + absence + hold);
    expect(site.membership.want(group)).toBeUndefined();
    expect([...site.membership.senders()]).toEqual([]);
  });

  test("that comes back in time keeps everything", () => {
    const site = new Site();
    site.tell("eth1", { wants: [exclude(group)] });
    site.membership.onLanGone("eth1", 0);
    site.at(absence - 1).tell("eth1", { full: true, wants: [exclude(group)] });
    site.at(3 * absence);
    expect(site.membership.want(group)).toEqual(exclude(group));
  });

  test("one that was never there is no news", () => {
    const site = new Site();
    site.membership.onLanGone("eth9", 0);
    expect(site.membership.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("senders", () => {
  test("those of other sites are counted, not kept", () => {
    const site = new Site();
    site.tell("eth1", { senders: [sender(own, group), sender(foreign, group)] });
    expect([...site.membership.senders()]).toEqual([{ ...sender(own, group), lan: "eth1" }]);
    expect(site.membership.counters.foreignSenders).toBe(1);
  });

  test("a rate is no change, silence is", () => {
    const site = new Site();
    site.tell("eth1", { senders: [sender(own, group)] });
    site.membership.takeChanged();
    site.tell("eth1", { senders: [{ ...sender(own, group), packetsPerSecond: 9 }] });
    expect(site.membership.takeChanged()).toBe(false);
    expect([...site.membership.senders()][0]?.packetsPerSecond).toBe(9);
    site.tell("eth1", {
      silent: [
        { source: own, group },
        { source: own2, group },
      ],
    });
    expect(site.membership.takeChanged()).toBe(true);
    expect([...site.membership.senders()]).toEqual([]);
  });
});

describe("bounds", () => {
  test("LANs", () => {
    const site = new Site();
    for (let i = 0; i < limits.eavesdroppersPerSiteMax; i++) {
      expect(site.tell(`eth${i}`, {})).toBe("accepted");
    }
    expect(site.tell("one-more", {})).toBe("table-full");
    expect(site.tell("eth0", {})).toBe("accepted");
    expect(site.membership.counters.lansRefused).toBe(1);
  });

  test("groups and senders of a LAN, over any number of messages", () => {
    const site = new Site();
    const groupAt = (i: number): Address => address(`239.192.${i >>> 8}.${i & 255}`);
    for (let from = 0; from < limits.groupsPerLanMax + 100; from += 100) {
      const groups = Array.from({ length: 100 }, (_, i) => groupAt(from + i));
      const senders = groups.map((of) => sender(own, of));
      site.tell("eth1", { wants: groups.map((of) => exclude(of)), senders });
    }
    const [lan] = site.membership.lanNames();
    expect(lan).toMatchObject({ groups: limits.groupsPerLanMax, senders: limits.sendersPerLanMax });
    const { groupsRefused, sendersRefused } = site.membership.counters;
    expect(groupsRefused).toBe(sendersRefused);
    expect(groupsRefused).toBeGreaterThan(0);
  });
});

describe("flapping", () => {
  const sources = Array.from({ length: 64 }, (_, i) => address(`10.2.0.${i}`));
  const newsAt = {
    "join and leave": (ms: number) => (ms % 2 === 0 ? { wants: [exclude(group)] } : gone),
    "join and leave every 700 ms": (ms: number) =>
      ms % 1_400 < 700 ? { wants: [exclude(group)] } : gone,
    "another source each time": (ms: number) => ({
      wants: [include(group, sources[ms % sources.length] as Address)],
    }),
    "a source more each time, then none": (ms: number) =>
      ms % 32 === 1 ? gone : { wants: [include(group, ...sources.slice(0, 1 + (ms % 32)))] },
  } as const;
  const gone = { lapsed: [group] };

  test.each(Object.keys(newsAt) as (keyof typeof newsAt)[])(
    "%s: a row changes at most five times in any second, others at once",
    (kind) => {
      const site = new Site();
      const changes: number[] = [];
      let before: Want | undefined;
      for (let ms = 0; ms < 20_000; ms++) {
        site.at(ms).tell("eth1", newsAt[kind](ms));
        const want = site.membership.want(group);
        const isSame = before && want ? sameWant(before, want) : before === want;
        if (!isSame) changes.push(ms);
        before = want;
        if (ms % 1_000 === 0) {
          const calm = address(`239.192.9.${ms / 1_000}`);
          site.tell("eth2", { wants: [exclude(calm)] });
          expect(site.membership.want(calm)).toEqual(exclude(calm));
        }
      }
      changes.forEach((ms, i) => {
        const inSecond = changes.slice(i).filter((later) => later < ms + 1_000);
        expect(inSecond.length).toBeLessThanOrEqual(limits.flapChangesPerSecondMax);
      });
      expect(site.membership.damping.counters.flaps).toBeGreaterThan(5);
      site.tell("eth1", gone);
      site.at(40_000);
      expect(site.membership.want(group)).toBeUndefined();
    },
  );

  test("each return doubles the hold, up to a bound, until the group was calm", () => {
    const site = new Site();
    const holds: number[] = [];
    const flap = (): void => {
      site.tell("eth1", { wants: [exclude(group)] });
      site.at(site.nowMs + 1_000).tell("eth1", gone);
      const fromMs = site.nowMs;
      while (site.membership.want(group)) site.at(site.nowMs + 100);
      holds.push(site.nowMs - fromMs);
    };
    for (let i = 0; i < 7; i++) flap();
    expect(holds).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect([...site.membership.damping.flapping()]).toEqual([{ group, flaps: 6 }]);
    site.at(site.nowMs + limits.flapMemoryMs);
    expect([...site.membership.damping.flapping()]).toEqual([]);
    flap();
    expect(holds.at(-1)).toBe(500);
  });
});

const sources = [own, own2, foreign];
const want = fc
  .record({ mode: fc.constantFrom("include", "exclude"), sources: fc.subarray(sources) })
  .filter(({ mode, sources: some }) => mode === "exclude" || some.length > 0)
  .map((fields): Want => ({ group, ...fields, sources: [...fields.sources].sort() }));
const step = fc.record({
  lan: fc.constantFrom("eth1", "eth2", "eth3"),
  want: fc.option(want, { nil: undefined }),
  full: fc.boolean(),
  pauseMs: fc.constantFrom(0, 1, 200, 499, 500, 2_000),
});

test("what stands covers what is wanted until it is delayed, and equals it after the hold", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const site = new Site();
      const model = new Map<string, Want>();
      for (const one of steps) {
        if (one.want) model.set(one.lan, one.want);
        else model.delete(one.lan);
        const lapsed = one.want || one.full ? [] : [group];
        site.tell(one.lan, { full: one.full, wants: one.want ? [one.want] : [], lapsed });
        const standing = site.membership.want(group);
        const isDelayed = site.membership.damping.counters.changesDelayed > 0;
        for (const wanted of isDelayed ? [] : model.values()) {
          expect(standing && sameWant(unionOfWants(standing, wanted), standing)).toBe(true);
        }
        site.at(site.nowMs + one.pauseMs);
      }
      site.at(site.nowMs + limits.withdrawHoldMsMax + 1_000);
      const union = [...model.values()].reduce<Want | undefined>(
        (all, wanted) => (all ? unionOfWants(all, wanted) : wanted),
        undefined,
      );
      expect(site.membership.want(group)).toEqual(union);
      expect(site.lans().sort()).toEqual([...model.keys()].sort());
    }),
    { numRuns: 300 },
  );
});
