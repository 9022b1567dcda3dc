import type { AuthStatus } from '@codesdkd/protocol'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { AcpProfile } from '../acp/profile.ts'
import { toLoginHint } from '../login-hint.ts'
import { isUnavailable, mergeOpenCodeTool, toOpenCodeCall, toOpenCodeResult, toOpenCodeUsage, toOwnObservations } from './calls.ts'
import { openCodeCapabilities, openCodeSources } from './capabilities.ts'
import { parseOpenCodeConfig, prepareLaunch } from './config.ts'
import type { OpenCodeConfig } from './config.ts'
import { toOpenCodeError } from './errors.ts'
import { readLogin } from './login.ts'
import { credentialVariables, providers } from './providers.ts'

/** What makes OpenCode differ from what the protocol says. */
export const openCodeProfile: AcpProfile<OpenCodeConfig> = {
  name: 'opencode-server',
  displayName: 'OpenCode',
  capabilities: openCodeCapabilities,
  implicitSources: openCodeSources,
  credentialVariables,
  toKeyEndpoints: (variable) => [...providers.values()].flatMap((provider) => (provider.variable === variable ? [provider.upstream] : [])),
  homeVariables: [],
  parseConfig: parseOpenCodeConfig,
  versionPattern: /^(\d+\.\d+\.\d+\S*)\s*$/,
  packages: ['opencode-ai', `opencode-${process.platform}-${process.arch}`],
  readAuth,
  prepare: prepareLaunch,
  // Loading would repeat the whole conversation.
  resume: { methods: ['resume'] },
  modelChoice: 'launch',
  denial: { after: 'prompt' },
  mergeTool: mergeOpenCodeTool,
  toCall: toOpenCodeCall,
  toResult: toOpenCodeResult,
  unaskedRule: (tool) => (isUnavailable(tool) ? 'opencode:unavailable_tool' : 'opencode:unasked'),
  toObservations: toOwnObservations,
  toUsage: toOpenCodeUsage,
  toTaskError: toOpenCodeError,
}

async function readAuth(env: RuntimeEnv): Promise<Omit<AuthStatus, 'ok' | 'runtime'>> {
  const status = { auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  if (credentialVariables.some((name) => (env.credentials[name] ?? '') !== ''))
    return { ...status, logged_in: true, account_label: 'API key' }
  if ((await readLogin(env)).size > 0) return { ...status, logged_in: true, account_label: 'OpenCode login' }
  const login_hint = toLoginHint({ alias: 'opencode', env, variable: `one of ${credentialVariables.join(', ')}` })
  return { ...status, logged_in: false, login_hint }
}
