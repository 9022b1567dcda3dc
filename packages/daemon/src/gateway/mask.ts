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
  const masked = text.split('')
  for (const secret of hidden) for (const at of findAll(text, secret)) masked.fill('*', at, at + secret.length)
  return masked.join('')
}

export function createMask(hidden: readonly string[]): Mask {
  const secrets = hidden.map((secret) => Buffer.from(secret))
  // What was held back, as it came and as it may be shown: one secret can be a part of another, and is looked for in what came.
  let held = { came: Buffer.alloc(0), shown: Buffer.alloc(0) }
  return {
    push(chunk) {
      if (secrets.length === 0) return chunk
      const came = held.came.length === 0 ? chunk : Buffer.concat([held.came, chunk])
      const shown = hide(came, Buffer.concat([held.shown, chunk]), secrets)
      const end = came.length - Math.max(...secrets.map((secret) => countOpen(came, secret)))
      held = { came: Buffer.from(came.subarray(end)), shown: Buffer.from(shown.subarray(end)) }
      return shown.subarray(0, end)
    },
    end() {
      const { shown } = held
      held = { came: Buffer.alloc(0), shown: Buffer.alloc(0) }
      return shown
    },
  }
}

/** Writes over `shown` what is found in `came`. */
function hide(came: Buffer, shown: Buffer, secrets: readonly Buffer[]): Buffer {
  for (const secret of secrets) for (const at of findAll(came, secret)) shown.fill('*', at, at + secret.length)
  return shown
}

/** Where it stands, also where it overlaps itself. */
function* findAll<T>(within: { indexOf(part: T, from: number): number }, part: T): Generator<number> {
  for (let at = within.indexOf(part, 0); at !== -1; at = within.indexOf(part, at + 1)) yield at
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
