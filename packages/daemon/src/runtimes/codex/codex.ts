import { rm } from 'node:fs/promises'
import * as path from 'node:path'
import type { AuthStatus, TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { Runtime, RuntimeEnv, RuntimeSession, SessionSpec } from '../../core/ports.ts'
import { codexCapabilities } from './capabilities.ts'
import { credentialVariables, parseCodexConfig, prepareHome, toArguments, toCodexServer, toPermissions, toUserHome } from './config.ts'
import type { CodexConfig } from './config.ts'
import { McpStartup } from './mcp-startup.ts'
import { CodexRollout } from './rollout.ts'
import { CodexSession } from './session.ts'
import { aborted } from '../abort.ts'
import { RpcClosed, RpcError, createJsonRpc } from '../json-rpc.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'
import { launch, readVersion, toStartFailure } from '../launch.ts'
import { anyExists } from '../login-file.ts'
import { toLoginHint } from '../login-hint.ts'
import type { AgentProcess } from '../process.ts'
import type { RuntimeOptions } from '../runtime-options.ts'
import { toSafeMessage } from '../safe-message.ts'

/** OpenAI's Codex, through its app-server: one process for each live session. */
export function createCodexRuntime(options: RuntimeOptions): Runtime {
  const name = 'codex-sdk'
  return {
    name,
    capabilities: codexCapabilities,
    credentialVariables,
    homeVariables: ['CODEX_HOME'],
    parseConfig: parseCodexConfig,
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
    open: (spec, env, signal) => openCodex(spec, env, { ...options, signal }),
  }
}

async function openCodex(
  spec: SessionSpec,
  env: RuntimeEnv,
  options: RuntimeOptions & { readonly signal: AbortSignal },
): Promise<RuntimeSession> {
  const { ledger, newId, startTimeoutMs = 30_000, signal } = options
  const config = parseCodexConfig(spec.runtimeConfig)
  const mark = newId()
  const scratch = await prepareHome(env, mark)
  const deadline = AbortSignal.timeout(startTimeoutMs)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(scratch, { recursive: true, force: true }))
  const process = stack.use(
    await launch({
      agent: 'Codex',
      executable: env.executable,
      args: toArguments({
        env,
        cwd: spec.cwd,
        trustWorkspace: spec.trustWorkspace,
        model: spec.model,
        config,
        loggedIn: await hasLogin(env),
        mark,
        scratch,
      }),
      cwd: spec.cwd,
      env: { ...env.variables, CODEX_HOME: env.home },
      mark,
      ledger,
      ...(options.stopGraceMs === undefined ? {} : { stopGraceMs: options.stopGraceMs }),
    }),
  )
  const backlog: Incoming[] = []
  const servers = new McpStartup(Object.keys(config.mcp_servers ?? {}))
  let session: CodexSession | null = null
  const rpc = createJsonRpc({
    lines: process.lines,
    send: (line) => process.write(line),
    receive: async (message) => {
      servers.receive(message)
      if (session !== null) await session.receive(message)
      else if (backlog.length < 100) backlog.push(message)
    },
  })
  const thread = await converse(rpc, { spec, config, scratch, signal: AbortSignal.any([signal, deadline]) }).catch(
    async (error: unknown) => {
      signal.throwIfAborted()
      throw new RuntimeFailure(await toFailure(error, process), { cause: error })
    },
  )
  // One that does not come up in time is told as a failed one, and the task goes on without it.
  await Promise.race([servers.settled, aborted(deadline), aborted(signal), rpc.done.catch(() => {})])
  signal.throwIfAborted()
  const { interruptGraceMs } = options
  session = new CodexSession({
    spec,
    process,
    rpc,
    ...thread,
    backlog,
    mark,
    scratch,
    resources: stack.move(),
    ...(interruptGraceMs === undefined ? {} : { interruptGraceMs }),
  })
  return session
}

const opened = z.object({ thread: z.object({ id: z.string().min(1), path: z.string().nullish() }) })

interface ConversationOptions {
  readonly spec: SessionSpec
  readonly config: CodexConfig
  readonly scratch: string
  readonly signal: AbortSignal
}

interface Conversation {
  readonly threadId: string
  readonly resumed: boolean
  readonly rollout: CodexRollout | null
}

/** Shakes hands and opens the thread; one that is not found any more is replaced by a new one. */
async function converse(rpc: JsonRpc, options: ConversationOptions): Promise<Conversation> {
  const { spec, config, scratch, signal } = options
  const clientInfo = { name: 'codesdkd', title: 'codesdkd', version: '0.1.0' }
  await rpc.request('initialize', { clientInfo, capabilities: { experimentalApi: true, requestAttestation: false } }, signal)
  rpc.notify('initialized')
  const { policy, sandbox } = toPermissions(spec.permissionMode, scratch)
  const servers = Object.entries(config.mcp_servers ?? {}).map(([name, server]) => [`mcp_servers.${name}`, toCodexServer(server)] as const)
  const params = {
    cwd: spec.cwd,
    approvalPolicy: policy,
    approvalsReviewer: 'user',
    sandbox,
    config: Object.fromEntries(servers),
    ...(spec.model === null ? {} : { model: spec.model }),
  }
  if (spec.resume !== null) {
    const resumed = await rpc.request('thread/resume', { ...params, threadId: spec.resume, excludeTurns: true }, signal).catch(notFound)
    if (resumed !== null) {
      const { thread } = opened.parse(resumed)
      return { threadId: thread.id, resumed: true, rollout: thread.path == null ? null : new CodexRollout(thread.path) }
    }
  }
  // Raw events are the only place where a command's wish to leave the sandbox shows.
  const { thread } = opened.parse(await rpc.request('thread/start', { ...params, experimentalRawEvents: true }, signal))
  return { threadId: thread.id, resumed: false, rollout: null }
}

function notFound(error: unknown): null {
  if (error instanceof RpcError && /no rollout found|not found|invalid thread id/i.test(error.message)) return null
  throw error
}

async function toFailure(error: unknown, process: AgentProcess): Promise<TaskError> {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { code: 'agent_start_timeout', message: 'Codex did not come up in time.', retryable: true }
  }
  if (error instanceof RpcError) return { code: 'agent_start_failed', message: toSafeMessage(error.message), retryable: false }
  if (!(error instanceof RpcClosed))
    return { code: 'agent_protocol_error', message: 'Codex answered in a way that is not understood.', retryable: false }
  return toStartFailure('Codex', await process.settle())
}

async function readAuthStatus(runtime: string, env: RuntimeEnv): Promise<AuthStatus> {
  const status = { ok: true, runtime, auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null) return { ...status, logged_in: true, account_label: 'offline model' }
  if (await hasLogin(env)) return { ...status, logged_in: true, account_label: 'Codex login' }
  if (credentialVariables.some((name) => (env.variables[name] ?? '') !== ''))
    return { ...status, logged_in: true, account_label: 'API key' }
  return { ...status, logged_in: false, login_hint: toLoginHint({ alias: 'codex', env, variable: 'OPENAI_API_KEY' }) }
}

/** Whether a login file is there for this home; its content is not looked at. */
async function hasLogin(env: RuntimeEnv): Promise<boolean> {
  const userHome = env.shared ? toUserHome(env) : null
  const homes = [env.home, ...(userHome === null ? [] : [userHome])]
  return await anyExists(homes.map((home) => path.join(home, 'auth.json')))
}
