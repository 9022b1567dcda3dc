import type { ConfinementDenial } from '@codesdkd/protocol'
import { toAuthority } from './host.ts'
import type { Refusal } from './refusal.ts'

/**
 * What the rules of the session refused; null for what is merely broken. Each refusal is told, however soon it comes after the same one:
 * who hears of them knows to which calls they belong, and tells each call once.
 */
export function toDenial({ status, message, target }: Refusal): ConfinementDenial | null {
  if (status !== 403 || target === null) return null
  return { kind: 'network', target: toAuthority(target), reason: message, source: 'sandbox' }
}
