import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Handoff, TaskStarted } from '@codesdkd/protocol'
import { emptyState, evolve } from '@codesdkd/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSessionSecrets } from '../../packages/daemon/src/session-secrets.ts'
import { openStorage } from '../../packages/daemon/src/storage/storage.ts'
import { turns } from '../conformance/heard.ts'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import type { SessionBody } from '../conformance/subject.ts'
import { checkEveryAnswer } from '../contract/declared.ts'
import { createBench, createStage, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  { name: 'first', prompt: 'first', legs: [{ reasoning: 'I think.', text: 'The word is quetzal.' }] },
  { name: 'second', prompt: 'second', legs: [{ text: 'I have read it: axolotl.' }] },
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }] },
  {
    name: 'environment',
    prompt: 'environment',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'env | sort > seen.env' }] }, { text: 'Looked.' }],
  },
]

const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
const problem = (status: number, error: string, members: object = {}) => ({ status, body: { error, ...members } })

describe('handing a session off', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios, args: ['--max-permission-mode', 'auto'] })
    await checkEveryAnswer(bench.client)
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const on = (subject: typeof codex, more: SessionBody = {}): SessionBody => ({
    ...subject.session({ cwd: bench.folder.workspace, endpoint: bench.model.url }),
    ...more,
  })
  /** What a session of this runtime is made of, as far as a handoff takes it. */
  const to = (subject: typeof codex): Record<string, unknown> => {
    const { runtime, model, runtimeConfig } = on(subject)
    return { runtime, model, runtimeConfig }
  }
  const handOff = (id: string, body: unknown) => bench.client.post(`/sessions/${id}/handoff`, body)
  const play = async (id: string, prompt: string, more: SessionBody = {}): Promise<TaskStarted> => {
    const started = await bench.client.startTask(id, prompt, more)
    const end = await bench.client.finish(started)
    expect(end, JSON.stringify(end.payload)).toMatchObject({ type: 'task.completed' })
    return started
  }
  const create = async (subject: typeof codex, more: SessionBody = {}) => (await bench.client.createSession(on(subject, more))).session_id
  /** Which of the words only one of the models has said stood in what the last call of the model was told. */
  const told = () => ['quetzal', 'axolotl'].filter((word) => JSON.stringify(turns(bench.model).at(-1)?.body).includes(word))

  test('each model sees what the others said and did, there and back; none takes its own past up again', { timeout: 120_000 }, async () => {
    const id = await create(codex)
    const first = await play(id, 'first')
    const nativeId = (await bench.client.get(`/sessions/${id}`)).body.runtime_session_id

    const answer = await handOff(id, to(claude))
    expect(answer).toMatchObject({ status: 200 })
    const { session, receipt, seq }: Handoff = answer.body
    expect(session).toMatchObject({ session_id: id, runtime: 'claude-agent-sdk', model: 'claude-sonnet-4-5', runtime_session_id: null })
    expect(receipt).toMatchObject({
      from: { runtime: 'codex-sdk', model: 'gpt-5.5', runtime_session_id: nativeId },
      to: { runtime: 'claude-agent-sdk', model: 'claude-sonnet-4-5' },
      carried: { messages: 2, messages_omitted: 0, truncated: false },
    })
    expect(nativeId).toEqual(expect.any(String))
    expect(receipt.not_carried.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['runtime_memory', 'reasoning', 'tool_state']))
    expect((await bench.client.get(`/sessions/${id}`)).body).toEqual(session)
    expect((await bench.client.get(`/sessions?limit=500&runtime=claude-agent-sdk`)).text).toContain(id)

    const begun = await play(id, 'go on')
    expect(told()).toEqual(['quetzal'])
    const second = await play(id, 'second')
    const back = await handOff(id, to(codex))
    expect(back).toMatchObject({ status: 200, body: { receipt: { carried: { messages: 6 }, from: { runtime: 'claude-agent-sdk' } } } })
    const third = await play(id, 'go on')
    expect(told()).toEqual(['quetzal', 'axolotl'])

    const events = await bench.client.events(id)
    expect(events[seq - 1]).toMatchObject({
      type: 'session.handed_off',
      payload: receipt,
      runtime: { name: 'claude-agent-sdk', model: 'claude-sonnet-4-5' },
    })
    const of = (task: TaskStarted) => events.filter(({ trace }) => trace.task_id === task.task_id)
    for (const [task, runtime] of [
      [first, 'codex-sdk'],
      [begun, 'claude-agent-sdk'],
      [second, 'claude-agent-sdk'],
      [third, 'codex-sdk'],
    ] as const)
      expect(new Set(of(task).map((event) => event.runtime.name))).toEqual(new Set([runtime]))
    const restored = [begun, second, third].flatMap((task) => of(task).filter(({ type }) => type === 'session.context_restored'))
    expect(restored).toMatchObject([
      { payload: { source: 'transcript', messages_carried: 2 } },
      { payload: { source: 'transcript', messages_carried: 6 } },
    ])
    const nativeIds = [first, second, third].map((task) => of(task).at(-1)?.runtime.runtime_session_id)
    expect(new Set(nativeIds).size).toBe(3)
    expect(events.reduce(evolve, emptyState(id))).toMatchObject({
      runtime: 'codex-sdk',
      model: 'gpt-5.5',
      runtime_session_id: nativeIds[2],
    })
    const transcript = await bench.client.get(`/sessions/${id}/transcript`)
    expect(transcript.body.tasks.map(({ runtime }: { runtime: string }) => runtime)).toEqual([
      'codex-sdk',
      'claude-agent-sdk',
      'claude-agent-sdk',
      'codex-sdk',
    ])
  })

  test(
    'the same request again gets the same answer, also at once; after another task it has nothing to do',
    { timeout: 60_000 },
    async () => {
      const id = await create(codex)
      await play(id, 'hello')
      const body = to(claude)
      const answers = await Promise.all([handOff(id, body), handOff(id, body)])
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(answers[1]?.body).toEqual(answers[0]?.body)
      const again = await handOff(id, body)
      expect([again.body, again.headers.get('idempotent-replay')]).toEqual([answers[0]?.body, 'true'])
      await play(id, 'hello')
      expect(await handOff(id, body)).toMatchObject(problem(400, 'invalid_request', { field: 'runtime', runtime: 'claude-agent-sdk' }))
    },
  )

  test('the same runtime may begin anew with other settings', { timeout: 60_000 }, async () => {
    const id = await create(codex)
    await play(id, 'first')
    expect(await handOff(id, { runtime: 'codex' })).toMatchObject(problem(400, 'invalid_request'))
    expect(await handOff(id, { runtime: 'codex', model: 'gpt-5.4' })).toMatchObject({
      status: 200,
      body: { session: { runtime: 'codex-sdk', model: 'gpt-5.4' } },
    })
    await play(id, 'go on')
    expect(told()).toEqual(['quetzal'])
  })

  test('settings of one runtime stay with it, its servers go over', async () => {
    const servers = { notes: { url: 'http://127.0.0.1:9/mcp', headers: { authorization: 'Bearer of-the-notes-server' } } }
    const { runtimeConfig } = on(codex)
    const id = await create(codex, { runtimeConfig: { ...(runtimeConfig as object), mcpServers: servers } })
    const { body } = await handOff(id, { runtime: 'claude' })
    expect(body.receipt.runtime_config).toEqual({
      mcp_servers: { notes: { url: 'http://127.0.0.1:9/mcp', headers: { authorization: expect.not.stringContaining('of-the-notes') } } },
    })
    expect(body.receipt.not_carried).toContainEqual({ kind: 'settings', detail: expect.stringContaining('base_url') })
    const settings = readdirSync(join(bench.folder.dataDir, 'session-settings')).filter((name) => name.startsWith(id))
    expect(settings).toEqual([`${id}.1.json`])
    expect((await bench.client.events(id)).map((event) => JSON.stringify(event)).join()).not.toContain('of-the-notes-server')
    expect((await handOff(id, { runtime: 'codex', runtimeConfig: { mcpServers: {} } })).body.receipt.runtime_config).toEqual({
      mcp_servers: {},
    })
  })

  test('credentials of one agent are in no environment of the next', { timeout: 60_000 }, async () => {
    const env = { OPENAI_API_KEY: 'the-key-for-codex-alone', MINE: 'everybody' }
    const id = await create(codex, { env })
    await play(id, 'hello')
    const homes = () => existsSync(join(bench.folder.dataDir, 'namespaces')) && homesOf(bench.folder.dataDir)
    const before = homes()
    const given = { ...to(claude), env: { ANTHROPIC_API_KEY: 'the-key-for-claude-alone' } }
    const { body } = await handOff(id, given)
    expect(body.receipt).toMatchObject({ env_names: ['ANTHROPIC_API_KEY', 'MINE'], env_withheld: ['OPENAI_API_KEY'] })
    await play(id, 'go on')
    await play(id, 'environment')
    const seen = (await bench.folder.read('seen.env')) ?? ''
    expect(seen).toContain('MINE=everybody')
    expect(seen).not.toMatch(/OPENAI_API_KEY|the-key-for/)
    // What the first agent kept is gone, the second has a home of its own.
    expect(homes()).toHaveLength((before || []).length)
    expect(homes()).not.toEqual(before)
    expect(JSON.stringify(await bench.client.events(id))).not.toContain('the-key-for')
    const back = await handOff(id, to(codex))
    expect(back.body.receipt).toMatchObject({ env_names: ['MINE', 'OPENAI_API_KEY'], env_withheld: ['ANTHROPIC_API_KEY'] })
    await play(id, 'go on')
    await play(id, 'environment')
    expect(await bench.folder.read('seen.env')).not.toMatch(/ANTHROPIC_API_KEY|the-key-for/)
    await bench.client.request('DELETE', `/sessions/${id}`)
    expect(readdirSync(join(bench.folder.dataDir, 'session-env')).filter((name) => name.startsWith(id))).toEqual([])
    expect(homes()).toHaveLength((before || []).length - 1)
  })

  test('while a task is open it is refused, and the task goes on', { timeout: 60_000 }, async () => {
    const id = await create(codex)
    const started = await bench.client.startTask(id, 'touch')
    expect(await handOff(id, to(claude))).toMatchObject(problem(409, 'session_busy', { open_tasks: [started.task_id] }))
    expect((await bench.client.finish(started)).type).toBe('task.completed')
    await bench.client.request('PATCH', `/sessions/${id}`, { archived: true })
    expect(await handOff(id, to(claude))).toMatchObject(problem(409, 'session_archived'))
  })

  test('against tasks, changes and a deletion at the same moment, each is done whole or refused', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 5; round++) {
      const id = await create(codex)
      const [handedOff, task, patched] = await Promise.all([
        handOff(id, to(claude)),
        bench.client.post(`/sessions/${id}/tasks`, { messages: [{ role: 'user', content: 'hello' }], taskId: 't' }),
        bench.client.request('PATCH', `/sessions/${id}`, { title: 'x' }),
      ])
      for (const answer of [handedOff, task, patched]) if (answer.status >= 400) expect(answer).toMatchObject(problem(409, 'session_busy'))
      if (task.status === 202) await bench.client.finish({ session_id: id, task_id: 't' })
      const { runtime, title } = (await bench.client.get(`/sessions/${id}`)).body
      expect([runtime, title]).toEqual([handedOff.status === 200 ? 'claude-agent-sdk' : 'codex-sdk', patched.status === 200 ? 'x' : null])
      const [gone, late] = await Promise.all([bench.client.request('DELETE', `/sessions/${id}`), handOff(id, { runtime: 'gemini' })])
      expect(gone.status === 204 || gone.body.error === 'session_busy', gone.text).toBe(true)
      expect([200, 404, 409], late.text).toContain(late.status)
    }
  })

  test.each([
    [{}, 400, 'invalid_request', { field: 'runtime' }],
    [{ runtime: 7 }, 400, 'invalid_request', { field: 'runtime' }],
    [{ runtime: '' }, 400, 'invalid_request', { field: 'runtime' }],
    [{ runtime: 'nope' }, 400, 'unknown_runtime', { runtime: 'nope' }],
    [{ runtime: 'claude', model: '' }, 400, 'invalid_request', { field: 'model' }],
    [{ runtime: 'claude', runtimeConfig: { nope: 1 } }, 400, 'invalid_request', {}],
    [{ runtime: 'claude', runtimeConfig: [] }, 400, 'invalid_request', {}],
    [{ runtime: 'claude', isolationMode: 'in_process' }, 400, 'unsupported_isolation_mode', { allowed: ['subprocess'] }],
    [{ runtime: 'claude', isolationMode: 'nope' }, 400, 'invalid_request', {}],
    [{ runtime: 'claude', env: { HOME: '/' } }, 400, 'invalid_env', { variable: '"HOME"' }],
    [{ runtime: 'claude', env: { A: 1 } }, 400, 'invalid_request', {}],
  ])('%j is refused, and nothing is changed', async (body, status, error, members) => {
    const id = await create(codex)
    const answer = await handOff(id, body)
    const { variable, ...others } = members as { variable?: string }
    expect(answer).toMatchObject(problem(status, error, others))
    expect(variable === undefined || answer.text.includes('HOME')).toBe(true)
    expect((await bench.client.get(`/sessions/${id}`)).body).toMatchObject({ runtime: 'codex-sdk', last_seq: 1 })
  })

  test('of an unknown session is 404', async () => {
    expect(await handOff('sess_none', { runtime: 'claude' })).toMatchObject(problem(404, 'session_not_found'))
  })
})

function homesOf(dataDir: string): readonly string[] {
  return readdirSync(join(dataDir, 'namespaces')).flatMap((name) => {
    const sessions = join(dataDir, 'namespaces', name, 'sessions')
    return existsSync(sessions) ? readdirSync(sessions) : []
  })
}

test('an agent that is not on this machine gets no session', async () => {
  await using bench = await createBench({ scenarios, args: ['--claude-bin', '/nonexistent/claude'] })
  const { session_id } = await bench.client.createSession(bench.session())
  expect(await bench.client.post(`/sessions/${session_id}/handoff`, { runtime: 'claude' })).toMatchObject(
    problem(409, 'agent_not_installed', { runtime: 'claude-agent-sdk' }),
  )
})

test('what was handed off is so after kill -9, and goes on with what the first agent said', { timeout: 120_000 }, async () => {
  await using stage = await createStage(scenarios)
  await using one = await stage.start()
  const { session_id } = await one.client.createSession(stage.session())
  await one.client.finish(await one.client.startTask(session_id, 'first'))
  const { runtimeConfig, model } = claude.session({ cwd: stage.folder.workspace, endpoint: stage.model.url })
  const { body } = await one.client.post(`/sessions/${session_id}/handoff`, { runtime: 'claude', runtimeConfig, model })
  await one.end('SIGKILL')
  await using two = await stage.start()
  expect((await two.client.get(`/sessions/${session_id}`)).body).toEqual(body.session)
  await two.client.finish(await two.client.startTask(session_id, 'second'))
  expect(JSON.stringify(turns(stage.model).at(-1)?.body)).toContain('quetzal')
})

test.each([0, 2, 5, 10, 20, 40])(
  'killed %d ms into a handoff it is with the one or the other, whole',
  { timeout: 60_000 },
  async (delay) => {
    await using stage = await createStage(scenarios)
    const servers = (token: string) => ({ mcp_servers: { notes: { url: 'http://127.0.0.1:9/mcp', headers: { authorization: token } } } })
    const given = stage.session({ env: { MINE: 'of-the-first' } })
    await using one = await stage.start()
    const { session_id: id } = await one.client.createSession({
      ...given,
      runtimeConfig: { ...(given['runtimeConfig'] as object), ...servers('token-of-the-first') },
    })
    const { runtimeConfig, model, runtime } = claude.session({ cwd: stage.folder.workspace, endpoint: stage.model.url })
    const request = {
      runtime,
      model,
      runtimeConfig: { ...(runtimeConfig as object), ...servers('token-of-the-second') },
      env: { MINE: 'of-the-second' },
    }
    const asked = one.client.post(`/sessions/${id}/handoff`, request).catch(() => null)
    await setTimeout(delay)
    await one.end('SIGKILL')
    const answered = (await asked)?.status === 200
    {
      await using two = await stage.start()
      const done = (await two.client.events(id)).some(({ type }) => type === 'session.handed_off')
      if (answered) expect(done).toBe(true)
      const { body } = await two.client.get(`/sessions/${id}`)
      expect([body.runtime, body.model]).toEqual(done ? [runtime, model] : ['codex-sdk', 'gpt-5.5'])
      expect((await two.client.finish(await two.client.startTask(id, 'hello'))).type).toBe('task.completed')
      await two.end()
      using storage = openStorage({ path: stage.folder.dataDir, clock, newId: () => '' })
      const record = storage.log.session(id)?.record ?? expect.fail('it is gone')
      const secrets = createSessionSecrets(storage.dir)
      const whose = done ? 'second' : 'first'
      expect(secrets.load(record)).toEqual({ MINE: `of-the-${whose}` })
      expect(JSON.stringify(secrets.reveal(record).runtimeConfig)).toContain(`token-of-the-${whose}`)
    }
  },
)

test('a session that was promised the sandbox is handed off in it, or not at all', { timeout: 120_000 }, async () => {
  await using stage = await createStage(scenarios)
  const inside = stage.session({ sandbox: 'require' })
  await using one = await stage.start()
  const { session_id } = await one.client.createSession(inside)
  expect((await one.client.post(`/sessions/${session_id}/handoff`, { runtime: 'claude' })).body.receipt).toMatchObject({
    confinement: 'sandbox',
  })
  await one.end()
  await using two = await stage.start(['--sandbox', 'off'])
  expect(await two.client.post(`/sessions/${session_id}/handoff`, { runtime: 'codex' })).toMatchObject(problem(409, 'sandbox_unavailable'))
})
