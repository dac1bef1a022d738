/**
 * What a configuration may say, as valibot schemas: file, flags and environment become one plain
 * value in `cmd/`, which passes here and leaves as a typed `Config`. Every section is shared by all
 * roles, so one file can describe a whole site; each role reads the sections it needs, and
 * `roleFaults` says what it misses. The description of a key is also the help of its flag.
 */
import * as v from "valibot";
import {
  ipv4Number,
  isMulticast,
  parseAddress,
  parseEndpoint,
  parsePrefix,
} from "./base/address.ts";
import { limits } from "./limits.ts";
import { parseRule, ruleForm, type Verdict } from "./wire/policy-rule.ts";

export const roleNames = ["site", "router", "gateway", "eavesdropper", "manager"] as const;

export type RoleName = (typeof roleNames)[number];

const isUnset = (issue: v.BaseIssue<unknown>): boolean => issue.received === "undefined";

/** A section: keys that it does not name are faults, so that a misspelt key never passes. */
const section = <Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, (issue) => {
    if (issue.expected === "never") return "unknown key";
    return isUnset(issue) ? "is missing" : "must be a section with keys of its own";
  });

const list = <Item extends v.GenericSchema>(item: Item) =>
  v.array(item, "must be a list, such as [a, b]");

/** A key with the sentence that `--help` and the manual say about it. */
const key = <Schema extends v.GenericSchema>(about: string, schema: Schema) =>
  v.pipe(schema, v.description(about));

const name = v.pipe(
  v.string("must be text; put a number in quotes"),
  v.regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    "must be lower-case letters, digits and inner hyphens, such as berlin-1",
  ),
  v.maxLength(limits.siteNameBytesMax, `must have at most ${limits.siteNameBytesMax} characters`),
);

const interfaceName = v.pipe(
  v.string("must be the name of a network interface, such as eth0"),
  v.regex(/^[a-zA-Z0-9._:@-]{1,15}$/, "must be the name of a network interface, such as eth0"),
);

const endpointRule = "must be address:port, such as 192.0.2.1:7800 or [2001:db8::1]:7800";

const endpoint = v.pipe(
  v.string(endpointRule),
  v.check((text) => parseEndpoint(text) !== undefined, endpointRule),
);

const prefix = v.pipe(
  v.string("must be a prefix, such as 10.1.0.0/24"),
  v.check(
    (text) => parsePrefix(text) !== undefined,
    "must be a prefix with no host bits set, such as 10.1.0.0/24",
  ),
);

const groupPrefix = v.pipe(
  prefix,
  v.check((text) => {
    const base = parseAddress(text.split("/")[0] ?? "");
    return base !== undefined && isMulticast(base);
  }, "must be a multicast group or prefix of groups, such as 233.252.0.0/24"),
);

const httpUrl = v.pipe(
  v.string("must be http://address:port"),
  v.check(
    (text) => text.startsWith("http://") && parseEndpoint(text.slice(7)) !== undefined,
    "must be http://address:port without a path",
  ),
);

const filePath = v.pipe(v.string("must be a path"), v.minLength(1, "must not be empty"));

/** Linux: the path of a Unix socket has at most 107 bytes. */
const socketPath = v.pipe(filePath, v.maxBytes(107, "must have at most 107 bytes"));

export const siteInterfaceKinds = ["routed", "routed-external", "bridged"] as const;

export const almrpNames = ["star", "mst"] as const;

const almrp = v.picklist(almrpNames, `must be one of ${almrpNames.join(", ")}`);

/** The kernel writes the number into a name of limited length. */
const tableMax = 999_999_999;

const tableRule = `must be "auto" or the number of a table from 1 to ${tableMax}`;

const tableNumber = v.pipe(
  v.number(tableRule),
  v.integer(tableRule),
  v.minValue(1, tableRule),
  v.maxValue(tableMax, tableRule),
);

const tunnelAddress = v.pipe(
  v.string("must be an IPv4 address, such as 192.0.0.1"),
  v.check((text) => {
    const host = ipv4Number(text);
    return host !== undefined && (host & 3) % 3 !== 0;
  }, "must be an IPv4 address that is one of the two hosts of its /30, such as 192.0.0.1"),
);

const isUnique = (items: readonly string[]): boolean => new Set(items).size === items.length;

const ApplicationConfig = section({
  name: key("An operator's name for a set of groups.", name),
  groups: key(
    "The application's groups and prefixes of groups.",
    v.pipe(list(groupPrefix), v.minLength(1, "must list at least one group")),
  ),
  almrp: v.optional(key("The protocol that shapes the application's trees.", almrp), "star"),
});

const applications = v.pipe(
  list(ApplicationConfig),
  v.maxLength(limits.applicationsMax, `must list at most ${limits.applicationsMax} applications`),
  v.check(
    (all) => isUnique(all.map((application) => application.name)),
    "names two applications alike; give each its own name",
  ),
);

const RouterConfig = section({
  listen: v.optional(
    key("Where links from other sites, and from this site's Gateway, are accepted.", endpoint),
    "0.0.0.0:7800",
  ),
  advertise: v.optional(
    key("What other sites dial; needed when router.listen names no single address.", endpoint),
  ),
  contacts: v.optional(
    key("Routers of some other sites; the rest is learnt from them.", list(endpoint)),
    [],
  ),
});

const ruleText = (verdict: Verdict) =>
  v.pipe(
    v.string(ruleForm),
    v.check(
      (text) => typeof parseRule(verdict, text) !== "string",
      ({ input }) => String(parseRule(verdict, input)),
    ),
  );

const PolicyRuleConfig = v.pipe(
  section({
    allow: v.optional(key("Groups, and from which sources, that may cross.", ruleText("allow"))),
    deny: v.optional(key("Groups, and from which sources, that may not.", ruleText("deny"))),
  }),
  v.check(
    ({ allow, deny }) => (allow === undefined) !== (deny === undefined),
    "must be one rule, allow or deny; write a list item for each",
  ),
);

const policyRules = (about: string) =>
  v.optional(
    key(
      `${about} The first rule that matches decides; as JSON in a flag or variable.`,
      v.pipe(
        list(PolicyRuleConfig),
        v.maxLength(limits.policyRulesMax, `must list at most ${limits.policyRulesMax} rules`),
      ),
    ),
    [],
  );

const PolicyConfig = section({
  out: policyRules("Rules for what leaves this site's LANs to other sites."),
  in: policyRules("Rules for what comes from other sites onto this site's LANs."),
  default: v.optional(
    key("For what no rule matches.", v.picklist(["allow", "deny"], 'must be "allow" or "deny"')),
    "allow",
  ),
});

const wholeNumber = (max: number) => {
  const fault = `must be a whole number from 1 to ${max}`;
  return v.pipe(v.number(fault), v.integer(fault), v.minValue(1, fault), v.maxValue(max, fault));
};

const rateMax = 1_000_000_000_000;

const LimitsConfig = section({
  packets_per_second: v.optional(
    key("Packets of the whole site that may enter each second.", wholeNumber(rateMax)),
  ),
  bits_per_second: v.optional(
    key("Bits of the whole site's packets that may enter each second.", wholeNumber(rateMax)),
  ),
  group_bits_per_second: v.optional(
    key("Bits of each group's packets that may enter each second.", wholeNumber(rateMax)),
  ),
  groups: v.optional(
    key("Groups that the site may want of others.", wholeNumber(limits.groupsPerSiteMax)),
    limits.groupsPerSiteMax,
  ),
  sources: v.optional(
    key("Sources that may send, counted by group.", wholeNumber(limits.channelsPerSiteMax)),
    limits.channelsPerSiteMax,
  ),
});

const tooManyPrefixes = `must list at most ${limits.prefixesPerSiteMax} prefixes`;

const GatewayConfig = section({
  router: v.optional(
    key("The Router of this site, for a Gateway that runs by itself.", endpoint),
    "127.0.0.1:7800",
  ),
  listen: v.optional(key("Where Eavesdroppers on other hosts report.", endpoint), "127.0.0.1:7801"),
  interface: v.optional(
    key(
      "How the Gateway touches its site.",
      v.picklist(siteInterfaceKinds, `must be one of ${siteInterfaceKinds.join(", ")}`),
    ),
    "routed",
  ),
  tun: v.optional(key("Name of the tunnel interface that it creates.", interfaceName), "fc0"),
  tun_address: v.optional(
    key(
      "For routed-external: the tunnel's address, that of the site's multicast router. FastCast " +
        "is the other host of its /30, and known to that router only.",
      tunnelAddress,
    ),
    // RFC 7335: for tunnels within a host, and never routed.
    "192.0.0.1",
  ),
  mroute_table: v.optional(
    key(
      "Kernel multicast routing table: auto takes the default table, or a private one beside " +
        "another daemon's; a number always takes that private table.",
      v.union([v.literal("auto"), tableNumber], tableRule),
    ),
    "auto",
  ),
  prefixes: v.optional(
    key(
      "Source prefixes of the site besides those of its interfaces.",
      v.pipe(list(prefix), v.maxLength(limits.prefixesPerSiteMax, tooManyPrefixes)),
    ),
    [],
  ),
  policy: v.optional(PolicyConfig, {}),
  limits: v.optional(LimitsConfig, {}),
});

const EavesdropperConfig = section({
  gateway: v.optional(
    key("The Gateway of this site, for an Eavesdropper that runs by itself.", endpoint),
    "127.0.0.1:7801",
  ),
  querier: v.optional(
    key(
      "auto asks the LAN for its members where nobody else does; on from the start; off never.",
      v.picklist(["auto", "on", "off"], "must be auto, on or off"),
    ),
    "auto",
  ),
  router_discovery: v.optional(
    key(
      "on advertises a multicast router (RFC 4286), so that snooping switches send us reports.",
      v.picklist(["on", "off"], 'must be "on" or "off"'),
    ),
    "off",
  ),
});

const ManagerConfig = section({
  contacts: v.optional(
    key("Control endpoints of Gateways to ask for the rows of all sites.", list(httpUrl)),
    [],
  ),
  state: v.optional(
    key("SQLite file with what must survive a restart.", filePath),
    "/var/lib/fastcast/manager.sqlite",
  ),
  almrp: v.optional(key("For groups that belong to no application.", almrp), "star"),
  applications: v.optional(
    key("Named sets of groups, each with its policy; as JSON in a flag or variable.", applications),
    [],
  ),
});

const token = v.pipe(
  v.string("must be text; put a number in quotes"),
  v.minLength(16, "must have at least 16 characters"),
  v.maxLength(256, "must have at most 256 characters"),
);

const ControlConfig = v.pipe(
  section({
    socket: v.optional(key("Unix socket; /run/fastcast/ROLE.sock when left out.", socketPath)),
    listen: v.optional(
      key("A TCP endpoint as well; beyond loopback it needs control.token.", endpoint),
    ),
    advertise: v.optional(key("What the Manager calls; control.listen when left out.", endpoint)),
    token: v.optional(
      key("Bearer token of requests over TCP, the same in the whole fabric.", token),
    ),
  }),
  v.forward(
    v.check(
      ({ listen, token: secret }) =>
        listen === undefined || secret !== undefined || isLoopback(listen),
      "is needed because control.listen is reached from beyond loopback: 16 or more characters",
    ),
    ["token"],
  ),
);

export const Config = section({
  fabric: v.optional(
    key("Sites of one deployment carry the same fabric name; other links are refused.", name),
    "fastcast",
  ),
  site: v.optional(key("This site's name, unique in the fabric.", name)),
  zone: v.optional(
    key(
      "The site's place in the zone tree; /SITE when left out.",
      v.pipe(
        v.string("must be a zone path, such as /eu/berlin"),
        v.regex(/^(\/[a-z0-9-]+)+$/, "must be a zone path, such as /eu/berlin"),
        v.maxLength(256, "must have at most 256 characters"),
      ),
    ),
  ),
  lans: v.optional(
    key(
      "Interfaces of the site's LANs on this host.",
      v.pipe(
        list(interfaceName),
        v.maxLength(limits.lansPerSiteMax, `must list at most ${limits.lansPerSiteMax} interfaces`),
        v.check((names) => isUnique(names), "names an interface twice; name each once"),
      ),
    ),
    [],
  ),
  router: v.optional(RouterConfig, {}),
  gateway: v.optional(GatewayConfig, {}),
  eavesdropper: v.optional(EavesdropperConfig, {}),
  manager: v.optional(ManagerConfig, {}),
  control: v.optional(ControlConfig, {}),
});

export type Config = v.InferOutput<typeof Config>;

const hostOf = (text: string): string => parseEndpoint(text)?.host ?? "";

const isLoopback = (text: string): boolean =>
  hostOf(text) === "::1" || hostOf(text).startsWith("127.");
