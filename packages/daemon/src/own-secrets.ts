import { createMasker } from './core/redaction/redact.ts'
import type { Masker } from './core/ports.ts'

/** What the daemon itself keeps secret. Tokens come while it runs, and every masker that is in use knows them at once. */
export interface OwnSecrets {
  values(): readonly string[]
  add(secret: string): void
  /** What is over need not be known to maskers that are made from now on. */
  remove(secret: string): void
  /** JSON with each of them masked. */
  mask(json: string): string
  /** A masker of these and further values. */
  createMasker(values: Iterable<string>): Masker
}

const FORGET_AFTER = 1_000

export function createOwnSecrets(): OwnSecrets {
  const known = new Set<string>()
  // Sessions come and go, and say nothing when they go.
  let maskers: WeakRef<Masker>[] = []
  let all = createMasker()
  let over = 0
  return {
    values: () => [...known],
    add(secret) {
      if (known.has(secret)) return
      known.add(secret)
      maskers = maskers.filter((one) => one.deref() !== undefined)
      all.add([secret])
      for (const one of maskers) one.deref()?.add([secret])
    },
    remove(secret) {
      // A masker forgets nothing: it is made anew from time to time.
      if (known.delete(secret) && ++over % FORGET_AFTER === 0) all = createMasker(known)
    },
    mask: (json) => all.mask(json),
    createMasker(own) {
      const masker = createMasker([...known, ...own])
      maskers.push(new WeakRef(masker))
      return masker
    },
  }
}
