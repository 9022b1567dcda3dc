import { isIP } from 'node:net'

/** Where somebody wants to go. */
export interface Target {
  /** A DNS name in lower case ASCII without a dot at its end, or an IP address in its one normal form without brackets. */
  readonly host: string
  readonly port: number
}

const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const dnsName = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`)

/**
 * Top-level domains that are no part of the public DNS, whatever the resolver of this machine makes of them: RFC 6761, 6762 (with its
 * appendix G), 7686, 8375.
 */
const localDomains = ['localhost', 'localdomain', 'local', 'internal', 'intranet', 'private', 'corp', 'home', 'lan', 'home.arpa', 'onion']

/**
 * A host in its one spelling, or null where it is none. The rules are those of browsers (WHATWG), so that what one program takes for a
 * name and another for an address (`2130706433`, `0x7f.1`, `%6c…`, full-width digits) is here what it is for the most generous of them.
 */
export function toHost(spelled: string): string | null {
  if (!/^(?:\[[0-9a-f:.]+\]|[^\s/?#@\\:[\]]+)$/i.test(spelled)) return null
  const url = URL.parse(`http://${spelled}/`)
  if (url === null) return null
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return isIP(host) !== 0 || dnsName.test(host) ? host : null
}

/** `host:port` in ASCII; the port may be left out where there is a default one. Null for anything else, user names included. */
export function toTarget(authority: string, defaultPort: number | null): Target | null {
  const parts = /^(?=[\x21-\x7e]*$)(\[[^\]]*\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(authority)
  const host = toHost(parts?.[1] ?? '')
  const port = parts?.[2] === undefined ? defaultPort : Number(parts[2])
  return host === null || port === null || port < 1 || port > 65_535 ? null : { host, port }
}

/** The opposite of `toTarget`. */
export function toAuthority({ host, port }: Target): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** True for names that no public DNS server knows: without a dot, or below a domain that is kept for local use. */
export function isLocalName(host: string): boolean {
  return !host.includes('.') || localDomains.some((domain) => host === domain || host.endsWith(`.${domain}`))
}
