import { Problem, type Verification } from '@codesdkd/protocol'
import type { AgentExecutables } from '../installed/agent-executables.ts'
import type { Clock, Runtime } from '../core/ports.ts'
import type { Enclosures } from '../enclosures.ts'
import type { Verified } from './verified.ts'

export interface VerifierOptions {
  /** Must exist. Everything that a verification needs on disk is made in it, and removed afterwards. */
  readonly dataDir: string
  readonly verified: Verified
  readonly clock: Clock
  /** The own environment of this process. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  readonly executables: AgentExecutables
  /** What stands around sessions' agents; `directory` is where it may put its sockets. */
  readonly enclosures: (directory: string) => Promise<Enclosures>
  /** Whether sessions have a wall when nothing is said. */
  readonly walled: () => Promise<boolean>
}

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
