import type { AuthStatus } from '@codesdkd/protocol'
import type { Runtime } from '../../core/ports.ts'
import type { AcpConfig, AcpProfile } from './profile.ts'
import { readPackagedVersion, readVersion } from '../launch.ts'
import { toSecretVariables } from '../runtime-config.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** A runtime for any agent that speaks the Agent Client Protocol: one process for each live session. */
export function createAcpRuntime<Config extends AcpConfig>(profile: AcpProfile<Config>, options: RuntimeOptions): Runtime {
  const { name, displayName, versionPattern, packages = [] } = profile
  return {
    name,
    capabilities: profile.capabilities,
    ...(profile.implicitSources === undefined ? {} : { implicitSources: profile.implicitSources }),
    credentialVariables: profile.credentialVariables,
    toKeyEndpoints: (variable) => profile.toKeyEndpoints(variable),
    secretVariables: toSecretVariables,
    homeVariables: profile.homeVariables,
    parseConfig: (config) => toRecord(profile.parseConfig(config)),
    async health(env, signal) {
      const { executable, variables } = env
      const auth = await profile.readAuth(env)
      if (executable === null) {
        const error = { reason: 'not_installed', message: `${displayName} is not installed.` }
        return { ok: false, runtime: name, version: null, installed: false, auth, error }
      }
      if (versionPattern === null) return { ok: true, runtime: name, version: null, installed: true, auth }
      const packaged = await readPackagedVersion(executable, packages)
      const version = packaged ?? (await readVersion(executable, versionPattern, { variables, signal }))
      if (version !== null) return { ok: true, runtime: name, version, installed: true, auth }
      const error = { reason: 'not_working', message: `${displayName} did not tell its version.` }
      return { ok: false, runtime: name, version, installed: true, auth, error }
    },
    async authStatus(env): Promise<AuthStatus> {
      return { ok: true, runtime: name, ...(await profile.readAuth(env)) }
    },
    async open(spec, env, signal) {
      const { openSession } = await import('./open.ts')
      return await openSession(profile, { ...options, spec, env, signal })
    },
  }
}

function toRecord(config: object): Record<string, unknown> {
  return { ...config }
}
