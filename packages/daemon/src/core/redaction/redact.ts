import { randomBytes } from 'node:crypto'
import { mapStrings } from './json-strings.ts'
import { createKnownSecrets, MIN_LENGTH, toMark, type KnownSecrets } from './known-secrets.ts'
import type { Masker } from '../ports.ts'

/**
 * Masks known secrets. In JSON objects only strings and keys are changed, so that they keep their shape; of an event
 * only the payload, since its envelope is the daemon's own and is what the log is read by.
 */
export function createMasker(values: Iterable<string> = [], key: Uint8Array = randomBytes(32)): Masker {
  const known = createKnownSecrets(values)
  const maskText = (text: string) => known.replace(text, (secret) => toMark('known', secret, key))
  return {
    add: (more) => known.add(more),
    maskText,
    heldBack: (text) => known.beginning(text),
    mask: (json) => (known.mayHold(json) ? maskJson(json, (text) => maskEnd(maskText(text), known, key)) : json),
  }
}

/** What was cut short may end in the beginning of a secret; most of it is as good as all of it. */
function maskEnd(text: string, known: KnownSecrets, key: Uint8Array): string {
  const length = known.beginning(text)
  return length < MIN_LENGTH ? text : text.slice(0, -length) + toMark('known', text.slice(-length), key)
}

function maskJson(json: string, maskText: (text: string) => string): string {
  const value = parseJson(json)
  if (typeof value !== 'object' || value === null) return maskText(json)
  return JSON.stringify(isEvent(value) ? { ...value, payload: mapStrings(value.payload, maskText) } : mapStrings(value, maskText))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isEvent(value: object): value is { readonly payload: unknown } {
  return Object.keys(value).join() === 'schema_version,seq,time,type,trace,runtime,payload'
}
