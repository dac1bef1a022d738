/**
 * What a configuration may say, as valibot schemas: file, flags and environment become one plain
 * value in `cmd/`, which passes here and leaves as a typed `Config`. Every section is shared by all
 * roles, so one file can describe a whole site; each role reads the sections it needs.
 */
import * as v from "valibot";
import { isMulticast, parseAddress, parseEndpoint, parsePrefix } from "./base/address.ts";
import { limits } from "./limits.ts";

const name = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    "must be lower-case letters, digits and inner hyphens, such as berlin-1",
  ),
  v.maxLength(limits.siteNameBytesMax, `must have at most ${limits.siteNameBytesMax} characters`),
);

const interfaceName = v.pipe(
  v.string("must be the name of a network interface"),
  v.regex(/^[^\s/]{1,15}$/, "must be the name of a network interface, such as eth0"),
);

const endpoint = v.pipe(
  v.string("must be address:port"),
  v.check(
    (text) => parseEndpoint(text) !== undefined,
    "must be address:port, such as 192.0.2.1:7800 or [2001:db8::1]:7800",
  ),
);

const prefix = v.pipe(
  v.string("must be a prefix"),
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
  v.string("must be a URL"),
  v.regex(/^http:\/\/[^/\s]+$/, "must be http://address:port without a path"),
);

const filePath = v.pipe(v.string("must be a path"), v.minLength(1, "must not be empty"));

export const almrpNames = ["star", "mst"] as const;

const almrp = v.picklist(almrpNames, `must be one of ${almrpNames.join(", ")}`);

const ApplicationConfig = v.strictObject({
  /** An operator's name for a set of groups. */
  name,
  groups: v.pipe(v.array(groupPrefix), v.minLength(1, "must list at least one group")),
  almrp: v.optional(almrp, "star"),
});

export const Config = v.strictObject({
  /** All sites of one deployment carry the same fabric name; a link to another one is refused. */
  fabric: v.optional(name, "fastcast"),
  /** This site's name, unique in the fabric. */
  site: v.optional(name),
  /** The site's place in the zone tree; /SITE when left out. */
  zone: v.optional(
    v.pipe(
      v.string("must be a zone path"),
      v.regex(/^(\/[a-z0-9-]+)+$/, "must be a zone path, such as /eu/berlin"),
    ),
  ),
  /** Interfaces of the site's LANs on this host. */
  lans: v.optional(
    v.pipe(
      v.array(interfaceName),
      v.maxLength(limits.lansPerSiteMax, `must list at most ${limits.lansPerSiteMax} interfaces`),
    ),
    [],
  ),
  router: v.optional(
    v.strictObject({
      /** Where links from other sites, and from this site's Gateway, are accepted. */
      listen: v.optional(endpoint, "0.0.0.0:7800"),
      /** What other sites dial; needed when `listen` names no single address. */
      advertise: v.optional(endpoint),
      /** Routers of some other sites; the rest is learnt from them. */
      contacts: v.optional(v.array(endpoint), []),
    }),
    {},
  ),
  gateway: v.optional(
    v.strictObject({
      /** The Router of this site, for a Gateway that runs by itself. */
      router: v.optional(endpoint, "127.0.0.1:7800"),
      /** Where Eavesdroppers on other hosts report. */
      listen: v.optional(endpoint, "127.0.0.1:7801"),
      /** How the Gateway touches its site. */
      interface: v.optional(
        v.picklist(["routed"], 'must be "routed", the only kind in this version'),
        "routed",
      ),
      /** Name of the tunnel interface that it creates. */
      tun: v.optional(interfaceName, "fc0"),
      /**
       * Kernel multicast routing table. `auto` takes the default table, or a private one beside
       * another daemon's; a number always takes that private table.
       */
      mroute_table: v.optional(
        v.union(
          [v.literal("auto"), v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31))],
          "must be auto or the number of a table",
        ),
        "auto",
      ),
      /** Source prefixes of the site besides those of its interfaces. */
      prefixes: v.optional(
        v.pipe(v.array(prefix), v.maxLength(limits.prefixesPerSiteMax, "lists too many prefixes")),
        [],
      ),
    }),
    {},
  ),
  eavesdropper: v.optional(
    v.strictObject({
      /** The Gateway of this site, for an Eavesdropper that runs by itself. */
      gateway: v.optional(endpoint, "127.0.0.1:7801"),
      /** `on` asks the LAN for its members; `off` only listens to the querier that is there. */
      querier: v.optional(v.picklist(["on", "off"], 'must be "on" or "off"'), "off"),
    }),
    {},
  ),
  manager: v.optional(
    v.strictObject({
      /** Control endpoints of Gateways to ask for the rows of all sites. */
      contacts: v.optional(v.array(httpUrl), []),
      /** SQLite file with what must survive a restart. */
      state: v.optional(filePath, "/var/lib/fastcast/manager.sqlite"),
      /** For groups that belong to no application. */
      almrp: v.optional(almrp, "star"),
      applications: v.optional(
        v.pipe(
          v.array(ApplicationConfig),
          v.maxLength(limits.applicationsMax, `lists more than ${limits.applicationsMax}`),
        ),
        [],
      ),
    }),
    {},
  ),
  control: v.optional(
    v.strictObject({
      /** Unix socket; /run/fastcast/ROLE.sock when left out. */
      socket: v.optional(filePath),
      /** A TCP endpoint as well; beyond loopback it needs a token. */
      listen: v.optional(endpoint),
      /** What the Manager calls; `listen` when left out. */
      advertise: v.optional(endpoint),
      /** Bearer token that requests over TCP must carry, the same in the whole fabric. */
      token: v.optional(
        v.pipe(
          v.string("must be text"),
          v.minLength(16, "must have at least 16 characters"),
          v.maxLength(256, "must have at most 256 characters"),
        ),
      ),
    }),
    {},
  ),
});

export type Config = v.InferOutput<typeof Config>;
