import { isDeepStrictEqual } from 'node:util'
import { Problem, type HandOffSession, type HandoffReceipt, type NewEvent } from '@codesdkd/protocol'
import { toBriefing } from './briefing.ts'
import { readLosses } from './handoff-losses.ts'
import { readNetworkAnswers } from './network-answers.ts'
import { RuntimeFailure, type EventLog, type Runtime, type SecretStore, type SessionRecord } from './ports.ts'
import { toSecrets } from './redaction/secret-settings.ts'
import { checkSessionEnv } from './session-env.ts'
import { checkPermissionMode, type SessionRules } from './session-record.ts'
import { checkSandbox, type CheckRoot } from './session-sandbox.ts'
import { toEvent } from './stored-event.ts'

export interface HandoffWorld {
  readonly log: EventLog
  readonly rules: SessionRules
  readonly checkRoot: CheckRoot
  readonly runtimes: ReadonlyMap<string, Runtime>
  /** Whether there is a program of the runtime on this machine. */
  readonly installed: (runtime: Runtime) => Promise<boolean>
  readonly secrets: Omit<SecretStore, 'reveal'>
}

/** What a session becomes when another runtime takes it over. */
export interface Succession {
  readonly record: SessionRecord
  /** What of it may stand in the log. Its secrets are on the disk already; until the commit nobody reads them. */
  readonly row: SessionRecord
  readonly event: NewEvent & { readonly type: 'session.handed_off' }
  /** Must never be shown. */
  readonly secrets: readonly string[]
}

export interface HandoffOptions {
  readonly record: SessionRecord
  readonly runtimeSessionId: string | null
  readonly runtime: Runtime
  readonly request: HandOffSession
}

/** Null where the session is already what is asked for. Throws the problems of `POST /sessions/{id}/handoff`. */
export async function prepareHandoff({ record, ...given }: HandoffOptions, world: HandoffWorld): Promise<Succession | null> {
  const { runtime, request } = given
  const next = toSuccessor(record, runtime, request)
  const env = request.env ?? {}
  checkSessionEnv(env)
  const before = world.secrets.load(record)
  const whole = { ...before, ...env }
  checkSessionEnv(whole)
  if (isDeepStrictEqual({ ...next, generation: record.generation }, record) && isDeepStrictEqual(whole, before)) return null
  await checkPossible(next, runtime, world)
  const withheld = toWithheld({ record, next, runtime, given: Object.keys(env), env: Object.keys(whole) }, world)
  const successor = { ...next, withheld }
  const receipt = await toReceipt({ ...given, record, next: successor, env: Object.keys(whole) }, world)
  world.secrets.save(successor, whole)
  return {
    record: successor,
    row: world.secrets.hide(successor),
    event: { type: 'session.handed_off', payload: receipt },
    secrets: [...Object.values(env), ...toSecrets(successor.runtimeConfig)],
  }
}

/** What the last handoff said, where nothing but changes of settings came after it; else null. */
export function findHandoff(log: EventLog, sessionId: string): { readonly seq: number; readonly receipt: HandoffReceipt } | null {
  const last = log.lastSeq(sessionId)
  const recent = log.read(sessionId, Math.max(0, last - RECENT), RECENT)
  const at = recent.findLastIndex(({ type }) => type === 'session.handed_off')
  const stored = recent[at]
  if (stored === undefined || recent.slice(at).some(({ type }) => type.startsWith('task.'))) return null
  const event = toEvent(stored)
  return event.type === 'session.handed_off' ? { seq: event.seq, receipt: event.payload } : null
}

const RECENT = 100

export function nothingToHandOff({ runtime }: SessionRecord): Problem {
  return new Problem('invalid_request', `The session runs on ${runtime} already, and nothing else would change.`, {
    members: { field: 'runtime', runtime },
  })
}

function toSuccessor(record: SessionRecord, runtime: Runtime, { model, runtime_config, isolation_mode }: HandOffSession): SessionRecord {
  const same = runtime.name === record.runtime
  const isolationMode = isolation_mode ?? record.isolationMode
  const { supported_isolation_modes: supported, confinement } = runtime.capabilities
  if (!supported.includes(isolationMode)) {
    throw new Problem('unsupported_isolation_mode', `The runtime ${runtime.name} does not run ${isolationMode}.`, {
      members: { runtime: runtime.name, allowed: supported },
    })
  }
  // Settings mean something to the runtime that they were made for, servers the same to all.
  const { mcp_servers } = record.runtimeConfig
  const wanted = runtime_config ?? (same ? record.runtimeConfig : {})
  const config = runtime.parseConfig?.(wanted) ?? wanted
  const runtimeConfig =
    mcp_servers === undefined || 'mcp_servers' in config ? config : (runtime.parseConfig?.({ ...config, mcp_servers }) ?? config)
  return {
    ...record,
    runtime: runtime.name,
    model: model === undefined ? (same ? record.model : null) : model,
    isolationMode,
    confinement: record.sandbox.walled ? 'sandbox' : confinement,
    runtimeConfig,
    generation: record.generation + 1,
  }
}

/** Here, while the one before it is still there, and not when its first task starts. */
async function checkPossible(next: SessionRecord, runtime: Runtime, { rules, checkRoot, installed }: HandoffWorld): Promise<void> {
  checkPermissionMode(next.permissionMode, rules)
  if (!(await installed(runtime)))
    throw new Problem('agent_not_installed', `There is no program of ${runtime.name} on this machine.`, {
      members: { runtime: runtime.name },
    })
  try {
    await checkSandbox(next, { rules, checkRoot })
  } catch (error) {
    if (!(error instanceof RuntimeFailure)) throw error
    const code = error.failure.code === 'cwd_not_allowed' ? 'cwd_not_allowed' : 'sandbox_unavailable'
    throw new Problem(code, error.failure.message, { cause: error })
  }
}

interface WithheldOptions {
  readonly record: SessionRecord
  readonly next: SessionRecord
  readonly runtime: Runtime
  /** Names of the variables that were given for the new agent. */
  readonly given: readonly string[]
  /** Names of all variables of the session. */
  readonly env: readonly string[]
}

/** The gateway kept the credentials of the agent before from it; as plain variables of another they would be in its environment. */
function toWithheld({ record, next, runtime, given, env }: WithheldOptions, { runtimes }: HandoffWorld): readonly string[] {
  const before = runtimes.get(record.runtime)
  const theirs =
    before === undefined
      ? [...runtimes.values()].flatMap(({ credentialVariables }) => credentialVariables)
      : [...before.credentialVariables, ...before.secretVariables(record.runtimeConfig)]
  const own = new Set([...runtime.credentialVariables, ...runtime.secretVariables(next.runtimeConfig), ...given])
  const kept = new Set([...record.withheld, ...theirs])
  return env.filter((name) => kept.has(name) && !own.has(name)).toSorted()
}

interface ReceiptOptions extends HandoffOptions {
  readonly next: SessionRecord
  /** Names of all variables of the session. */
  readonly env: readonly string[]
}

async function toReceipt({ record, next, runtime, runtimeSessionId, env }: ReceiptOptions, { log }: HandoffWorld): Promise<HandoffReceipt> {
  const { sessionId } = record
  // What the next task's agent will be told, whatever it is asked.
  const { restored } = await toBriefing({ messages: [{ role: 'user', content: '' }], log, sessionId, opened: true, lost: true, known: 0 })
  const {
    messages_carried = 0,
    messages_omitted = 0,
    characters = 0,
    images_carried = 0,
    images_omitted = 0,
    truncated = false,
  } = restored ?? {}
  const carried = { messages: messages_carried, messages_omitted, characters, images: images_carried, images_omitted, truncated }
  const network_answers = record.sandbox.walled ? readNetworkAnswers(log, sessionId).size : 0
  return {
    from: { runtime: record.runtime, model: record.model, runtime_session_id: runtimeSessionId },
    to: { runtime: next.runtime, model: next.model },
    isolation_mode: next.isolationMode,
    confinement: next.confinement,
    runtime_config: { ...next.runtimeConfig },
    env_names: env.filter((name) => !next.withheld.includes(name)).toSorted(),
    env_withheld: [...next.withheld],
    carried: { ...carried, network_answers },
    not_carried: [...(await readLosses({ record, next, capabilities: runtime.capabilities, carried }, log))],
  }
}
