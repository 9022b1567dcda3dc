import { Problem, type Verification } from '@codesdkd/protocol'
import type { Runtime } from '../core/ports.ts'
import type { VerifierOptions } from './verify.ts'

/** Measures installed agents. Disposing it ends what is under way. */
export interface Verifier extends AsyncDisposable {
  /** At most 120 s. Throws `Problem`: agent_not_installed, rate_limited while this runtime is measured already, shutting_down when it was ended by the signal. */
  verify(runtime: Runtime, signal: AbortSignal): Promise<Verification>
}

export function createVerifier(options: VerifierOptions): Verifier {
  const running = new Map<string, Promise<Verification>>()
  const closing = new AbortController()
  return {
    async verify(runtime, signal) {
      if (running.has(runtime.name))
        throw new Problem('rate_limited', 'This runtime is being verified.', {
          retryAfter: 10,
          members: { scope: 'runtime', limit: 1, current: 1 },
        })
      const work = import('./verify.ts').then(({ verify }) => verify(runtime, options, AbortSignal.any([signal, closing.signal])))
      running.set(runtime.name, work)
      try {
        return await work
      } finally {
        running.delete(runtime.name)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.allSettled(running.values())
    },
  }
}
