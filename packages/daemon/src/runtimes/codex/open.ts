import type { TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { AgentEnv, RuntimeSession, SessionSpec } from '../../core/ports.ts'
import { openAccess } from './access.ts'
import { parseCodexConfig, toArguments, toPermissions } from './config.ts'
import type { Permissions } from './config.ts'
import { toProgramFiles } from './executable.ts'
import { clearScratch, placeLogin, prepareHome } from './home.ts'
import { McpStartup } from './mcp-startup.ts'
import { CodexRollout } from './rollout.ts'
import { openServers } from '../servers.ts'
import { toCodexServers } from './servers.ts'
import { CodexSession } from './session.ts'
import { aborted } from '../abort.ts'
import { RpcClosed, RpcError, createJsonRpc } from '../json-rpc.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'
import { launch, toStartFailure } from '../launch.ts'
import type { AgentProcess } from '../process.ts'
import type { RuntimeOptions } from '../runtime-options.ts'
import { toSafeMessage } from '../safe-message.ts'

/** Starts an app-server and opens its thread, or takes up the one there was. Rejects with `RuntimeFailure`. */
export async function openCodex(
  spec: SessionSpec,
  env: AgentEnv,
  options: RuntimeOptions & { readonly signal: AbortSignal },
): Promise<RuntimeSession> {
  const { ledger, newId, startTimeoutMs = 30_000, signal } = options
  const config = parseCodexConfig(spec.runtimeConfig)
  const mark = newId()
  const access = await openAccess(env, config)
  const servers = toCodexServers(openServers(config.mcp_servers, spec, env), env.enclosure.walled)
  const scratch = await prepareHome(env.home, mark)
  const confines = { walled: env.enclosure.walled, scratch }
  const deadline = AbortSignal.timeout(startTimeoutMs)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => clearScratch(env.home, mark))
  stack.use(await placeLogin(env.home, access.login, confines))
  const process = stack.use(
    await launch({
      agent: 'Codex',
      executable: env.executable,
      enclosure: env.enclosure,
      readable: await toProgramFiles(env.executable),
      args: toArguments({
        cwd: spec.cwd,
        trustWorkspace: spec.trustWorkspace,
        model: spec.model ?? (env.offlineUrl === null ? undefined : 'gpt-5.5'),
        reasoningEffort: config.reasoning_effort,
        provider: access.provider,
        mark,
      }),
      cwd: spec.cwd,
      // Codex makes no links to itself in a home that lies in the directory for temporary files: its own sandbox would not start.
      env: { ...env.variables, ...access.variables, CODEX_HOME: env.home, TMPDIR: scratch },
      mark,
      ledger,
      ...(options.stopGraceMs === undefined ? {} : { stopGraceMs: options.stopGraceMs }),
    }),
  )
  const backlog: Incoming[] = []
  const startup = new McpStartup(Object.keys(servers))
  let session: CodexSession | null = null
  const rpc = createJsonRpc({
    lines: process.lines,
    send: (line) => process.write(line),
    receive: (messages) => {
      for (const message of messages) startup.receive(message)
      if (session !== null) return session.receive(messages)
      backlog.push(...messages.slice(0, 100 - backlog.length))
      return null
    },
  })
  const permissions = toPermissions(spec.permissionMode, confines)
  const conversation = { spec, home: env.home, servers, permissions, signal: AbortSignal.any([signal, deadline]) }
  const thread = await converse(rpc, conversation).catch(async (error: unknown) => {
    signal.throwIfAborted()
    throw new RuntimeFailure(await toFailure(error, process), { cause: error })
  })
  // One that does not come up in time is told as a failed one, and the task goes on without it.
  await Promise.race([startup.settled, aborted(deadline), aborted(signal), rpc.done.catch(() => {})])
  signal.throwIfAborted()
  const { interruptGraceMs } = options
  session = new CodexSession({
    spec,
    process,
    rpc,
    ...thread,
    backlog,
    mark,
    confines,
    resources: stack.move(),
    ...(interruptGraceMs === undefined ? {} : { interruptGraceMs }),
  })
  return session
}

const opened = z.object({ thread: z.object({ id: z.string().min(1), path: z.string().nullish() }) })

interface ConversationOptions {
  readonly spec: SessionSpec
  readonly home: string
  readonly servers: Readonly<Record<string, object>>
  readonly permissions: Permissions
  readonly signal: AbortSignal
}

interface Conversation {
  readonly threadId: string
  readonly resumed: boolean
  readonly rollout: CodexRollout | null
}

/** Shakes hands and opens the thread; one that is not found any more is replaced by a new one. */
async function converse(rpc: JsonRpc, options: ConversationOptions): Promise<Conversation> {
  const { spec, home, servers, permissions, signal } = options
  const clientInfo = { name: 'codesdkd', title: 'codesdkd', version: '0.1.0' }
  await rpc.request('initialize', { clientInfo, capabilities: { experimentalApi: true, requestAttestation: false } }, signal)
  rpc.notify('initialized')
  const params = {
    cwd: spec.cwd,
    approvalPolicy: permissions.policy,
    approvalsReviewer: 'user',
    sandbox: permissions.sandbox,
    config: Object.fromEntries(Object.entries(servers).map(([name, server]) => [`mcp_servers.${name}`, server])),
    ...(spec.model === null ? {} : { model: spec.model }),
  }
  if (spec.resume !== null) {
    const resumed = await rpc.request('thread/resume', { ...params, threadId: spec.resume, excludeTurns: true }, signal).catch(notFound)
    if (resumed !== null) {
      const { thread } = opened.parse(resumed)
      return { threadId: thread.id, resumed: true, rollout: thread.path == null ? null : new CodexRollout(home, thread.path) }
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
