import { isIP } from 'node:net'
import { toHost, type Target } from './host.ts'

/** A rule about hosts: `name`, `*.name`, an address, `*`; each may end in `:port`. */
export interface HostPattern {
  /** `any`: every host; `below`: the names below `host`, never that name itself; `exact`: this one. */
  readonly reach: 'any' | 'below' | 'exact'
  /** As `toHost` spells it; empty for `any`. */
  readonly host: string
  /** Null: the usual ports. */
  readonly port: number | null
}

/** Null for what is no pattern: then it matches nothing. */
export function toHostPattern(text: string): HostPattern | null {
  const parts = /^(\[[^\]]*\]|[^:[\]]+)(?::([0-9]{1,5}))?$/.exec(text)
  const name = parts?.[1]
  const port = parts?.[2] === undefined ? null : Number(parts[2])
  if (name === undefined || (port !== null && (port < 1 || port > 65_535))) return null
  if (name === '*') return { reach: 'any', host: '', port }
  const below = name.startsWith('*.')
  const host = toHost(below ? name.slice(2) : name)
  if (host === null || host.includes('*') || (below && isIP(host) !== 0)) return null
  return { reach: below ? 'below' : 'exact', host, port }
}

/** Whether the pattern means this host, whatever the port. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.reach) {
    case 'any':
      return true
    case 'below':
      return host.endsWith(`.${pattern.host}`) && host.length > pattern.host.length + 1
    case 'exact':
      return host === pattern.host
    default:
      return pattern.reach satisfies never
  }
}

/** A pattern without a port means the usual ones only; one with a port means that port only. */
export function matchesTarget(pattern: HostPattern, { host, port }: Target, usualPorts: readonly number[]): boolean {
  return matchesHost(pattern, host) && (pattern.port === null ? usualPorts.includes(port) : pattern.port === port)
}
