import { randomUUID } from 'node:crypto'
import * as path from 'node:path'
import type { Usage } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Runtime, RuntimeEnv } from '../../core/ports.ts'
import { findLogin, google, openAccess } from './access.ts'
import { mergeGeminiTool, toGeminiCall, toGeminiResult } from './calls.ts'
import { geminiCapabilities, geminiSources } from './capabilities.ts'
import { credentialVariables, parseGeminiConfig, toAttempts, toIdleTimeout, toKey } from './config.ts'
import type { GeminiConfig } from './config.ts'
import { toConversationFile } from './conversation.ts'
import { toTaskError } from './errors.ts'
import { prepareHome } from './home.ts'
import { GeminiSession } from './session.ts'
import { createAcpRuntime } from '../acp/acp.ts'
import type { PromptResult } from '../acp/native.ts'
import type { AcpProfile, Launch, PrepareContext } from '../acp/profile.ts'
import { toLoginHint } from '../login-hint.ts'
import { findProgramFiles } from '../program-files.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

const name = 'gemini-cli-core'

/** Google's Gemini CLI, through the Agent Client Protocol. */
export function createGeminiRuntime(options: RuntimeOptions): Runtime {
  const runtime = createAcpRuntime(geminiProfile, options)
  return {
    ...runtime,
    async open(spec, env, signal) {
      const idleTimeoutMs = toIdleTimeout(env, parseGeminiConfig(spec.runtimeConfig))
      const session = await runtime.open(spec, env, signal)
      const conversationFile = toConversationFile(env.home, session.nativeId ?? '')
      return new GeminiSession(session, { idleTimeoutMs, home: env.home, conversationFile })
    },
  }
}

export const geminiProfile: AcpProfile<GeminiConfig> = {
  name,
  displayName: 'Gemini CLI',
  capabilities: geminiCapabilities,
  implicitSources: geminiSources,
  credentialVariables,
  toKeyEndpoints: () => [google],
  homeVariables: ['GEMINI_CLI_HOME'],
  parseConfig: parseGeminiConfig,
  versionPattern: /^(\d+\.\d+\.\d+\S*)\s*$/,
  packages: ['@google/gemini-cli'],
  readAuth,
  prepare,
  // It begins to repeat the conversation before it answers, and goes on after it.
  resume: { quietAfterLoadMs: 300 },
  modelChoice: 'launch',
  // Its model hears the error of a question word for word, and of an error's usual form only that it is an object.
  denial: { after: 'nothing', toError: (reason) => `Denied. ${reason}` },
  mergeTool: mergeGeminiTool,
  toCall: toGeminiCall,
  toResult: toGeminiResult,
  runsUnasked: (_tool, { status }) => status === 'in_progress',
  // A call that is shown for the first time when it has failed has no title.
  neverRan: ({ title }) => title === '',
  unaskedRule: () => 'gemini:unasked',
  // Every thought comes with its subject in bold, also one that has none.
  toThought: (text) => text.replace(/^\*{4}\n/, ''),
  toUsage,
  toTaskError,
  toFailure: ({ result }) =>
    result.stopReason === 'max_tokens'
      ? { code: 'context_window_exceeded', message: 'The conversation does not fit into the context of the model.', retryable: false }
      : null,
}

async function prepare({ env, spec, config }: PrepareContext<GeminiConfig>): Promise<Launch> {
  const { methodId, variables, login } = await openAccess(env, config)
  const home = await prepareHome({ home: env.home, spec, login, attempts: toAttempts(env, config), newId: randomUUID })
  const { policy, scratch, conversations } = home
  const nothing = path.join(env.home, 'none.json')
  return {
    args: toArguments({ policy, model: spec.model ?? (env.offlineUrl === null ? null : 'gemini-2.5-flash') }),
    variables: {
      ...env.variables,
      ...variables,
      GEMINI_CLI_HOME: env.home,
      // Otherwise it starts itself again, and ends without its child.
      GEMINI_CLI_NO_RELAUNCH: 'true',
      // Without trust it takes no MCP servers. What it would obey in the workspace it does not see: see `cwd` and `conversations`.
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: nothing,
      GEMINI_CLI_SYSTEM_DEFAULTS_PATH: nothing,
      GEMINI_TELEMETRY_ENABLED: 'false',
      NO_BROWSER: '1',
      TMPDIR: scratch,
    },
    // It reads the settings of the directory in which it is started, and no others when it loads a conversation.
    cwd: spec.trustWorkspace ? spec.cwd : env.home,
    readable: env.executable === null ? [] : await findProgramFiles(env.executable),
    writable: login.map(({ file }) => file),
    ...(methodId === undefined ? {} : { authenticate: { methodId } }),
    conversations,
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  }
}

function toArguments({ policy, model }: { readonly policy: string; readonly model: string | null }): readonly string[] {
  const mode = ['--approval-mode', 'default', '--admin-policy', policy, '--policy', policy]
  // Its debug setting changes what it shows of commands: output and exit code instead of only one of them.
  return ['--acp', '--debug', ...mode, ...(model === null ? [] : ['--model', model])]
}

async function readAuth(env: RuntimeEnv): ReturnType<typeof geminiProfile.readAuth> {
  const status = { auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  if (toKey(env, {}) !== null) return { ...status, logged_in: true, account_label: 'API key' }
  if ((await findLogin(env)).length > 0) return { ...status, logged_in: true, account_label: 'Google login' }
  return { ...status, logged_in: false, login_hint: toLoginHint({ alias: 'gemini', env, variable: 'GEMINI_API_KEY', command: false }) }
}

const count = z.int().nonnegative().catch(0)
const quota = z.object({ quota: z.object({ token_count: z.object({ input_tokens: count, output_tokens: count }) }) })

// It counts from 0, so that 0 says nothing.
function toUsage({ _meta }: PromptResult): Usage | null {
  const told = quota.safeParse(_meta).data?.quota.token_count
  if (told === undefined || (told.input_tokens === 0 && told.output_tokens === 0)) return null
  return {
    input_tokens: told.input_tokens,
    output_tokens: told.output_tokens,
    cached_input_tokens: null,
    reasoning_tokens: null,
    cost_usd: null,
  }
}
