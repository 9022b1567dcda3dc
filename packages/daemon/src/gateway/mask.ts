import { encodedForms } from '../core/redaction/known-secrets.ts'

/** Hides values in a stream of bytes. Keeps its length, and holds back nothing but what may be the beginning of a value. */
export interface Mask {
  /** The bytes that can be shown now. */
  push(chunk: Buffer): Buffer
  /** What was held back, at the end. */
  end(): Buffer
}

/** Shorter ones would be found in what has nothing to do with them. */
const SHORTEST = 8

/** What has to be looked for so that these values do not show: as they are, and as an endpoint that tells what it was sent may write them. */
export function toHidden(values: readonly string[]): readonly string[] {
  const secrets = values.map((value) => value.replace(/^(?:Bearer|Basic|token) +/i, '')).filter((secret) => secret.length >= SHORTEST)
  const forms = secrets.flatMap((secret) => [...encodedForms(secret)]).filter((form) => form.length >= SHORTEST)
  return [...new Set(forms)]
}

export function maskText(text: string, hidden: readonly string[]): string {
  return hidden.reduce((masked, secret) => masked.replaceAll(secret, '*'.repeat(secret.length)), text)
}

export function createMask(hidden: readonly string[]): Mask {
  const secrets = hidden.map((secret) => Buffer.from(secret))
  let held = Buffer.alloc(0)
  return {
    push(chunk) {
      if (secrets.length === 0) return chunk
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const shown = secrets.reduce(hide, bytes)
      const open = Math.max(...secrets.map((secret) => countOpen(shown, secret)))
      held = Buffer.from(shown.subarray(shown.length - open))
      return shown.subarray(0, shown.length - open)
    },
    end() {
      const rest = held
      held = Buffer.alloc(0)
      return rest
    },
  }
}

function hide(bytes: Buffer, secret: Buffer): Buffer {
  let at = bytes.indexOf(secret)
  if (at === -1) return bytes
  const masked = Buffer.from(bytes)
  for (; at !== -1; at = masked.indexOf(secret, at)) masked.fill('*', at, at + secret.length)
  return masked
}

/** How many bytes at the end may be the beginning of the secret. */
function countOpen(bytes: Buffer, secret: Buffer): number {
  const [first = 0] = secret
  const from = Math.max(0, bytes.length - secret.length + 1)
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    const length = bytes.length - at
    if (bytes.compare(secret, 0, length, at) === 0) return length
  }
  return 0
}
