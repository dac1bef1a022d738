/** What `fastcast config init` prints: every key, those with a default commented out. */
export const sampleConfig = `\
# FastCast: one file can describe a whole site; each role reads what it needs.
# A flag (--router-listen) wins over a variable (FASTCAST_ROUTER_LISTEN), that over this file.
# Check it with: fastcast config check FILE --role site

# All sites of one deployment carry the same fabric name.
#fabric: fastcast

# This site's name, unique in the fabric, and its place in the zone tree.
site: berlin
zone: /eu/berlin

# Interfaces of the site's LANs on this host.
lans: [eth1]

router:
  # Where links from other sites are accepted. Quote IPv6: "[2001:db8::1]:7800".
  #listen: 0.0.0.0:7800
  # What other sites dial; needed while listen is 0.0.0.0.
  advertise: 192.0.2.1:7800
  # Routers of some other sites; the rest is learnt from them.
  contacts: [198.51.100.1:7800]

#gateway:
  # The Router of this site, for a Gateway that runs by itself.
  #router: 127.0.0.1:7800
  # Where Eavesdroppers on other hosts report.
  #listen: 127.0.0.1:7801
  # How the Gateway touches its site: routed; bridged, which needs no multicast routing in the
  # kernel; or routed-external where pimd or FRR routes.
  #interface: routed
  # Name of the tunnel interface that the Gateway creates.
  #tun: fc0
  # For routed-external: the tunnel's address, that of the site's multicast router.
  #tun_address: 192.0.0.1
  # Kernel multicast routing table: auto, or a number to take that private table.
  #mroute_table: auto
  # Source prefixes of the site besides those of its interfaces.
  #prefixes: [10.1.0.0/24]
  # What may leave to other sites, and what may come in: the first rule that matches decides.
  #policy:
    #out:
      #- allow: 233.252.0.0/24 from 10.1.0.0/24
      #- deny: 233.252.0.0/24
    #in:
      #- deny: 239.192.7.0/24
    # For what no rule matches.
    #default: allow
  # How much may enter, and how many groups and sources may be published.
  #limits:
    #packets_per_second: 100000
    #bits_per_second: 500000000
    #group_bits_per_second: 50000000
    #groups: 8192
    #sources: 8192

#eavesdropper:
  # The Gateway of this site, for an Eavesdropper that runs by itself.
  #gateway: 127.0.0.1:7801
  # auto asks the LAN for its members where nobody else does; on from the start; off never.
  #querier: auto
  # on advertises a multicast router (RFC 4286), so that snooping switches send us reports.
  #router_discovery: off

#manager:
  # Control endpoints of Gateways to ask for the rows of all sites.
  #contacts: [http://192.0.2.1:7880]
  # What must survive a restart.
  #state: /var/lib/fastcast/manager.sqlite
  # The protocol that shapes trees: star or mst; first for groups of no application.
  #almrp: star
  #applications:
    #- name: tv
      #groups: [233.252.0.0/24]
      #almrp: mst

#control:
  # Unix socket; /run/fastcast/ROLE.sock when left out.
  #socket: /run/fastcast/site.sock
  # A TCP endpoint as well; beyond loopback it needs a token.
  #listen: 192.0.2.1:7880
  # What the Manager calls; listen when left out.
  #advertise: 192.0.2.1:7880
  # Bearer token of requests over TCP, the same in the whole fabric.
  #token: replace-this-by-a-long-secret
`;
