import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import * as path from 'node:path'
import type { AuthStatus, TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { Runtime, RuntimeEnv, RuntimeSession, SessionSpec } from '../../core/ports.ts'
import { claudeCapabilities } from './capabilities.ts'
import { ChannelClosed, ControlError, createChannel } from './channel.ts'
import type { Channel } from './channel.ts'
import { loginFile, parseClaudeConfig, prepareHome, toArguments, toEnvironment, toInitialize, toLoginHome } from './config.ts'
import type { ClaudeConfig } from './config.ts'
import { MissingKey, credentialVariables, toCredential, toHidden } from './credential.ts'
import type { Credential } from './credential.ts'
import { ClaudeSession } from './session.ts'
import { answerAtOnce } from './turn.ts'
import { launch, readVersion, toStartFailure } from '../launch.ts'
import { killMarked } from '../leftovers.ts'
import { anyExists } from '../login-file.ts'
import { toLoginHint } from '../login-hint.ts'
import { processMark } from '../process.ts'
import type { AgentProcess } from '../process.ts'
import type { RuntimeOptions } from '../runtime-options.ts'
import { toSafeMessage } from '../safe-message.ts'

/** Anthropic's Claude Code, through the native program of its Agent SDK: one process for each live session. */
export function createClaudeRuntime(options: RuntimeOptions): Runtime {
  const name = 'claude-agent-sdk'
  return {
    name,
    capabilities: claudeCapabilities,
    credentialVariables,
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
    open: (spec, env, signal) => openClaude(spec, env, { ...options, signal }),
  }
}

interface OpenOptions extends RuntimeOptions {
  readonly signal: AbortSignal
}

/** Takes the conversation up again; one that is not found any more is replaced by a new one. */
async function openClaude(spec: SessionSpec, env: RuntimeEnv, options: OpenOptions): Promise<RuntimeSession> {
  const config = parseClaudeConfig(spec.runtimeConfig)
  const start: Start = { spec, env, config, credential: readCredential(env, config), options }
  if (spec.resume !== null) {
    const resumed = await startClaude(start, { id: spec.resume, resumed: true }).catch(notFound)
    if (resumed !== null) return resumed
  }
  return await startClaude(start, { id: randomUUID(), resumed: false })
}

function readCredential(env: RuntimeEnv, config: ClaudeConfig): Credential | null {
  try {
    return toCredential(env, config)
  } catch (error) {
    if (!(error instanceof MissingKey)) throw error
    throw new RuntimeFailure({ code: 'auth_required', message: error.message, retryable: false }, { cause: error })
  }
}

function notFound(error: unknown): null {
  if (error instanceof RuntimeFailure && /no conversation found/i.test(error.failure.stderr_tail ?? '')) return null
  throw error
}

interface Conversation {
  readonly id: string
  readonly resumed: boolean
}

interface Start {
  readonly spec: SessionSpec
  readonly env: RuntimeEnv
  readonly config: ClaudeConfig
  readonly credential: Credential | null
  readonly options: OpenOptions
}

async function startClaude({ spec, env, config, credential, options }: Start, conversation: Conversation): Promise<ClaudeSession> {
  const { ledger, newId, startTimeoutMs = 30_000, signal, stopGraceMs, interruptGraceMs } = options
  const mark = newId()
  const scratch = await prepareHome(env, mark)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(scratch, { recursive: true, force: true }))
  // Servers, and commands in sessions of their own, are not in the group that ends with the process.
  stack.defer(async () => void (await killMarked(processMark, mark)))
  const process = stack.use(
    await launch({
      agent: 'Claude Code',
      executable: env.executable,
      args: toArguments(spec, config, conversation),
      cwd: spec.cwd,
      env: { ...toEnvironment(env, config, toHidden(config), scratch), ...credential?.variables },
      mark,
      ledger,
      ...(credential === null ? {} : { secret: credential.secret }),
      ...(stopGraceMs === undefined ? {} : { stopGraceMs }),
    }),
  )
  let session: ClaudeSession | null = null
  const channel = createChannel({
    lines: process.lines,
    send: (line) => process.write(line),
    receive: async (incoming) => {
      if (session !== null) await session.receive(incoming)
      else if (incoming.kind === 'request') answerAtOnce(channel, incoming)
    },
  })
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)])
  const pid = await greet(channel, toInitialize(config, env.variables), deadline).catch(async (error: unknown) => {
    signal.throwIfAborted()
    throw new RuntimeFailure(await toFailure(error, process), { cause: error })
  })
  session = new ClaudeSession({
    spec,
    process,
    channel,
    pid: pid ?? process.pid,
    conversation,
    mark,
    resources: stack.move(),
    ...(interruptGraceMs === undefined ? {} : { interruptGraceMs }),
  })
  return session
}

const welcome = z.object({
  pid: z.int().positive().nullish().catch(null),
  hooks_applied: z.boolean().catch(false),
  hook_on_failure_supported: z.boolean().catch(false),
})

/** A Claude Code that does not take the hook would run calls that nobody decided. */
class HookRefused extends Error {
  override readonly name = 'HookRefused'
}

/** Shakes hands. Resolves to the agent's own process id, where it tells it. */
async function greet(channel: Channel, initialize: object, signal: AbortSignal): Promise<number | null> {
  const { pid, hooks_applied, hook_on_failure_supported } = welcome.parse(await channel.request(initialize, signal))
  if (!hooks_applied || !hook_on_failure_supported) throw new HookRefused('the hook was not taken')
  return pid ?? null
}

async function toFailure(error: unknown, process: AgentProcess): Promise<TaskError> {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return { code: 'agent_start_timeout', message: 'Claude Code did not come up in time.', retryable: true }
  if (error instanceof ControlError) return { code: 'agent_start_failed', message: toSafeMessage(error.message), retryable: false }
  if (error instanceof HookRefused)
    return {
      code: 'agent_start_failed',
      message: 'This Claude Code cannot be made to ask about every call; install a newer one.',
      retryable: false,
    }
  if (error instanceof ChannelClosed) return toStartFailure('Claude Code', await process.settle())
  return { code: 'agent_protocol_error', message: 'Claude Code answered in a way that is not understood.', retryable: false }
}

async function readAuthStatus(runtime: string, env: RuntimeEnv): Promise<AuthStatus> {
  const status = { ok: true, runtime, auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  const variable = credentialVariables.find((name) => (env.variables[name] ?? '') !== '')
  if (variable !== undefined) return { ...status, logged_in: true, account_label: variable === 'ANTHROPIC_API_KEY' ? 'API key' : 'token' }
  if (await anyExists([path.join(toLoginHome(env), loginFile)])) return { ...status, logged_in: true, account_label: 'Claude login' }
  return { ...status, logged_in: false, login_hint: toLoginHint({ alias: 'claude', env, variable: 'ANTHROPIC_API_KEY' }) }
}
