import { randomBytes } from 'node:crypto'
import { createKnownSecrets, toMark } from './known-secrets.ts'
import type { Masker } from './ports.ts'

/**
 * Masks known secrets in JSON texts. Only strings and keys are changed, so that the text stays JSON of the same shape;
 * of an event only its payload, since the envelope is the daemon's own. What is not JSON is masked as text.
 */
export function createMasker(values: Iterable<string> = [], key: Uint8Array = randomBytes(32)): Masker {
  const known = createKnownSecrets(values)
  const maskText = (text: string) => known.replace(text, (secret) => toMark('known', secret, key))
  return {
    add: known.add,
    mask: (json) => (known.has(json) ? maskJson(json, maskText) : json),
  }
}

function maskJson(json: string, maskText: (text: string) => string): string {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return maskText(json)
  }
  const masked = isEnvelope(value) ? { ...value, payload: maskValue(value.payload, maskText) } : maskValue(value, maskText)
  return JSON.stringify(masked)
}

function isEnvelope(value: unknown): value is { readonly payload: unknown } {
  return typeof value === 'object' && value !== null && 'schema_version' in value && 'payload' in value
}

function maskValue(value: unknown, maskText: (text: string) => string): unknown {
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => maskValue(item, maskText))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [maskText(name), maskValue(item, maskText)]))
}
