import {
  Problem,
  type AuthStatus,
  type Capabilities,
  type Confinement,
  type ExecutableSource,
  type Health,
  type MeasuredCapabilities,
  type RuntimeSummary,
  type Verification,
} from '@codesdkd/protocol'
import type { RuntimeOperations } from './core/operations.ts'
import type { Clock, Runtime, RuntimeEnv } from './core/ports.ts'
import type { Verified } from './verification/verified.ts'
import type { Verifier } from './verification/verifier.ts'

/** Milliseconds; the answer to the client comes within 5 s. */
const PROBE_LIMIT = 4_000
const PROBE_LIFE = 10_000

export interface RuntimeDirectoryOptions {
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly aliases: ReadonlyMap<string, string>
  readonly defaultName: string
  /** Environment of a credential namespace, null = the default one. */
  readonly environment: (runtime: Runtime, credentialNamespace: string | null) => Promise<RuntimeEnv>
  /** Why the executable is the one it is; null where there is none. */
  readonly source: (runtime: Runtime) => Promise<ExecutableSource | null>
  readonly verified: Pick<Verified, 'get'>
  readonly verifier: Pick<Verifier, 'verify'>
  /** What really holds for a session that asks for nothing. */
  readonly confinement: (capabilities: Capabilities) => Confinement | Promise<Confinement>
  readonly clock: Clock
}

/** What can be asked of the runtimes without a session. */
export function createRuntimeDirectory(options: RuntimeDirectoryOptions): RuntimeOperations {
  const { runtimes, aliases, defaultName, environment, source, verified, verifier, confinement, clock } = options
  const probes = new Map<string, { readonly at: number; readonly result: Promise<Health> }>()
  const names = [defaultName, ...runtimes.keys()].filter((name, index, all) => runtimes.has(name) && all.indexOf(name) === index)

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

  function healthOf(runtime: Runtime): Promise<Health> {
    const known = probes.get(runtime.name)
    if (known !== undefined && clock.monotonic() - known.at < PROBE_LIFE) return known.result
    const result = probe(runtime)
    probes.set(runtime.name, { at: clock.monotonic(), result })
    return result
  }

  async function summary(runtime: Runtime): Promise<RuntimeSummary> {
    const { ok, ...health } = await healthOf(runtime)
    const last = verified.get(runtime.name)
    return {
      ...health,
      aliases: [...aliases].flatMap(([alias, name]) => (name === runtime.name ? [alias] : [])),
      default: runtime.name === defaultName,
      healthy: ok,
      confinement: await confinement(runtime.capabilities),
      executable_source: await source(runtime).catch(() => null),
      verified_at: last?.verified_at ?? null,
      stale: isStale(last, health.version),
    }
  }

  return {
    names: [...runtimes.keys()],
    defaultName,
    list: () => Promise.all(names.map((name) => summary(named(name)))),
    health: async (name) => healthOf(named(name)),
    async capabilities(name): Promise<MeasuredCapabilities> {
      const runtime = named(name)
      const last = verified.get(runtime.name)
      // Without a measurement nobody needs to know the version.
      const version = last === null ? null : (await healthOf(runtime)).version
      return {
        ...runtime.capabilities,
        confinement: await confinement(runtime.capabilities),
        agent_version: last?.agent_version ?? null,
        verified_at: last?.verified_at ?? null,
        stale: isStale(last, version),
        differences: last?.differences ?? [],
      }
    },
    async authStatus(name, credentialNamespace): Promise<AuthStatus> {
      const runtime = named(name)
      return runtime.authStatus(await environment(runtime, credentialNamespace))
    },
    verify: async (name, signal) => verifier.verify(named(name), signal),
  }
}

/** A version that cannot be told, of either, may be any other. */
function isStale(last: Verification | null, version: string | null): boolean {
  return last !== null && last.agent_version !== version
}
