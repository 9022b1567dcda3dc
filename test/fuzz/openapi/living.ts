import type { EventOf } from '@codesdkd/protocol'
import type { TestClient } from '../../harness/client.ts'
import type { Operation } from './document.ts'

/** Ids that belong together, under the names that paths and bodies have for them. */
export type Subject = Readonly<Record<string, unknown>>

const KEPT = 24

/**
 * What lives in the daemon, so that requests get past its doors: sessions, tasks, calls and questions that wait, artifacts. `refresh`
 * looks what is there, and starts anew what is not any more.
 */
export class Living {
  readonly #client: TestClient
  readonly #workspace: string
  readonly #host: string
  #sessions: Subject[] = []
  #tasks: Subject[] = []
  #calls: Subject[] = []
  #hosted: Subject[] = []
  #questions: Subject[] = []
  #tokens: readonly Subject[] = []
  #artifacts: Subject[] = []
  #cursor = 'known.1'
  #etag = '"x"'
  #rounds = 0

  constructor(client: TestClient, workspace: string) {
    this.#client = client
    this.#workspace = workspace
    this.#host = new URL(client.url).host
  }

  choose({ path, operationId }: Operation, pick: number): Subject {
    const pool = this.#pool(path, operationId)
    const common = { cwd: this.#workspace, writable_roots: this.#workspace, name: 'codex' }
    return { ...common, ...pool[pick % Math.max(1, pool.length)] }
  }

  /** Header values with the daemon's own host, the tag of some artifact and a cursor in them. */
  fill(value: string): string {
    return value.replaceAll('{host}', this.#host).replaceAll('{etag}', this.#etag).replaceAll('{cursor}', this.#cursor)
  }

  /** Remembers what an answer tells of. */
  learn({ operationId }: Operation, body: Record<string, unknown>): void {
    const { session_id, task_id } = body
    if (operationId === 'createSession' || operationId === 'forkSession') this.#sessions = keep(this.#sessions, { session_id })
    if (operationId === 'startTask') this.#tasks = keep(this.#tasks, { session_id, task_id })
  }

  async refresh(): Promise<void> {
    const { approvals } = (await this.#client.get('/approvals?limit=50')).body as { approvals: Subject[] }
    const { questions } = (await this.#client.get('/questions?limit=50')).body as { questions: Subject[] }
    this.#calls = approvals
    this.#questions = questions
    await this.#sift()
    while (this.#sessions.length < 8) await this.#session('quick')
    const lacking = [
      ...(approvals.length < 4 ? ['ask', 'ask', 'ask'] : []),
      ...(questions.length < 3 ? ['question', 'question'] : []),
      'wait',
      'big',
      'crash',
    ]
    await Promise.all(lacking.map(async (word) => this.#task(await this.#session('quick'), `do ${word}`)))
    if (this.#hosted.length < 2) await this.#hostedCall()
    await this.#artifactsOf()
    const { token_id } = (await this.#client.post('/tokens', { verbs: ['events:read'] })).body as Subject
    this.#tokens = keep(this.#tokens, { token_id })
    this.#rounds += 1
  }

  #pool(path: string, operationId: string): readonly Subject[] {
    if (operationId === 'giveToolResult' || operationId === 'writeToolOutput') return this.#hosted.length > 0 ? this.#hosted : this.#calls
    if (path.includes('{tool_call_id}')) return this.#calls
    if (path.includes('{question_id}')) return this.#questions
    if (path.includes('{task_id}')) return this.#tasks
    if (path.includes('{artifact_id}')) return this.#artifacts
    if (path.includes('{token_id}')) return this.#tokens
    return this.#sessions
  }

  /** Sessions that were deleted or archived, and calls that ended, are forgotten. */
  async #sift(): Promise<void> {
    const { sessions } = (await this.#client.get('/sessions?limit=500')).body as { sessions: Subject[] }
    const alive = new Set(sessions.map((one) => one['session_id']))
    const lives = (one: Subject) => alive.has(one['session_id'])
    this.#sessions = this.#sessions.filter(lives)
    this.#tasks = this.#tasks.filter(lives)
    const hosted = await Promise.all(this.#hosted.map(async (one) => ((await this.#isOpen(one)) ? [one] : [])))
    this.#hosted = hosted.flat()
  }

  async #isOpen({ session_id, task_id }: Subject): Promise<boolean> {
    const { body } = await this.#client.get(`/sessions/${String(session_id)}/tasks/${String(task_id)}`)
    return body.ended_at === null
  }

  async #session(runtime: string): Promise<string> {
    const wish = { runtime, cwd: this.#workspace, permissionMode: 'ask', credentialNamespace: 'test' }
    const { session_id } = await this.#client.createSession(wish)
    this.#sessions = keep(this.#sessions, { session_id })
    return session_id
  }

  /** Resolves to null where another request was quicker: the session is archived, deleted or handed off by now. */
  async #task(session_id: string, prompt: string, more: Readonly<Record<string, unknown>> = {}): Promise<string | null> {
    const messages = [{ role: 'user', content: prompt }]
    const { status, text, body } = await this.#client.post(`/sessions/${session_id}/tasks`, { messages, ...more })
    if (status >= 500) throw new Error(`POST tasks: ${status} ${text}`)
    if (status !== 202) return null
    const { task_id } = body as { task_id: string }
    this.#tasks = keep(this.#tasks, { session_id, task_id })
    return task_id
  }

  /** A call of a tool that the host runs, which waits for its result. */
  async #hostedCall(): Promise<void> {
    const tool = { name: 'hosted', description: 'Waits.', permission: 'read-only', input_schema: { type: 'object' }, timeout_ms: 60_000 }
    const session_id = await this.#session('stdio')
    const task_id = await this.#task(session_id, JSON.stringify({ name: 'hosted', input: {} }), { toolManifest: [tool], timeoutMs: 60_000 })
    if (task_id === null) return
    for await (const { event, data } of this.#client.frames(`/sessions/${session_id}/events?until=idle&types=tool.call.started`)) {
      if (event !== undefined) continue
      const { tool_call_id, attempt, input_hash } = (JSON.parse(data) as EventOf<'tool.call.started'>).payload
      this.#hosted = keep(this.#hosted, { session_id, task_id, tool_call_id, attempt, input_hash })
      return
    }
  }

  async #artifactsOf(): Promise<void> {
    const { session_id } = this.#sessions[this.#rounds % this.#sessions.length] ?? {}
    const data = Buffer.from(`artifact ${this.#rounds} `.repeat(20)).toString('base64')
    const content_type = ['text/plain', 'image/png', 'text/html', 'application/pdf'][this.#rounds % 4]
    const made = await this.#client.post('/artifacts', { session_id, data, content_type, name: 'é"a.txt' })
    if (made.status !== 201) return
    const { artifact_id } = made.body as { artifact_id: string }
    this.#etag = (await this.#client.get(`/artifacts/${artifact_id}`)).headers.get('etag') ?? this.#etag
    this.#artifacts = keep(this.#artifacts, { artifact_id, session_id })
    const status = (await this.#client.get('/status')).body as { storage: { log_id: string; last_cursor: number } }
    this.#cursor = `${status.storage.log_id}.${status.storage.last_cursor}`
  }
}

function keep(pool: readonly Subject[], one: Subject): Subject[] {
  return [one, ...pool].slice(0, KEPT)
}
