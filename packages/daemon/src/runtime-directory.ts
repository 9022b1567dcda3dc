import { Problem, type AuthStatus, type Capabilities, type Health } from '@codesdkd/protocol'
import type { RuntimeOperations } from './core/operations.ts'
import type { Clock, Runtime, RuntimeEnv } from './core/ports.ts'

/** Milliseconds; the answer to the client comes within 5 s. */
const PROBE_LIMIT = 4_000
const PROBE_LIFE = 10_000

export interface RuntimeDirectoryOptions {
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly aliases: ReadonlyMap<string, string>
  readonly defaultName: string
  /** Environment of a credential namespace, null = the default one. */
  readonly environment: (runtime: Runtime, credentialNamespace: string | null) => Promise<RuntimeEnv>
  readonly clock: Clock
}

/** What can be asked of the runtimes without a session. */
export function createRuntimeDirectory({ runtimes, aliases, defaultName, environment, clock }: RuntimeDirectoryOptions): RuntimeOperations {
  const probes = new Map<string, { readonly at: number; readonly result: Promise<Health> }>()

  function named(name: string | null): Runtime {
    const runtime = runtimes.get(aliases.get(name ?? defaultName) ?? name ?? defaultName)
    if (runtime !== undefined) return runtime
    throw new Problem('unknown_runtime', 'The daemon has no runtime of this name.', {
      members: { runtime: (name ?? '').slice(0, 64), allowed: [...runtimes.keys()] },
    })
  }

  /** Never rejects, and never takes longer than the limit. */
  async function probe(runtime: Runtime): Promise<Health> {
    const limit = AbortSignal.timeout(PROBE_LIMIT)
    const late = new Promise<never>((_resolve, reject) => limit.addEventListener('abort', () => reject(limit.reason), { once: true }))
    let installed = false
    const ask = async () => {
      const env = await environment(runtime, null)
      installed = env.executable !== null
      return runtime.health(env, limit)
    }
    try {
      return { ...(await Promise.race([late, ask()])), checked_at: clock.now() }
    } catch {
      const error = limit.aborted
        ? { reason: 'timeout', message: 'The agent did not tell its version in time.' }
        : { reason: 'probe_failed', message: 'The agent could not be asked.' }
      const auth = { logged_in: false, auth_model: runtime.capabilities.auth_model }
      return { ok: false, runtime: runtime.name, version: null, installed, checked_at: clock.now(), auth, error }
    }
  }

  return {
    names: [...runtimes.keys()],
    defaultName,
    async health(name) {
      const runtime = named(name)
      const known = probes.get(runtime.name)
      if (known !== undefined && clock.monotonic() - known.at < PROBE_LIFE) return known.result
      const result = probe(runtime)
      probes.set(runtime.name, { at: clock.monotonic(), result })
      return result
    },
    capabilities: (name): Capabilities => named(name).capabilities,
    async authStatus(name, credentialNamespace): Promise<AuthStatus> {
      const runtime = named(name)
      return runtime.authStatus(await environment(runtime, credentialNamespace))
    },
  }
}
