import { lookup } from 'node:dns/promises'
import { until } from './until.ts'
import { Refusal } from './refusal.ts'

/** All addresses of a name; rejects where it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>

const LOOKUP_TIME = 10_000
/** Lookups of the system cannot be called off and share its threads with the whole daemon. */
const LOOKUPS = 16

/** As the programs of this machine resolve names. */
export const resolveBySystem: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * Resolves within a bound of time and of lookups at once; who asks for a name that is being looked up gets the same answer. Nothing is
 * kept after that: the system has its own memory. Rejects with `Refusal` or the reason of the signal.
 */
export function createResolver(resolve: Resolve): (host: string, signal: AbortSignal) => Promise<readonly string[]> {
  const running = new Map<string, Promise<readonly string[]>>()

  function start(host: string): Promise<readonly string[]> {
    if (running.size >= LOOKUPS) throw new Refusal(503, 'Too many names are being looked up', { advice: 'Try again with fewer at once.' })
    const found = resolve(host).finally(() => running.delete(host))
    running.set(host, found)
    return found
  }

  return async (host, signal) => {
    const limit = AbortSignal.timeout(LOOKUP_TIME)
    try {
      const addresses = await until(running.get(host) ?? start(host), AbortSignal.any([signal, limit]))
      if (addresses.length > 0) return addresses
    } catch (error) {
      if (error instanceof Refusal || signal.aborted) throw error
      if (limit.aborted) throw new Refusal(504, `Host ${host} could not be resolved in time`, { cause: error })
    }
    throw new Refusal(502, `Host ${host} could not be resolved`)
  }
}
