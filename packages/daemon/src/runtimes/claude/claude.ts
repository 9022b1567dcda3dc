import * as path from 'node:path'
import type { AuthStatus } from '@codesdkd/protocol'
import type { Runtime, RuntimeEnv } from '../../core/ports.ts'
import { anthropic, credentialVariables, findCredential, toHint } from './access.ts'
import { claudeCapabilities, claudeSources } from './capabilities.ts'
import { parseClaudeConfig } from './config.ts'
import { loginFile, readManagedKey, toLoginHome } from './login.ts'
import { readVersion } from '../launch.ts'
import { anyExists } from '../login-file.ts'
import { toSecretVariables } from '../runtime-config.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** Anthropic's Claude Code, through the native program of its Agent SDK: one process for each live session. */
export function createClaudeRuntime(options: RuntimeOptions): Runtime {
  const name = 'claude-agent-sdk'
  return {
    name,
    capabilities: claudeCapabilities,
    implicitSources: claudeSources,
    credentialVariables,
    toKeyEndpoints: () => [anthropic],
    secretVariables: toSecretVariables,
    homeVariables: ['CLAUDE_CONFIG_DIR'],
    parseConfig: parseClaudeConfig,
    async health(env, signal) {
      const { ok: _, runtime: __, ...auth } = await readAuthStatus(name, env)
      const known = { runtime: name, auth }
      if (env.executable === null) {
        const error = { reason: 'not_installed', message: 'Claude Code is not installed.' }
        return { ...known, ok: false, version: null, installed: false, error }
      }
      const { variables } = env
      const version = await readVersion(env.executable, /^(\d+\.\d+\.\d+\S*) \(Claude Code\)\s*$/, { variables, signal })
      if (version !== null) return { ...known, ok: true, version, installed: true }
      const error = { reason: 'not_working', message: 'Claude Code did not tell its version.' }
      return { ...known, ok: false, version, installed: true, error }
    },
    authStatus: (env) => readAuthStatus(name, env),
    async open(spec, env, signal) {
      const { openClaude } = await import('./open.ts')
      return await openClaude(spec, env, { ...options, signal })
    },
  }
}

async function readAuthStatus(runtime: string, env: RuntimeEnv): Promise<AuthStatus> {
  const status = { ok: true, runtime, auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  const role = findCredential(env)
  if (role !== null) return { ...status, logged_in: true, account_label: role === 'ANTHROPIC_API_KEY' ? 'API key' : 'token' }
  if (await anyExists([path.join(toLoginHome(env), loginFile)])) return { ...status, logged_in: true, account_label: 'Claude login' }
  if ((await readManagedKey(env)) !== null) return { ...status, logged_in: true, account_label: 'Console login' }
  return { ...status, logged_in: false, login_hint: toHint(env) }
}
