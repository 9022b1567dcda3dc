import { randomUUID } from 'node:crypto'
import type { TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { AgentEnv, RuntimeSession, SessionSpec } from '../../core/ports.ts'
import { openAccess } from './access.ts'
import type { Access } from './access.ts'
import { ChannelClosed, ControlError, createChannel } from './channel.ts'
import type { Channel } from './channel.ts'
import { clearScratch, parseClaudeConfig, prepareHome, toArguments, toEnvironment, toInitialize } from './config.ts'
import type { ClaudeConfig } from './config.ts'
import { lendLogin } from './login-loan.ts'
import type { LoginLoan } from './login-loan.ts'
import { refreshLogin } from './login.ts'
import { openServers } from '../servers.ts'
import { toClaudeServers } from './servers.ts'
import { ClaudeSession } from './session.ts'
import { answerAtOnce } from './turn.ts'
import { launch, toStartFailure } from '../launch.ts'
import { killMarked } from '../leftovers.ts'
import { processMark } from '../process.ts'
import type { AgentProcess } from '../process.ts'
import { findProgramFiles } from '../program-files.ts'
import type { RuntimeOptions } from '../runtime-options.ts'
import { toSafeMessage } from '../safe-message.ts'

interface OpenOptions extends RuntimeOptions {
  readonly signal: AbortSignal
}

/** Takes the conversation up again; one that is not found any more is replaced by a new one. */
export async function openClaude(spec: SessionSpec, env: AgentEnv, options: OpenOptions): Promise<RuntimeSession> {
  const config = parseClaudeConfig(spec.runtimeConfig)
  const start: Start = {
    spec,
    env,
    config,
    access: await openAccess(env, config),
    servers: toClaudeServers(openServers(config.mcp_servers, spec, env)),
    options,
  }
  if (spec.resume !== null) {
    const resumed = await startClaude(start, { id: spec.resume, resumed: true }).catch(notFound)
    if (resumed !== null) return resumed
  }
  return await startClaude(start, { id: randomUUID(), resumed: false })
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
  readonly env: AgentEnv
  readonly config: ClaudeConfig
  readonly access: Access
  readonly servers: Readonly<Record<string, object>>
  readonly options: OpenOptions
}

async function startClaude({ spec, env, config, access, servers, options }: Start, conversation: Conversation): Promise<ClaudeSession> {
  const { ledger, newId, startTimeoutMs = 30_000, signal, stopGraceMs, interruptGraceMs } = options
  const mark = newId()
  const scratch = await prepareHome(env, mark)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => clearScratch(env, mark))
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)])
  const loan = access.login === null || !env.enclosure.walled ? null : stack.use(await borrowLogin(env, access.login, deadline))
  // Servers, and commands in sessions of their own, are not in the group that ends with the process.
  stack.defer(async () => void (await killMarked(processMark, mark)))
  const process = stack.use(
    await launch({
      agent: 'Claude Code',
      executable: env.executable,
      enclosure: env.enclosure,
      readable: await findReadable(env, loan),
      args: toArguments(spec, config, conversation),
      cwd: spec.cwd,
      env: toEnvironment(env, config, { access: access.variables, login: loan?.directory ?? access.login, scratch }),
      mark,
      ledger,
      ...(stopGraceMs === undefined ? {} : { stopGraceMs }),
    }),
  )
  let session: ClaudeSession | null = null
  const channel = createChannel({
    lines: process.lines,
    send: (line) => process.write(line),
    receive: (incoming) => {
      if (session !== null) return session.receive(incoming)
      if (incoming.kind === 'request') answerAtOnce(channel, incoming)
      return null
    },
  })
  const pid = await greet(channel, toInitialize(servers), deadline).catch(async (error: unknown) => {
    signal.throwIfAborted()
    throw new RuntimeFailure(await toFailure(error, process), { cause: error })
  })
  session = new ClaudeSession({
    spec,
    executionEnv: env.enclosure.walled ? 'sandbox' : 'host',
    prepare: async () => await loan?.renew(),
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

/** What the machine's administrator prescribes to each Claude Code; mostly there is nothing. */
const prescribed = '/etc/claude-code'

async function findReadable({ executable }: AgentEnv, loan: LoginLoan | null): Promise<readonly string[]> {
  const program = executable === null ? [] : await findProgramFiles(executable)
  return [...program, prescribed, ...(loan === null ? [] : [loan.directory])]
}

/** The login that an agent behind a wall may use. Beside its home, where it cannot write. */
function borrowLogin({ executable, home: own, login }: AgentEnv, home: string, signal: AbortSignal): Promise<LoginLoan> {
  const refresh = executable === null ? () => Promise.resolve() : () => refreshLogin({ executable, home, login, environment: process.env })
  return lendLogin({ home, directory: `${own}.login`, refresh, signal })
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
