import type { AuthStatus } from '@codesdkd/protocol'
import type { Runtime, RuntimeEnv } from '../../core/ports.ts'
import { credentialVariables, openAi, toHint, toKey } from './access.ts'
import { codexCapabilities, codexSources } from './capabilities.ts'
import { parseCodexConfig } from './config.ts'
import { findLogin } from './login.ts'
import { isStrictSchema } from './strict-schema.ts'
import { readVersion } from '../launch.ts'
import { toSecretVariables } from '../runtime-config.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** OpenAI's Codex, through its app-server: one process for each live session. */
export function createCodexRuntime(options: RuntimeOptions): Runtime {
  const name = 'codex-sdk'
  return {
    name,
    capabilities: codexCapabilities,
    implicitSources: codexSources,
    credentialVariables,
    toKeyEndpoints: () => [openAi],
    secretVariables: toSecretVariables,
    homeVariables: ['CODEX_HOME'],
    parseConfig: parseCodexConfig,
    holdsToSchema: isStrictSchema,
    async health({ executable, ...env }, signal) {
      const { ok: _, runtime: __, ...auth } = await readAuthStatus(name, { executable, ...env })
      if (executable === null) {
        return {
          ok: false,
          runtime: name,
          version: null,
          installed: false,
          auth,
          error: { reason: 'not_installed', message: 'Codex is not installed.' },
        }
      }
      const version = await readVersion(executable, /^codex-cli (\d+\.\d+\.\d+\S*)\s*$/, { variables: env.variables, signal })
      if (version !== null) return { ok: true, runtime: name, version, installed: true, auth }
      return {
        ok: false,
        runtime: name,
        version,
        installed: true,
        auth,
        error: { reason: 'not_working', message: 'Codex did not tell its version.' },
      }
    },
    authStatus: (env) => readAuthStatus(name, env),
    async open(spec, env, signal) {
      const { openCodex } = await import('./open.ts')
      return await openCodex(spec, env, { ...options, signal })
    },
  }
}

async function readAuthStatus(runtime: string, env: RuntimeEnv): Promise<AuthStatus> {
  const status = { ok: true, runtime, auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  const login = await findLogin(env)
  if (login !== null) return { ...status, logged_in: true, account_label: 'Codex login' }
  if (toKey(env, credentialVariables) !== null) return { ...status, logged_in: true, account_label: 'API key' }
  return { ...status, logged_in: false, login_hint: toHint(env) }
}
