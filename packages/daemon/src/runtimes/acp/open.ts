import type { TaskError } from '@codesdkd/protocol'
import { RuntimeFailure } from '../../core/ports.ts'
import { inOrder } from '../../core/wait.ts'
import type { AgentEnv, RuntimeSession, SessionSpec } from '../../core/ports.ts'
import { openServers } from '../servers.ts'
import { openConversation } from './conversation.ts'
import type { OpenedConversation } from './conversation.ts'
import type { AcpConfig, AcpProfile, Launch } from './profile.ts'
import { AcpSession } from './session.ts'
import { refuse } from './turn.ts'
import { RpcClosed, createJsonRpc } from '../json-rpc.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { launch, toStartFailure } from '../launch.ts'
import { killMarked } from '../leftovers.ts'
import { processMark } from '../process.ts'
import type { AgentProcess } from '../process.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

interface SessionOptions extends RuntimeOptions {
  readonly spec: SessionSpec
  readonly env: AgentEnv
  readonly signal: AbortSignal
}

/** Starts an agent and opens its session. Rejects with `RuntimeFailure`. */
export async function openSession<Config extends AcpConfig>(profile: AcpProfile<Config>, options: SessionOptions): Promise<RuntimeSession> {
  const { spec, env, newId, startTimeoutMs = 30_000, signal, interruptGraceMs } = options
  const config = profile.parseConfig(spec.runtimeConfig)
  const mark = newId()
  const deadline = AbortSignal.timeout(startTimeoutMs)
  await using stack = new AsyncDisposableStack()
  const launched = stack.use(await profile.prepare({ env, spec, config, mark }))
  // Of what the agent leaves behind nothing is left: not when it was not even opened, and before its files are removed.
  stack.defer(async () => void (await killMarked(processMark, mark)))
  const servers = openServers(config.mcp_servers, spec, env)
  const process = stack.use(await start(profile, launched, mark, options))
  let session: AcpSession | null = null
  let heard = performance.now()
  // What is said before the first turn is said to nobody: the agent introduces itself, or repeats an earlier conversation.
  const rpc: JsonRpc = createJsonRpc({
    lines: process.lines,
    send: (line) => process.write(line),
    versioned: true,
    receive(messages) {
      heard = performance.now()
      return inOrder(messages, (message) => {
        if (session !== null) return session.receive(message)
        if (message.kind === 'request') refuse(rpc, message)
        return null
      })
    },
  })
  const conversation = await converse(rpc, profile, {
    spec,
    servers,
    launch: launched,
    silentFor: () => performance.now() - heard,
    signal: AbortSignal.any([signal, deadline]),
  }).catch(async (error: unknown) => {
    const failure = signal.aborted ? null : await toFailure(profile.displayName, error, process)
    process.kill()
    await process.ended
    signal.throwIfAborted()
    throw failure ?? error
  })
  session = new AcpSession({
    profile,
    process,
    rpc,
    launch: launched,
    ...conversation,
    cwd: spec.cwd,
    walled: env.enclosure.walled,
    mark,
    resources: stack.move(),
    ...(interruptGraceMs === undefined ? {} : { interruptGraceMs }),
  })
  return session
}

function converse<Config extends AcpConfig>(
  rpc: JsonRpc,
  profile: AcpProfile<Config>,
  options: Omit<Parameters<typeof openConversation<Config>>[1], 'profile'>,
): Promise<OpenedConversation> {
  // Between two requests nobody else would notice that the agent has ended.
  const broken = rpc.done.then(() => Promise.reject(new RpcClosed('the agent has ended')))
  broken.catch(() => {})
  return Promise.race([openConversation(rpc, { ...options, profile }), broken])
}

function start<Config extends AcpConfig>(
  profile: AcpProfile<Config>,
  { args, cwd, variables, readable, writable }: Launch,
  mark: string,
  { spec, env, ledger, stopGraceMs }: SessionOptions,
): Promise<AgentProcess> {
  return launch({
    agent: profile.displayName,
    executable: env.executable,
    enclosure: env.enclosure,
    args,
    cwd: cwd ?? spec.cwd,
    env: variables,
    ...(readable === undefined ? {} : { readable }),
    ...(writable === undefined ? {} : { writable }),
    mark,
    ledger,
    ...(stopGraceMs === undefined ? {} : { stopGraceMs }),
  })
}

async function toFailure(agent: string, error: unknown, process: AgentProcess): Promise<RuntimeFailure> {
  return error instanceof RuntimeFailure ? error : new RuntimeFailure(await toStartError(agent, error, process), { cause: error })
}

async function toStartError(agent: string, error: unknown, process: AgentProcess): Promise<TaskError> {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { code: 'agent_start_timeout', message: `${agent} did not come up in time.`, retryable: true }
  }
  if (!(error instanceof RpcClosed)) {
    return { code: 'agent_protocol_error', message: `${agent} answered in a way that is not understood.`, retryable: false }
  }
  return toStartFailure(agent, await process.settle())
}
