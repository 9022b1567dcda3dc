import type { Runtime, RuntimeEnv } from '../core/ports.ts'

/** How often it is asked: each time ends within 5 s, which a busy machine may need for other things. */
const ATTEMPTS = 3

/** The version that an agent tells of itself; null when it tells none. Rejects with the signal's reason. */
export async function readAgentVersion(runtime: Runtime, env: RuntimeEnv, signal: AbortSignal): Promise<string | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    signal.throwIfAborted()
    const { version } = await runtime.health(env, AbortSignal.any([signal, AbortSignal.timeout(5_000)]))
    if (version !== null) return version
  }
  return null
}
