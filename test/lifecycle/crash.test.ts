import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createStage } from '../harness/daemon.ts'
import { freezeAgent, lives, processesWith } from './testing/processes.ts'

// Anchored, because the reason of a denial goes to the model with the command in it.
const scenarios = [
  { name: 'sleep', prompt: 'sleep', legs: [{ tools: [{ tool: 'shell' as const, command: 'sleep 600' }] }, { text: 'done' }] },
  {
    name: 'show',
    prompt: { regex: '^show$' },
    legs: [{ tools: [{ tool: 'shell' as const, command: 'printf "%s %s" "$GREETING" "$PWD" > shown.txt' }] }, { text: 'shown' }],
  },
  {
    name: 'leave',
    prompt: { regex: '^leave$' },
    legs: [
      { tools: [{ tool: 'shell' as const, command: 'touch /opt/left-the-workspace', escalate: true, justification: 'to see' }] },
      { text: 'asked' },
    ],
  },
]

describe.concurrent('kill -9 of the daemon while a command of its agent runs', () => {
  test.each(['yolo', 'auto'])('leaves nothing alive behind the wall, in mode %s', { timeout: 60_000 }, async (permissionMode) => {
    await using stage = await createStage(scenarios)
    const marker = `marker-${crypto.randomUUID()}`
    await using daemon = await stage.start(['--sandbox', 'require'])
    const session = await daemon.client.createSession(stage.session({ permissionMode, env: { MARKER: marker } }))
    await daemon.client.startTask(session.session_id, 'sleep')
    await daemon.client.event(session.session_id, 'tool.call.started')
    freezeAgent(marker)
    expect(processesWith(marker).length).toBeGreaterThan(1)
    await daemon.end('SIGKILL')
    // The kernel takes the whole tree along; nobody has to start again for that.
    await vi.waitUntil(() => processesWith(marker).filter(lives).length === 0, { timeout: 10_000 })

    await using next = await stage.start()
    expect(readdirSync(join(stage.folder.dataDir, 'walls'), { recursive: true })).toEqual([])
    expect((await next.client.get('/status')).body.issues).not.toContainEqual(expect.objectContaining({ kind: 'leftovers_ended' }))
  })

  // The agent is made to hang, since a healthy one ends with its stdin, and then there would be nothing to prove.
  test.each(['yolo', 'auto'])(
    'leaves nothing behind after the next start without a wall, in mode %s',
    { timeout: 60_000 },
    async (permissionMode) => {
      await using stage = await createStage(scenarios)
      const marker = `marker-${crypto.randomUUID()}`
      await using daemon = await stage.start(['--sandbox', 'off'])
      const session = await daemon.client.createSession(stage.session({ permissionMode, env: { MARKER: marker } }))
      const task = await daemon.client.startTask(session.session_id, 'sleep')
      await daemon.client.event(session.session_id, 'tool.call.started')
      const agent = freezeAgent(marker)
      const recorded = processesWith(marker)
      expect(recorded.length).toBeGreaterThan(1)
      const seen = await daemon.client.events(session.session_id)
      await daemon.end('SIGKILL')
      expect(recorded.filter(lives)).toContain(agent)

      await using next = await stage.start()
      expect(recorded.filter(lives)).toEqual([])
      expect(processesWith(marker).filter(lives)).toEqual([])
      expect((await next.client.get('/status')).body.issues).toContainEqual(
        expect.objectContaining({ kind: 'leftovers_ended', severity: 'info' }),
      )
      const events = await next.client.events(session.session_id)
      expect(events.slice(0, seen.length)).toEqual(seen)
      expect(events.filter(({ type }) => /^task\.(completed|failed|stopped)$/.test(type))).toMatchObject([
        { type: 'task.failed', payload: { error: { code: 'daemon_restarted', retryable: true } } },
      ])
      expect(await next.client.task(task)).toMatchObject({ status: 'failed' })
      await next.end()

      await using last = await stage.start()
      expect((await last.client.get('/status')).body.issues).not.toContainEqual(expect.objectContaining({ kind: 'leftovers_ended' }))
    },
  )
})

describe.concurrent('a session after kill -9', () => {
  test('is allowed exactly what it was allowed before, and goes on', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    await using daemon = await stage.start(['--default-permission-mode', 'ask'])
    const wishes = [
      {
        permissionMode: 'auto',
        escalation: 'ask',
        approvalTimeoutMs: 86_400_000,
        env: { GREETING: 'hello' },
        title: 'one',
        metadata: { of: 'a test' },
        isolationLevel: 'ephemeral',
      },
      { permissionMode: 'auto', env: { GREETING: 'good day' }, model: 'gpt-5.5', credentialNamespace: 'other' },
      { permissionMode: 'ask', approvalTimeoutMs: 1 },
      { permissionMode: 'yolo' },
      {},
    ]
    const sessions = []
    for (const wish of wishes) sessions.push(await daemon.client.createSession(stage.session(wish)))
    // Without a mode of its own: the daemon's default of that time.
    const plain = await daemon.client.createSession({ cwd: stage.folder.workspace })
    await daemon.end('SIGKILL')

    await using next = await stage.start(['--default-permission-mode', 'yolo'])
    const { client } = next
    for (const session of [...sessions, plain]) expect((await client.get(`/sessions/${session.session_id}`)).body).toEqual(session)
    expect(plain.permission_mode).toBe('ask')

    const [asking, denying, timing] = sessions.map(({ session_id }) => session_id)
    if (asking === undefined || denying === undefined || timing === undefined) throw new Error('sessions are missing')
    // The variables and the mode: a command inside the workspace runs unasked.
    for (const [id, greeting] of [
      [asking, 'hello'],
      [denying, 'good day'],
    ] as const) {
      expect((await client.finish(await client.startTask(id, 'show'), () => 'not this')).type).toBe('task.completed')
      expect(await stage.folder.read('shown.txt')).toBe(`${greeting} ${stage.folder.workspace}`)
    }
    // The escalation: one is asked, the other is denied; and the first one's time limit.
    const leave = await client.startTask(asking, 'leave')
    const asked = await client.event(asking, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    const [approval] = (await client.get('/approvals')).body.approvals
    expect(approval).toMatchObject({ tool_call_id: asked.payload.tool_call_id, session_id: asking })
    expect(Date.parse(approval.expires_at) - Date.parse(approval.asked_at)).toBeGreaterThan(86_000_000)
    expect((await client.finish(leave, () => 'not this')).type).toBe('task.completed')
    await client.finish(await client.startTask(denying, 'leave'))
    expect((await client.events(denying)).filter(({ type }) => type === 'tool.call.denied')).toMatchObject([
      { payload: { decided_by: 'policy', policy_snapshot: { permission_mode: 'auto' } } },
    ])
    // The short time limit of the third.
    await client.finish(await client.startTask(timing, 'show'), () => 'leave')
    expect((await client.events(timing)).filter(({ type }) => type === 'tool.call.denied')).toMatchObject([
      { payload: { decided_by: 'daemon', reason: 'approval_timeout' } },
    ])
  })

  test('finds its tasks and keys again', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    await using daemon = await stage.start()
    const body = stage.session({ permissionMode: 'yolo', env: { GREETING: 'hello' } })
    const key = { 'idempotency-key': '"a key of the host"' }
    const created = await daemon.client.post('/sessions', body, key)
    const id: string = created.body.session_id
    const task = { taskId: 'show-it', messages: [{ role: 'user', content: 'show' }] }
    const started = await daemon.client.post(`/sessions/${id}/tasks`, task)
    await daemon.client.finish(started.body)
    const open = { taskId: 'sleep-on-it', messages: [{ role: 'user', content: 'sleep' }] }
    await daemon.client.post(`/sessions/${id}/tasks`, open)
    await daemon.client.event(id, 'tool.call.started', ({ trace }) => trace.task_id === 'sleep-on-it')
    await daemon.end('SIGKILL')

    await using next = await stage.start()
    const { client } = next
    const before = await client.events(id)
    const again = await client.post(`/sessions/${id}/tasks`, task)
    expect(again).toMatchObject({ status: 202, body: { task_id: 'show-it', status: 'started', phase: 'completed' } })
    expect(again.headers.get('idempotent-replay')).toBe('true')
    expect(await client.post(`/sessions/${id}/tasks`, open)).toMatchObject({
      status: 202,
      body: { task_id: 'sleep-on-it', phase: 'failed' },
    })
    const other = { ...task, messages: [{ role: 'user', content: 'something else' }] }
    expect(await client.post(`/sessions/${id}/tasks`, other)).toMatchObject({
      status: 409,
      body: { error: 'task_exists', task_id: 'show-it' },
    })
    expect(await client.events(id)).toEqual(before)

    const sessionAgain = await client.post('/sessions', body, key)
    expect(sessionAgain).toMatchObject({ status: 201, body: { session_id: id } })
    expect(sessionAgain.headers.get('idempotent-replay')).toBe('true')
    expect(await client.post('/sessions', { ...body, title: 'another' }, key)).toMatchObject({
      status: 422,
      body: { error: 'idempotency_key_reused' },
    })
    expect((await client.get('/sessions?scope=all')).body.sessions).toHaveLength(1)
  })

  test('of a mode above a maximum that came later gets no new tasks in it', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    await using daemon = await stage.start()
    const { session_id } = await daemon.client.createSession(stage.session({ permissionMode: 'yolo', env: { GREETING: 'hello' } }))
    await daemon.end()
    await using next = await stage.start(['--max-permission-mode', 'auto'])
    const task = { messages: [{ role: 'user', content: 'show' }] }
    expect(await next.client.post(`/sessions/${session_id}/tasks`, task)).toMatchObject({
      status: 403,
      body: { error: 'permission_mode_not_allowed', allowed: ['ask', 'auto'] },
    })
    expect((await next.client.finish(await next.client.startTask(session_id, 'show', { permissionMode: 'auto' }))).type).toBe(
      'task.completed',
    )
    expect(await stage.folder.read('shown.txt')).toContain('hello')
  })
})
