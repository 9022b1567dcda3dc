import { Problem } from '@codesdkd/protocol'
import type { Exchange } from './exchange.ts'

/** The key as a structured-field string (`"abc"`) or bare; null without one. */
export function idempotencyKey({ headers }: Exchange): string | null {
  const given = headers['idempotency-key']
  if (given === undefined) return null
  const key = typeof given === 'string' ? /^(?:"([\x20-\x7e]{1,255})"|([\x21-\x7e]{1,255}))$/.exec(given.trim()) : null
  const value = key?.[1] ?? key?.[2]
  if (value === undefined)
    throw new Problem('invalid_request', 'Idempotency-Key must be 1 to 255 printable ASCII characters.', {
      members: { field: 'Idempotency-Key' },
    })
  return value
}
