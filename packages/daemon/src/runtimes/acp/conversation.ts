import { setTimeout as delay } from 'node:timers/promises'
import type { TaskError } from '@codesdkd/protocol'
import { RuntimeFailure } from '../../core/ports.ts'
import type { SessionSpec } from '../../core/ports.ts'
import { authRequired, toTaskError } from './errors.ts'
import { toAcpServers } from './mcp.ts'
import { authMethod, initializeResult, openedSession } from './native.ts'
import type { InitializeResult, OpenedSession } from './native.ts'
import type { AcpConfig, AcpProfile, ErrorContext, Launch } from './profile.ts'
import { RpcError } from '../json-rpc.ts'
import type { JsonRpc } from '../json-rpc.ts'
import type { OpenServer } from '../servers.ts'
import * as z from 'zod'

export interface OpenOptions<Config extends AcpConfig> {
  readonly profile: AcpProfile<Config>
  readonly spec: SessionSpec
  readonly servers: ReadonlyMap<string, OpenServer>
  readonly launch: Launch
  /** Milliseconds since the agent said something. */
  readonly silentFor: () => number
  readonly signal: AbortSignal
}

export interface OpenedConversation {
  readonly sessionId: string
  readonly resumed: boolean
  readonly mode: string
  readonly takesImages: boolean
  /** `id (name)` of the ways to log in. */
  readonly authMethods: readonly string[]
}

/** Most of the silence that is waited for after a replay; an agent that never falls silent must not keep the task. */
const maxQuietMs = 10_000

/** Shakes hands and opens the conversation: an earlier one where the agent finds it again, else a new one. Rejects with `RuntimeFailure` for what the agent refuses. */
export async function openConversation<Config extends AcpConfig>(rpc: JsonRpc, options: OpenOptions<Config>): Promise<OpenedConversation> {
  const { profile, spec, launch, signal } = options
  const initialized = initializeResult.parse(
    await ask(rpc, options, { phase: 'start', authMethods: [] }, 'initialize', {
      protocolVersion: 1,
      // Neither files nor terminals: what the agent does itself, it asks about, inside its wall; what it would have done here would be
      // done outside, and nobody would see it as a call.
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false, elicitation: { form: {} } },
      clientInfo: { name: 'codesdkd', title: 'codesdkd', version: '0.1.0' },
    }),
  )
  if (initialized.protocolVersion !== 1) throw new RuntimeFailure(toVersionFailure(profile.displayName, initialized.protocolVersion))
  const authMethods = initialized.authMethods.map(toLabel)
  if (launch.authenticate !== undefined) {
    const { methodId, meta } = launch.authenticate
    await ask(rpc, options, { phase: 'authenticate', authMethods }, 'authenticate', {
      methodId,
      ...(meta === undefined ? {} : { _meta: meta }),
    })
  }
  const { opened, sessionId, resumed } = await openSession(rpc, options, initialized, authMethods)
  if (spec.model !== null && profile.modelChoice !== 'launch')
    await chooseModel(rpc, options, { opened, sessionId, authMethods, model: spec.model })
  signal.throwIfAborted()
  const mode = opened.modes?.currentModeId ?? ''
  return { sessionId, resumed, mode, takesImages: initialized.agentCapabilities.promptCapabilities.image, authMethods }
}

interface Opened {
  readonly opened: OpenedSession
  readonly sessionId: string
  readonly resumed: boolean
}

async function openSession<Config extends AcpConfig>(
  rpc: JsonRpc,
  options: OpenOptions<Config>,
  { agentCapabilities }: InitializeResult,
  authMethods: readonly string[],
): Promise<Opened> {
  const { profile, spec, servers, launch } = options
  const context: ErrorContext = { phase: 'session', authMethods }
  const params = {
    cwd: spec.cwd,
    mcpServers: toAcpServers(servers, agentCapabilities),
    ...(launch.sessionMeta === undefined ? {} : { _meta: launch.sessionMeta }),
  }
  if (launch.conversations !== undefined) return await loadPrepared(rpc, options, context, params)
  const advertised = { resume: agentCapabilities.sessionCapabilities.resume, load: agentCapabilities.loadSession }
  const method = (profile.resume?.methods ?? (['resume', 'load'] as const)).find((way) => advertised[way])
  if (spec.resume !== null && method !== undefined) {
    const sessionId = spec.resume
    const found = await rpc.request(`session/${method}`, { ...params, sessionId }, options.signal).catch((error: unknown) => {
      if (!(error instanceof RpcError)) throw error
      // Agents tell in many ways that they do not know a conversation; only a missing login would fail a new one as well.
      if (error.code === authRequired) throw toRefusal(profile, error, context)
      return null
    })
    if (found !== null) {
      if (method === 'load') await fallSilent(options)
      return { opened: openedSession.parse(found ?? {}), sessionId, resumed: true }
    }
  }
  const opened = openedSession.parse(await ask(rpc, options, context, 'session/new', params))
  if (opened.sessionId === undefined) throw new RuntimeFailure(toProtocolFailure(profile.displayName))
  return { opened, sessionId: opened.sessionId, resumed: false }
}

/** Loads the first of the prepared conversations that the agent takes; fails as the last of them does. */
async function loadPrepared<Config extends AcpConfig>(
  rpc: JsonRpc,
  options: OpenOptions<Config>,
  context: ErrorContext,
  params: object,
): Promise<Opened> {
  let failure: unknown = new RuntimeFailure(toProtocolFailure(options.profile.displayName))
  for (const { id: sessionId, resumed } of options.launch.conversations ?? []) {
    try {
      const opened = openedSession.parse((await ask(rpc, options, context, 'session/load', { ...params, sessionId })) ?? {})
      if (resumed) await fallSilent(options)
      return { opened, sessionId, resumed }
    } catch (error) {
      if (!(error instanceof RuntimeFailure) || error.failure.code === 'auth_required') throw error
      failure = error
    }
  }
  throw failure
}

// A replay that is still under way would be taken for the answer to the next prompt.
async function fallSilent<Config extends AcpConfig>({ profile, silentFor, signal }: OpenOptions<Config>): Promise<void> {
  const quiet = profile.resume?.quietAfterLoadMs ?? 0
  const began = performance.now()
  for (let silence = silentFor(); silence < quiet; silence = silentFor()) {
    if (performance.now() - began > maxQuietMs) return
    await delay(quiet - silence, undefined, { signal })
  }
}

interface ModelChoice {
  readonly opened: OpenedSession
  readonly sessionId: string
  readonly authMethods: readonly string[]
  readonly model: string
}

async function chooseModel<Config extends AcpConfig>(rpc: JsonRpc, options: OpenOptions<Config>, choice: ModelChoice): Promise<void> {
  const { opened, sessionId, authMethods, model } = choice
  const context: ErrorContext = { phase: 'session', authMethods }
  const option = opened.configOptions.find(({ category }) => category === 'model')
  if (option !== undefined) {
    if (option.currentValue === model) return
    await ask(rpc, options, context, 'session/set_config_option', { sessionId, configId: option.id, value: model })
  } else if (opened.models != null) {
    if (opened.models.currentModelId === model) return
    await ask(rpc, options, context, 'session/set_model', { sessionId, modelId: model })
  } else {
    const message = `${options.profile.displayName} lets nobody choose a model; leave it out.`
    throw new RuntimeFailure({ code: 'model_request_rejected', message, retryable: false })
  }
}

/** A request whose refusal is the failure of the task. */
async function ask<Config extends AcpConfig>(
  rpc: JsonRpc,
  { profile, signal }: OpenOptions<Config>,
  context: ErrorContext,
  method: string,
  params: object,
): Promise<unknown> {
  try {
    return await rpc.request(method, params, signal)
  } catch (error) {
    if (error instanceof RpcError) throw toRefusal(profile, error, context)
    throw error
  }
}

const refusalData = z.object({ authMethods: z.array(authMethod) })

function toRefusal<Config extends AcpConfig>(profile: AcpProfile<Config>, error: RpcError, context: ErrorContext): RuntimeFailure {
  const named = refusalData.safeParse(error.data).data?.authMethods.map(toLabel)
  const failure = (profile.toTaskError ?? toTaskError)(error, { ...context, authMethods: named ?? context.authMethods })
  return new RuntimeFailure(failure.code === 'agent_error' ? { ...failure, code: 'agent_start_failed' } : failure, { cause: error })
}

function toLabel({ id, name }: { readonly id: string; readonly name: string }): string {
  return name === '' || name === id ? id : `${id} (${name})`
}

function toVersionFailure(agent: string, version: number): TaskError {
  return {
    code: 'agent_start_failed',
    message: `${agent} speaks version ${version} of the protocol, the daemon version 1.`,
    retryable: false,
  }
}

function toProtocolFailure(agent: string): TaskError {
  return { code: 'agent_protocol_error', message: `${agent} opened a session without naming it.`, retryable: false }
}
