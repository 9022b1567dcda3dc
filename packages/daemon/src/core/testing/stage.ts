import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CreateTask, Event } from '@codesdkd/protocol'
import { openStorage, type Storage } from '../../storage/storage.ts'
import type { Verdict } from '../call-events.ts'
import { canonicalHash, inputHash } from '../input-hash.ts'
import { checkSchema } from '../../json-schema.ts'
import type { AttendedTask, Planted } from '../enclosure.ts'
import type { ArtifactStore, EventLog, Outcome, Runtime, RuntimeSession, SessionRecord, TaskSpec } from '../ports.ts'
import type { NativeCall, TaskHost, ToolHost } from '../task-host.ts'
import { createMasker } from '../redaction/redact.ts'
import { toCreated } from '../session-record.ts'
import { Session, type LoadedSessionWorld } from '../session.ts'
import { Seats } from '../seats.ts'
import { Slots } from '../slots.ts'
import { toRegistry } from '../tools.ts'
import { openEnclosure, sampleAgentEnv } from './env.ts'
import { sampleRecord } from './record.ts'

export const record = sampleRecord('s', { permissionMode: 'ask', isolationLevel: 'namespaced', cwd: '/' })

/** A session on the real log, with an agent that does what the test says. */
export interface Stage extends AsyncDisposable {
  readonly session: Session
  readonly storage: Storage
  readonly events: Event[]
  /** Makes the session's row and first event. */
  create(): Promise<void>
  submit(taskId: string, request?: Partial<CreateTask>): Promise<unknown>
  /** Resolves with the first event that fits, past or to come. */
  until(fits: (event: Event) => boolean): Promise<Event>
}

export interface StageOptions {
  readonly run: (host: TaskHost, tools: ToolHost, task: TaskSpec) => Promise<Outcome>
  /** Whether the agent holds its model to an output schema. Default: to none. */
  readonly holdsToSchema?: Runtime['holdsToSchema']
  /** What the agent makes of messages in the middle of a turn. Default: it takes none. */
  readonly steer?: RuntimeSession['steer']
  /** Before the agent has come up. */
  readonly open?: () => Promise<void>
  readonly judge?: (call: NativeCall) => Promise<Verdict>
  readonly dispose?: () => Promise<void>
  /** What the session sees of the log. */
  readonly log?: (log: EventLog) => EventLog
  /** What the session sees of the artifacts. */
  readonly artifacts?: (artifacts: ArtifactStore) => ArtifactStore
  readonly secrets?: readonly string[]
  readonly idleTimeoutMs?: number
  /** Default: that of the exported record. */
  readonly permissionMode?: SessionRecord['permissionMode']
  readonly approvalTimeoutMs?: number
  /** Default: everything fits. */
  readonly checkAnswer?: LoadedSessionWorld['checkAnswer']
  /** What the daemon offers. Default: nothing. */
  readonly tools?: LoadedSessionWorld['tools']
  /** What the second look at the configuration finds. Default: nothing. */
  readonly planted?: readonly Planted[]
}

export async function createStage(options: StageOptions): Promise<Stage> {
  const { run, judge, log = (one) => one, artifacts = (one) => one, secrets = [], idleTimeoutMs = 60_000 } = options
  const path = await mkdtemp(join(tmpdir(), 'codesdkd-session-'))
  let ids = 0
  const newId = () => String((ids += 1)).padStart(32, '0')
  const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
  const storage = openStorage({ path: join(path, 'state'), clock, newId })
  const events: Event[] = []
  const waiting = new Set<() => void>()
  const world: LoadedSessionWorld = {
    log: log(storage.log),
    artifacts: artifacts(storage.artifacts),
    clock,
    newId,
    slots: new Slots(4),
    seats: new Seats({ live: 4, starting: 4 }),
    hash: { inputHash, contentHash: canonicalHash },
    queueLimit: 10,
    idleTimeoutMs,
    approvalTimeoutMs: options.approvalTimeoutMs ?? null,
    judge: judge ?? (() => Promise.resolve({ result: 'ask', rule: 'test' })),
    checkCwd: (cwd) => Promise.resolve(cwd),
    checkAnswer: options.checkAnswer ?? (() => []),
    tools: options.tools ?? toRegistry([]),
    checkSchema: async (schema, value) => checkSchema(schema, value),
    implicitSources: () => Promise.resolve([]),
    watchConfiguration: () => Promise.resolve(() => Promise.resolve(options.planted ?? [])),
    observer: (event) => {
      events.push(event)
      for (const wake of waiting) wake()
    },
    onChange: () => {},
    report: () => {},
  }
  let attended: AttendedTask | null = null as AttendedTask | null
  const { permissionMode = record.permissionMode } = options
  const session = new Session(
    {
      record: { ...record, permissionMode },
      runtime: toRuntime((task, host) => run(host, attended?.tools ?? noTools, task), options),
      environment: () => Promise.resolve(sampleAgentEnv({ enclosure: { ...openEnclosure, attend: (task) => void (attended = task) } })),
      masker: createMasker(secrets),
    },
    world,
  )
  return {
    session,
    storage,
    events,
    create: () =>
      session.journal.commit([{ type: 'session.created', payload: toCreated(record, []) }], { durability: 'synced', session: record }),
    submit: (taskId, request = {}) =>
      session.submit({ messages: [{ role: 'user', content: 'go' }], ...request }, taskId, 'hash', 'request'),
    until: (fits) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find(fits)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      await session.close()
      storage[Symbol.dispose]()
      await rm(path, { recursive: true, force: true })
    },
  }
}

const noTools: ToolHost = { definitions: [], call: () => Promise.reject(new Error('no task is attended')) }

function toRuntime(run: RuntimeSession['run'], { dispose, steer, open, holdsToSchema }: StageOptions): Runtime {
  const agent: RuntimeSession = {
    nativeId: 'native',
    alive: true,
    resumed: false,
    run,
    ...(steer === undefined ? {} : { steer }),
    [Symbol.asyncDispose]: dispose ?? (() => Promise.resolve()),
  }
  const silent = silentRuntime()
  const capabilities = { ...silent.capabilities, supports_steer: steer !== undefined }
  return {
    ...silent,
    capabilities,
    holdsToSchema: holdsToSchema ?? (() => false),
    open: async () => {
      await open?.()
      return agent
    },
  }
}

/** A runtime whose agent never comes up. */
export function silentRuntime(): Runtime {
  const refuse = () => Promise.reject(new Error('nobody asks'))
  const capabilities = {
    supported_isolation_modes: ['subprocess'],
    recommended_isolation_mode: 'subprocess',
    confinement: 'sandbox',
    supports_host_tools: true,
  }
  return {
    name: 'codex-sdk',
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the others are asked for over HTTP alone
    capabilities: capabilities as unknown as Runtime['capabilities'],
    credentialVariables: [],
    toKeyEndpoints: () => [],
    homeVariables: [],
    secretVariables: () => [],
    health: refuse,
    authStatus: refuse,
    open: refuse,
  }
}
