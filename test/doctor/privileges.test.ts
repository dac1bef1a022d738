import { describe, expect, test } from "bun:test";
import { judgeCapabilities, judgeExecutable, judgeTunDevice } from "../../src/doctor/privileges.ts";
import { faultsOf, privileges } from "./facts.ts";

describe("capabilities", () => {
  const none = { ...privileges, isRoot: false, effective: 0n };

  test("both are there", () => {
    expect(judgeCapabilities(privileges, false)[0]?.severity).toBe("well");
  });
  test("this process lacks them, and nothing shows that the roles have them", () => {
    const [finding] = judgeCapabilities(none, false);
    expect(finding?.severity).toBe("warning");
    expect(finding?.evidence).toContain("CAP_NET_ADMIN, CAP_NET_RAW (CapEff 0000000000000000)");
    expect(finding?.fix).toContain("AmbientCapabilities");
  });
  test("roles that run have had them", () => {
    expect(faultsOf(judgeCapabilities(none, true))).toEqual([]);
  });
  test("a container that bars them", () => {
    const [finding] = judgeCapabilities({ ...privileges, bounding: 0x2000n }, true);
    expect(finding?.severity).toBe("critical");
    expect(finding?.evidence).toContain("CAP_NET_ADMIN");
    expect(finding?.fix).toBe("in a container, add --cap-add CAP_NET_ADMIN");
  });
  test("not seen is no finding", () => {
    expect(judgeCapabilities({ ...privileges, effective: undefined }, false)).toEqual([]);
  });
});

describe("the executable", () => {
  test("plain", () => {
    expect(judgeExecutable(privileges)[0]?.severity).toBe("well");
  });
  test("file capabilities and setuid are taken away again", () => {
    const [finding] = judgeExecutable({
      ...privileges,
      hasFileCapabilities: true,
      isSetuid: true,
    });
    expect(finding?.severity).toBe("warning");
    expect(finding?.fix).toContain("setcap -r /usr/bin/fastcast; chmod u-s,g-s /usr/bin/fastcast");
  });
  test("attributes that cannot be read", () => {
    expect(judgeExecutable({ ...privileges, hasFileCapabilities: undefined })).toEqual([]);
  });
});

test.each([
  [undefined, true, []],
  ["ENOENT", true, ["critical TUN_DEVICE host"]],
  ["EACCES", true, ["critical TUN_DEVICE host"]],
  ["EACCES", false, ["warning TUN_DEVICE host"]],
])("/dev/net/tun: %p, root %p", (tunFault, isRoot, expected) => {
  expect(faultsOf(judgeTunDevice({ ...privileges, tunFault, isRoot }))).toEqual(expected);
});
