import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isPublicAddress } from './address.ts'

/** IPv6 networks are of this size or larger: all of one is next door, and has public addresses all the same. */
const LINK_PREFIX = 64

/**
 * True for a public address that is none of this machine's own and, in IPv6, in none of the networks that it is in. Interfaces come and
 * go: they are read anew at each call.
 */
export function isOutsideAddress(address: string, interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): boolean {
  if (!isPublicAddress(address)) return false
  const own = new BlockList()
  for (const entry of Object.values(interfaces).flatMap((entries) => entries ?? [])) {
    if (entry.family === 'IPv4') own.addAddress(entry.address, 'ipv4')
    else own.addSubnet(entry.address, Math.max(LINK_PREFIX, Number(entry.cidr?.split('/')[1] ?? 128)), 'ipv6')
  }
  return !own.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
