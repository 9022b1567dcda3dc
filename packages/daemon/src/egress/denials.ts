import type { ConfinementDenial } from '../core/ports.ts'
import { toAuthority } from './host.ts'
import type { Refusal } from './refusal.ts'

/** Milliseconds in which the same target is told once: a program that tries again and again is one piece of news. */
const QUIET = 1_000
const KNOWN_LIMIT = 1_024

export interface DenialsOptions {
  readonly refused: (denial: ConfinementDenial) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Passes on what the rules of the session refused; what is merely broken is no denial. */
export function createDenials({ refused, now }: DenialsOptions): (refusal: Refusal) => void {
  const told = new Map<string, number>()
  return ({ status, message, target }) => {
    if (status !== 403 || target === null) return
    const name = toAuthority(target)
    const time = now()
    if (time - (told.get(name) ?? -Infinity) < QUIET) return
    if (told.size >= KNOWN_LIMIT) for (const [old, at] of told) if (time - at >= QUIET || told.size >= KNOWN_LIMIT) told.delete(old)
    told.set(name, time)
    refused({ kind: 'network', target: name, reason: message, source: 'sandbox' })
  }
}
