import type { ContactFacts } from "./facts.ts";
import { type Finding, well } from "./finding.ts";

/** TCP to the contacts of one key: one that fails is a pity, all that fail are a site cut off. */
export function judgeContacts(contacts: readonly ContactFacts[]): Finding[] {
  const keys = [...new Set(contacts.map(({ key }) => key))];
  return keys.flatMap((key) => judgeKey(contacts.filter((contact) => contact.key === key)));
}

function judgeKey(contacts: readonly ContactFacts[]): Finding[] {
  const code = "CONTACT_UNREACHABLE";
  const severity = contacts.every(({ answer }) => "fault" in answer) ? "critical" : "warning";
  return contacts.map(({ key, endpoint: subject, answer }) => {
    if (!("fault" in answer)) {
      return well("CONTACT", subject, `${key}: answers in ${answer.rttMs.toFixed(1)} ms`);
    }
    const evidence = `${key}: no TCP connection to ${subject}: ${answer.fault}`;
    const fix = "see that FastCast runs there, and that firewalls let its port pass";
    return { severity, code, subject, evidence, fix };
  });
}
