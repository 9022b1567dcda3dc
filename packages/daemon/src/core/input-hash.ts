import { createHash } from 'node:crypto'
import type { ToolCall } from '@codesdkd/protocol'
import canonicalize from 'canonicalize'

/**
 * What an approval is bound to: `sha256:` + hex over the RFC 8785 JSON of `{name, input}`; of
 * `{name, kind, title, locations, content}` where the agent shows no native input.
 * Fields that are undefined are left out. Throws only for what cannot be JSON at all (cycles, bigint).
 */
export function inputHash(call: Pick<ToolCall, 'name' | 'input'> | ToolCall): string {
  const { name, input } = call
  if (!('kind' in call) || call.input_source === undefined) return canonicalHash({ name, input })
  const { kind, title, locations, diff } = call
  return canonicalHash({ name, kind, title, locations, content: input ?? diff })
}

/** `sha256:` + hex over the canonical JSON of any JSON value: equal for equal values, whatever the order of their keys. */
export function canonicalHash(value: unknown): string {
  return `sha256:${createHash('sha256').update(toCanonicalJson(value)).digest('hex')}`
}

/** RFC 8785 refuses lone surrogates and infinite numbers, and agents send both; they are then read as a UTF-8 or JSON encoder writes them. */
function toCanonicalJson(value: unknown): string {
  try {
    return canonicalize(value) ?? 'null'
  } catch {
    return canonicalize(JSON.parse(toWellFormedJson(value))) ?? 'null'
  }
}

/** In what `JSON.stringify` returns, `\ud…` stands for lone surrogates only. */
function toWellFormedJson(value: unknown): string {
  return JSON.stringify(value).replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) =>
    escape.length > 2 && escape.startsWith('\\ud') ? '\\ufffd' : escape,
  )
}
