import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Problem, type HandoffReceipt, type Session, type Task } from '@codesdkd/protocol'
import type { BundleOperations, RuntimeOperations, SessionOperations } from '../../core/operations.ts'
import type { ArtifactStore } from '../../core/ports.ts'
import { openDataDir } from '../../storage/data-dir.ts'
import { SqliteEventLog } from '../../storage/event-log.ts'
import { migrations } from '../../storage/schema.ts'
import { openDatabase } from '../../storage/sqlite.ts'
import { defaultHttpLimits, type HttpContext } from '../context.ts'
import { createHttpServer, type HttpServer } from '../server.ts'
import { TokenRegistry } from '../token-registry.ts'

/** What the edge was asked, in order: how tests see what arrived behind it. */
export type Calls = { readonly operation: string; readonly arguments: readonly unknown[] }[]

/** The edge on a real port over a real log, with scripted operations behind it. */
export interface TestEdge extends AsyncDisposable {
  readonly server: HttpServer
  readonly context: HttpContext
  readonly log: SqliteEventLog
  readonly calls: Calls
  readonly logged: string[]
  readonly denied: string[]
  readonly streams: { open: number }
}

const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }

export async function openEdge(change: (context: HttpContext) => Partial<HttpContext> = () => ({})): Promise<TestEdge> {
  const directory = mkdtempSync(join(tmpdir(), 'codesdkd-http-'))
  const dir = openDataDir(join(directory, 'data'))
  const database = openDatabase(join(dir.path, 'log.db'), { migrations, expected: false })
  const log = new SqliteEventLog({ dir, database, newId: randomUUID, bootId: 'test' })
  const calls: Calls = []
  const logged: string[] = []
  const denied: string[] = []
  const streams = { open: 0 }
  const base: HttpContext = {
    listen: { host: '127.0.0.1', port: 0 },
    access: { auth: 'none', allowedHosts: [], allowedOrigins: [], basePath: '' },
    limits: defaultHttpLimits,
    daemon: {
      version: '0.0.0-test',
      startedAt: '2026-11-22T00:00:00.000Z',
      startup: { total: 1 },
      state: () => 'ready',
      limits: { tasks_running: 32 },
      sandbox: { mode: 'auto', available: true, kind: 'bubblewrap' },
      issues: () => [],
    },
    sessions: scriptedSessions(calls),
    tokens: new TokenRegistry({ ownerToken: 'TOK', named: null, clock, secrets: { add: () => {}, remove: () => {} } }),
    runtimes: scriptedRuntimes,
    bundles: noBundles,
    log,
    artifacts: noArtifacts,
    tracing: { arrived: () => undefined },
    metrics: {
      enabled: false,
      contentType: 'text/plain',
      render: async () => '',
      sseClients: (open) => void (streams.open = open),
      denied: (code) => void denied.push(code),
    },
    agents: () => [],
    newId: randomUUID,
    logger: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
  }
  const context = { ...base, ...change(base) }
  const server = await createHttpServer(context)
  return {
    server,
    context,
    log,
    calls,
    logged,
    denied,
    streams,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      log[Symbol.dispose]()
      database.close()
      dir[Symbol.dispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export const someSession: Session = {
  session_id: 's1',
  runtime: 'codex-sdk',
  runtime_session_id: null,
  created_at: '2026-11-22T00:00:00.000Z',
  model: null,
  permission_mode: 'auto',
  cwd: '/tmp',
  credential_namespace: 'default',
  isolation_level: 'shared',
  phase: 'idle',
  last_seq: 1,
  title: null,
  metadata: {},
  archived: false,
  forked_from: null,
}

const someReceipt: HandoffReceipt = {
  from: { runtime: 'codex-sdk', model: null, runtime_session_id: null },
  to: { runtime: 'claude-agent-sdk', model: null },
  isolation_mode: 'subprocess',
  confinement: 'sandbox',
  runtime_config: {},
  env_names: [],
  env_withheld: [],
  carried: { messages: 0, messages_omitted: 0, characters: 0, images: 0, images_omitted: 0, truncated: false, network_answers: 0 },
  not_carried: [],
}

const someTask: Task = {
  session_id: 's1',
  task_id: 't1',
  status: 'running',
  last_seq: 2,
  phase: 'running',
  created_at: '2026-11-22T00:00:00.000Z',
  started_at: null,
  ended_at: null,
  usage: null,
}

/** Session `s1` with task `t1` and call `c1` exists; nothing else does. */
function scriptedSessions(calls: Calls): SessionOperations {
  const note = (operation: string, ...args: readonly unknown[]) => void calls.push({ operation, arguments: args })
  return {
    async giveResult(sessionId, toolCallId, request) {
      known(sessionId)
      note('giveResult', toolCallId, request)
    },
    async writeOutput(sessionId, toolCallId, request) {
      known(sessionId)
      note('writeOutput', toolCallId, request)
    },
    async create(request, options) {
      note('create', request, options)
      return { session: someSession, replayed: false }
    },
    get(sessionId) {
      known(sessionId)
      return someSession
    },
    list(query) {
      note('list', query)
      return { items: [someSession], next_after: null }
    },
    async update(sessionId, request, options) {
      known(sessionId)
      note('update', sessionId, request, options)
      return someSession
    },
    async handOff(sessionId, request, options) {
      known(sessionId)
      note('handOff', sessionId, request, options)
      return { handoff: { session: someSession, seq: 1, receipt: someReceipt }, replayed: false }
    },
    async fork(sessionId, request, options) {
      known(sessionId)
      note('fork', sessionId, request, options)
      return { session: someSession, replayed: false }
    },
    async remove(sessionId, options) {
      known(sessionId)
      note('remove', sessionId, options)
    },
    async upload({ session_id, content_type, name = null }) {
      known(session_id)
      note('upload', session_id, content_type)
      const created_at = '2026-11-22T00:00:00.000Z'
      return { artifact_id: '0'.repeat(32), session_id, content_type, name, size: 1, sha256: '0'.repeat(64), created_at }
    },
    async submit(sessionId, request, options) {
      known(sessionId)
      note('submit', sessionId, request, options)
      return {
        started: { session_id: sessionId, task_id: request.task_id ?? 't1', status: 'started', phase: 'queued', last_seq: 2 },
        replayed: false,
      }
    },
    task(sessionId, taskId) {
      known(sessionId)
      if (taskId !== 't1') throw new Problem('task_not_found', 'There is no such task.')
      return someTask
    },
    tasks(sessionId) {
      known(sessionId)
      return { items: [someTask], next_after: null }
    },
    async stop(sessionId, taskId, options) {
      known(sessionId)
      note('stop', sessionId, taskId, options)
      return { ok: true, task_id: taskId, status: 'stopped' }
    },
    async decide(sessionId, toolCallId, request, options) {
      known(sessionId)
      note('decide', sessionId, toolCallId, request, options)
      if (toolCallId !== 'c1') throw new Problem('tool_call_not_pending', 'There is no such call.')
      return { decision: request.decision }
    },
    replay(sessionId) {
      known(sessionId)
      throw new Problem('replay_not_found', 'It is none.')
    },
    async updateReplay(sessionId) {
      known(sessionId)
      throw new Problem('replay_not_found', 'It is none.')
    },
    async stepReplay(sessionId) {
      known(sessionId)
      throw new Problem('replay_not_found', 'It is none.')
    },
    approvals: () => ({ items: [], next_after: null }),
    async answer(sessionId, questionId, request, options) {
      known(sessionId)
      note('answer', sessionId, questionId, request, options)
      if (questionId !== 'q1') throw new Problem('question_not_pending', 'There is no such question.')
    },
    questions: () => ({ items: [], next_after: null }),
    idle: () => true,
    counts: () => ({ sessions_loaded: 1, tasks_running: 1, tasks_queued: 0, approvals_pending: 0, agents_live: 0 }),
  }
}

function known(sessionId: string): void {
  if (sessionId !== 's1') throw new Problem('session_not_found', 'There is no such session.')
}

function named(name: string | null): void {
  if (name !== null && name !== 'codex-sdk')
    throw new Problem('unknown_runtime', 'There is no such runtime.', { members: { allowed: ['codex-sdk'] } })
}

const scriptedRuntimes: RuntimeOperations = {
  names: ['codex-sdk'],
  defaultName: 'codex-sdk',
  list: async () => [],
  async verify(name) {
    named(name)
    throw new Error('nobody asks for this here')
  },
  async health(name) {
    named(name)
    return {
      ok: true,
      runtime: 'codex-sdk',
      version: '1.0.0',
      installed: true,
      checked_at: '2026-11-22T00:00:00.000Z',
      auth: { logged_in: true, auth_model: 'login' },
    }
  },
  async capabilities(name) {
    named(name)
    throw new Error('nobody asks for this here')
  },
  async authStatus(name) {
    named(name)
    return { ok: true, runtime: 'codex-sdk', logged_in: true, auth_model: 'login' }
  },
}

const noBundles: BundleOperations = {
  build: async () => {
    throw new Problem('session_not_found', 'There is no such session.')
  },
}

const noArtifacts: ArtifactStore = {
  put: () => {
    throw new Error('nothing is stored here')
  },
  meta: () => null,
  list: () => [],
  share: () => new Map(),
  content: async () => {
    throw new Problem('artifact_corrupt', 'There is nothing.')
  },
}
