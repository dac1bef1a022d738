import { expect, test } from "bun:test";
import * as v from "valibot";
import { Config } from "../../src/config.ts";
import { plan } from "./lab-plan.ts";

test("--no-roles starts nothing but the emulator", () => {
  expect(plan({ roles: false }).jobs).toEqual([]);
  const { jobs, configs } = plan({ roles: false, wan: "emulated" });
  expect(jobs.map((job) => job.argv)).toEqual([
    ["lab", "wan-emulator", "--state", "/run/fastcast/lab/fc"],
  ]);
  expect(configs).toEqual([]);
});

test("every configuration is a valid one", () => {
  for (const separate of [false, true]) {
    const { configs, jobs } = plan({ separate });
    expect(configs).toHaveLength(jobs.length);
    for (const { content } of configs) expect(v.safeParse(Config, content).issues).toBeUndefined();
  }
});
