import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyTranscript, evolveTranscript, type TaskStarted, type TranscriptBlock, type TranscriptPage } from '@codesdkd/protocol'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import { gemini } from '../conformance/subjects/gemini.ts'
import { opencode } from '../conformance/subjects/opencode.ts'
import type { Subject } from '../conformance/subject.ts'
import { checkEveryAnswer } from '../contract/declared.ts'
import { createBench, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  {
    name: 'write',
    prompt: 'write a file',
    legs: [{ text: 'I write.', tools: [{ tool: 'shell' as const, command: 'echo ran | tee -a ran.txt' }] }, { text: 'That is all.' }],
  },
  { name: 'count', prompt: 'count', legs: [{ tools: [{ tool: 'shell' as const, command: 'seq 1 5000' }] }, { text: 'Counted.' }] },
  { name: 'fail', prompt: 'fail', legs: [{ fault: { kind: 'status' as const, status: 401 } }] },
]

let bench: TestBench
beforeAll(async () => {
  bench = await createBench({ scenarios })
  await checkEveryAnswer(bench.client)
})
afterAll(() => bench[Symbol.asyncDispose]())

const sessionOn = ({ session }: Subject) => session({ cwd: bench.folder.workspace, endpoint: bench.model.url })

async function transcriptOf(sessionId: string, query = ''): Promise<TranscriptPage> {
  const answer = await bench.client.get(`/sessions/${sessionId}/transcript${query}`)
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
  return answer.body as TranscriptPage
}

/** What a client makes of the events by itself. */
async function foldOf(sessionId: string) {
  return { ...(await bench.client.events(sessionId)).reduce(evolveTranscript, emptyTranscript(sessionId)), next_after: null }
}

const shape = ({ messages }: TranscriptPage) => messages.map(({ role, content }) => [role, ...content.map(toWord)])

function toWord(block: TranscriptBlock): string {
  if (block.type === 'text') return block.text
  return block.type === 'tool_use' ? `call ${block.phase}` : block.type === 'tool_result' ? `result ${block.outcome}` : block.type
}

/** A task whose one command waits for a person. */
async function waiting(subject: Subject): Promise<TaskStarted> {
  const { session_id } = await bench.client.createSession(sessionOn(subject))
  const started = await bench.client.startTask(session_id, 'write a file')
  await bench.client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  return started
}

describe.each([codex, claude, gemini, opencode])('the transcript of a session on $title', (subject) => {
  test('grows with the task, and what is in it is enough to approve a call', async () => {
    const started = await waiting(subject)
    const id = started.session_id
    const before = await transcriptOf(id)
    expect(shape(before)).toEqual([
      ['user', 'write a file'],
      ['assistant', 'I write.', 'call pending'],
    ])
    expect(before.tasks).toMatchObject([{ task_id: started.task_id, status: 'running', ended_at: null, runtime: subject.runtime }])
    const use = before.messages.flatMap(({ content }) => content).find((block) => block.type === 'tool_use')
    const { attempt, input_hash } = use ?? {}
    expect(await bench.client.post(`/sessions/${id}/tool-calls/${use?.id}/approve`, { attempt, input_hash })).toMatchObject({ status: 200 })
    await bench.client.finish(started)
    const after = await transcriptOf(id)
    expect(shape(after)).toEqual([
      ['user', 'write a file'],
      ['assistant', 'I write.', 'call completed'],
      ['tool', 'result completed'],
      ['assistant', 'That is all.'],
    ])
    expect(after.messages[1]?.content[1]).toMatchObject({ kind: 'execute', decision: { outcome: 'approved', decided_by: 'user' } })
    expect(after.messages[2]?.content[0]).toMatchObject({ tool_use_id: use?.id, is_error: false, content: expect.stringContaining('ran') })
    expect(after.messages.map(({ message_id }) => message_id).slice(0, 2)).toEqual(before.messages.map(({ message_id }) => message_id))
    expect(after).toEqual(await foldOf(id))
    expect((await bench.client.events(id)).slice(before.last_seq).reduce(evolveTranscript, before)).toMatchObject(after)
  })
})

describe.each([codex, claude, gemini])('on $title it', (subject) => {
  test('tells of a denial, by whom and why', async () => {
    const started = await waiting(subject)
    await bench.client.finish(started, () => 'not in this folder')
    const { messages } = await transcriptOf(started.session_id)
    const blocks = messages.flatMap(({ content }) => content)
    expect(blocks).toContainEqual(
      expect.objectContaining({
        type: 'tool_use',
        phase: 'denied',
        decision: expect.objectContaining({ outcome: 'denied', decided_by: 'user' }),
      }),
    )
    expect(blocks).toContainEqual(
      expect.objectContaining({ type: 'tool_result', outcome: 'denied', is_error: true, content: 'not in this folder' }),
    )
  })

  test('tells of a stop, and what was still waiting', async () => {
    const started = await waiting(subject)
    await bench.client.post(`/sessions/${started.session_id}/tasks/${started.task_id}/stop`)
    await bench.client.finish(started, () => 'leave')
    const page = await transcriptOf(started.session_id)
    expect(page.tasks).toMatchObject([{ status: 'stopped', reason: 'stopped_by_user', ended_at: expect.any(String) }])
    expect(page.messages[1]?.content).toContainEqual(
      expect.objectContaining({ phase: 'denied', decision: expect.objectContaining({ decided_by: 'daemon' }) }),
    )
    expect(page).toEqual(await foldOf(started.session_id))
  })

  test('tells of a failure, where nothing was said', async () => {
    const { session_id } = await bench.client.createSession(sessionOn(subject))
    await bench.client.finish(await bench.client.startTask(session_id, 'fail'))
    const page = await transcriptOf(session_id)
    expect(page.tasks).toMatchObject([{ status: 'failed', error: { code: 'auth_required' } }])
    expect(page).toEqual(await foldOf(session_id))
  })

  test('has the beginning of a long result, and names the artifact with the whole', async () => {
    const { session_id } = await bench.client.createSession(sessionOn(subject))
    await bench.client.finish(await bench.client.startTask(session_id, 'count', { permissionMode: 'yolo' }))
    const { messages } = await transcriptOf(session_id)
    const result = messages.flatMap(({ content }) => content).find((block) => block.type === 'tool_result')
    expect(result).toMatchObject({ truncated: true, result_ref: expect.any(String) })
    const whole = (await bench.client.get(`/artifacts/${result?.result_ref}`)).text
    expect(whole.length).toBeGreaterThan(String(result?.content).length)
    expect(whole.startsWith(String(result?.content))).toBe(true)
  })
})

describe('reading it', () => {
  let id: string
  let tasks: readonly TaskStarted[]
  beforeAll(async () => {
    ;({ session_id: id } = await bench.client.createSession(bench.session()))
    tasks = [await bench.client.startTask(id, 'hello'), await bench.client.startTask(id, 'hello again')]
    for (const task of tasks) await bench.client.finish(task)
  })
  const get = (query: string, headers: Record<string, string> = {}) => bench.client.get(`/sessions/${id}/transcript${query}`, headers)

  test('page by page gives the whole', async () => {
    const whole = await transcriptOf(id)
    expect(whole.messages.length).toBeGreaterThan(2)
    const paged = []
    for (let after = ''; ;) {
      const page = await transcriptOf(id, `?limit=1${after}`)
      paged.push(...page.messages)
      if (page.next_after === null) break
      after = `&after=${page.next_after}`
    }
    expect(paged).toEqual(whole.messages)
  })

  test('can be of one task', async () => {
    for (const { task_id } of tasks) {
      const page = await transcriptOf(id, `?task_id=${task_id}`)
      expect(page.tasks.map((task) => task.task_id)).toEqual([task_id])
      expect(page.messages).toEqual((await transcriptOf(id)).messages.filter((message) => message.task_id === task_id))
    }
  })

  test('again costs nothing while nothing has happened', async () => {
    const tag = (await get('')).headers.get('etag') ?? ''
    expect(await get('', { 'if-none-match': tag })).toMatchObject({ status: 304, text: '' })
    expect(await get('', { 'if-none-match': '"x"' })).toMatchObject({ status: 200 })
    await bench.client.finish(await bench.client.startTask(id, 'hello'))
    const changed = await get('', { 'if-none-match': tag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(tag)
  })

  test('of a session in which nothing was said', async () => {
    const { session_id } = await bench.client.createSession({})
    expect(await transcriptOf(session_id)).toEqual({ session_id, last_seq: 1, tasks: [], messages: [], next_after: null })
  })

  test('only what is there: a task that waits for its turn is not yet', async () => {
    const started = await waiting(codex)
    const later = await bench.client.startTask(started.session_id, 'hello')
    expect((await transcriptOf(started.session_id)).tasks.map(({ task_id }) => task_id)).toEqual([started.task_id])
    expect(await transcriptOf(started.session_id, `?task_id=${later.task_id}`)).toMatchObject({ tasks: [], messages: [], next_after: null })
    await bench.client.finish(started, () => 'no')
    await bench.client.finish(later)
    expect((await transcriptOf(started.session_id)).tasks.map(({ task_id }) => task_id)).toEqual([started.task_id, later.task_id])
  })

  test.each([
    ['?limit=0', 400, 'invalid_request'],
    ['?limit=-1', 400, 'invalid_request'],
    ['?limit=1e3', 400, 'invalid_request'],
    ['?limit=1&limit=2', 400, 'invalid_request'],
    ['?after=', 400, 'invalid_cursor'],
    ['?after=nope', 400, 'invalid_cursor'],
    ['?after=%00', 400, 'invalid_cursor'],
    ['?after=1-1-0', 400, 'invalid_cursor'],
    ['?after=9007199254740993-9007199254740993-0', 400, 'invalid_cursor'],
    [`?after=${'9'.repeat(200)}`, 400, 'invalid_cursor'],
    ['?task_id=nope', 404, 'task_not_found'],
    ['?task_id=..', 400, 'invalid_request'],
    ['?task_id=%2Fetc', 400, 'invalid_request'],
  ])('%s -> %d %s', async (query, status, error) => {
    expect(await get(query)).toMatchObject({ status, body: { error } })
  })

  test('a limit above the maximum is the maximum, and what is not known is ignored', async () => {
    expect((await get('?limit=501&order=desc')).status).toBe(200)
  })

  test('of no session there is none', async () => {
    expect(await bench.client.get('/sessions/nope/transcript')).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
    expect(await bench.client.get(`/sessions/${id}/transcript/`)).toMatchObject({ status: 404 })
    expect(await bench.client.post(`/sessions/${id}/transcript`)).toMatchObject({ status: 405 })
  })

  test('of another session no task', async () => {
    const other = await bench.client.createSession({})
    const answer = await bench.client.get(`/sessions/${other.session_id}/transcript?task_id=${tasks[0]?.task_id}`)
    expect(answer).toMatchObject({ status: 404, body: { error: 'task_not_found' } })
  })
})
