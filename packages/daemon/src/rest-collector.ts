import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { boundYoungSpace } from './young-space.ts'

/** Milliseconds after the start: what it took is not needed any more. */
const FIRST = 1_000
/** Milliseconds between two looks; nothing has happened from one to the next is rest. */
const STEP = 10_000
/** Bytes more than after the last time: somebody has read a long log, say, or a bundle was made. */
const GROWN = 16 * 1024 ** 2

export interface RestCollectorOptions {
  /** Grows with everything that is written. */
  readonly position: () => number
  /** Bytes that the process holds. */
  readonly memory?: () => number
  readonly collect?: () => void
}

/**
 * Gives memory back when the daemon has come to rest, once until something happens again: an engine that has nothing to do sees no reason to,
 * and a daemon mostly waits. It takes some ten milliseconds.
 */
export function startRestCollector({
  position,
  memory = () => process.memoryUsage.rss(),
  collect = collectGarbage,
}: RestCollectorOptions): Disposable {
  let seen = position()
  let collected: { readonly at: number; readonly left: number } | null = null
  const look = () => {
    const now = position()
    if (now === seen && (now !== collected?.at || memory() > collected.left + GROWN)) {
      collect()
      collected = { at: now, left: memory() }
    }
    seen = now
  }
  const first = setTimeout(look, FIRST).unref()
  const timer = setInterval(look, STEP).unref()
  return {
    [Symbol.dispose]() {
      clearTimeout(first)
      clearInterval(timer)
    },
  }
}

/** Collects everything at once, and gives back what is empty then. Nothing where the engine does not offer it. */
export function collectGarbage(): void {
  // The only way to it without an option of the command line, which whoever embeds the daemon would have to know.
  setFlagsFromString('--expose-gc')
  const collector: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof collector === 'function') collector({ type: 'major', flavor: 'last-resort' })
  boundYoungSpace()
}
