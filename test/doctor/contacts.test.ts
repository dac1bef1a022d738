import { expect, test } from "bun:test";
import { judgeContacts } from "../../src/doctor/contacts.ts";
import type { ContactFacts } from "../../src/doctor/facts.ts";
import { faultsOf } from "./facts.ts";

const contact = (endpoint: string, answer: ContactFacts["answer"]): ContactFacts => ({
  key: "router.contacts",
  endpoint,
  answer,
});
const near = contact("192.0.2.1:7800", { rttMs: 12.34 });
const lost = contact("192.0.2.2:7800", { fault: "ECONNREFUSED" });

test("an answer is well, with its round-trip time", () => {
  const [finding] = judgeContacts([near]);
  expect([finding?.severity, finding?.evidence]).toEqual([
    "well",
    "router.contacts: answers in 12.3 ms",
  ]);
  expect(judgeContacts([])).toEqual([]);
});

test("one of several is lost: a warning; all of a key: critical", () => {
  expect(faultsOf(judgeContacts([near, lost]))).toEqual([
    "warning CONTACT_UNREACHABLE 192.0.2.2:7800",
  ]);
  const manager = { ...lost, key: "manager.contacts" };
  expect(faultsOf(judgeContacts([near, manager]))).toEqual([
    "critical CONTACT_UNREACHABLE 192.0.2.2:7800",
  ]);
  expect(judgeContacts([lost])[0]?.evidence).toContain("ECONNREFUSED");
});
