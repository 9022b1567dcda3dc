import { randomUUID } from 'node:crypto'
import * as path from 'node:path'
import type { Usage } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Runtime, RuntimeEnv } from '../../core/ports.ts'
import { mergeGeminiTool, toGeminiCall, toGeminiResult } from './calls.ts'
import { geminiCapabilities } from './capabilities.ts'
import {
  credentialVariables,
  parseGeminiConfig,
  toAttempts,
  toAuthentication,
  toIdleTimeout,
  toKey,
  toUserFolder,
  withoutKeys,
} from './config.ts'
import type { GeminiConfig } from './config.ts'
import { toConversationFile } from './conversation.ts'
import { toTaskError } from './errors.ts'
import { loginFiles, prepareHome, toDirectory } from './home.ts'
import { GeminiSession } from './session.ts'
import { createAcpRuntime } from '../acp/acp.ts'
import type { PromptResult } from '../acp/native.ts'
import type { AcpProfile, Launch, PrepareContext } from '../acp/profile.ts'
import { anyExists } from '../login-file.ts'
import { toLoginHint } from '../login-hint.ts'
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
      const conversationFile = toConversationFile(path.join(toDirectory(env, spec), '.gemini'), session.nativeId ?? '')
      return new GeminiSession(session, { idleTimeoutMs, conversationFile })
    },
  }
}

export const geminiProfile: AcpProfile<GeminiConfig> = {
  name,
  displayName: 'Gemini CLI',
  capabilities: geminiCapabilities,
  credentialVariables,
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

async function prepare({ env, spec, config, mark }: PrepareContext<GeminiConfig>): Promise<Launch> {
  const authenticate = toAuthentication(env, config, await hasLogin(env))
  const home = await prepareHome({ env, spec, mark, attempts: toAttempts(env, config), newId: randomUUID })
  const { directory, policy, scratch, conversations } = home
  const model = spec.model ?? (env.offlineUrl === null ? null : 'gemini-2.5-flash')
  return {
    // Its debug setting changes what it shows of commands: output and exit code instead of only one of them.
    args: [
      '--acp',
      '--debug',
      '--approval-mode',
      'default',
      '--admin-policy',
      policy,
      '--policy',
      policy,
      ...(model === null ? [] : ['--model', model]),
    ],
    variables: {
      ...withoutKeys(env, config),
      GEMINI_CLI_HOME: directory,
      // Otherwise it starts itself again, and ends without its child.
      GEMINI_CLI_NO_RELAUNCH: 'true',
      // Without trust it takes no MCP servers. What it would obey in the workspace it does not see: see `cwd` and `conversations`.
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: path.join(directory, 'none.json'),
      GEMINI_CLI_SYSTEM_DEFAULTS_PATH: path.join(directory, 'none.json'),
      GEMINI_TELEMETRY_ENABLED: 'false',
      NO_BROWSER: '1',
      TMPDIR: scratch,
    },
    // It reads the settings of the directory in which it is started, and no others when it loads a conversation.
    cwd: spec.trustWorkspace ? spec.cwd : directory,
    ...(authenticate === undefined ? {} : { authenticate }),
    conversations,
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  }
}

async function readAuth(env: RuntimeEnv): ReturnType<typeof geminiProfile.readAuth> {
  const status = { auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  if (toKey(env, {}) !== null) return { ...status, logged_in: true, account_label: 'API key' }
  if (await hasLogin(env)) return { ...status, logged_in: true, account_label: 'Google login' }
  return { ...status, logged_in: false, login_hint: toLoginHint({ alias: 'gemini', env, variable: 'GEMINI_API_KEY', command: false }) }
}

/** Whether the user has a login that this session may use; its content is not looked at. */
async function hasLogin(env: RuntimeEnv): Promise<boolean> {
  const folder = env.shared ? toUserFolder(env) : null
  return folder !== null && (await anyExists([path.join(folder, loginFiles[0])]))
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
