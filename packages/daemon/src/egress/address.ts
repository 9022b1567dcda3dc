import { BlockList, isIP } from 'node:net'

/** IPv4 that leads to no host of the public network (IANA's special-purpose registry), or to the machine's own provider. */
const closed4 = blockList('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // It looks public and is the door to a virtual machine's host in one large cloud: settings and certificates come from there.
  '168.63.129.16/32',
])

/** All that is public in IPv6 lies here; loopback, link-local, unique local, mapped and translated (NAT64) addresses do not. */
const open6 = blockList('ipv6', ['2000::/3'])
/** Within it: protocol assignments with Teredo, documentation, and 6to4, which carries any IPv4 address. */
const closed6 = blockList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

/** True for an address at which a host of the public network may be. False for whatever is no address, or has a zone. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false
  switch (isIP(address)) {
    case 4:
      return !closed4.check(address, 'ipv4')
    case 6:
      return open6.check(address, 'ipv6') && !closed6.check(address, 'ipv6')
    default:
      return false
  }
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = '', prefix] = subnet.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}
