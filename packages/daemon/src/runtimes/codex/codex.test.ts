import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { done, inWorkspace, kinds, lastRequest, play, shell } from '../../../../../test/fixtures/one-play.ts'
import { nap, runs } from '../../../../../test/fixtures/processes.ts'
import { approve, decline, deny, openStage as openAnyStage, runTurn, spoken } from '../../../../../test/fixtures/stage.ts'
import type { StageOptions } from '../../../../../test/fixtures/stage.ts'
import { RuntimeFailure } from '../../core/ports.ts'

/** These tests run the real Codex against the offline model. */

const openStage = (options: Omit<StageOptions, 'runtime'>) => openAnyStage({ runtime: 'codex-sdk', ...options })

const add = (file: string) => ({ tool: 'patch' as const, patch: `*** Begin Patch\n*** Add File: ${file}\n+one\n*** End Patch\n` })
const options = [
  { label: 'SQLite', description: 'One file.' },
  { label: 'Postgres', description: 'A server.' },
]

test('answers, and tells the tokens', async () => {
  await using stage = await openStage(
    play({ reasoning: 'Hm.', text: 'Hello.', usage: { input_tokens: 7, cached_input_tokens: 3, output_tokens: 5, reasoning_tokens: 2 } }),
  )
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please')
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  expect(spoken(turn)).toBe('Hello.')
  expect(turn.observations[0]).toEqual({ kind: 'runtime_session', id: session.nativeId })
  const usage = { scope: 'call', input_tokens: 7, output_tokens: 5, cached_input_tokens: 3, reasoning_tokens: 2, cost_usd: null }
  expect(turn.observations).toContainEqual({ kind: 'event', event: { type: 'usage.reported', payload: expect.objectContaining(usage) } })
})

test('runs a command when it is approved, not before', async () => {
  await using stage = await openStage(play({ tools: [shell('echo one > one.txt && echo made')] }, done))
  await using session = await stage.open()
  const before: boolean[] = []
  const turn = await runTurn(session, 'Please', {
    decide: () => {
      before.push(existsSync(inWorkspace(stage, 'one.txt')))
      return approve
    },
  })
  expect(before).toEqual([false])
  expect(turn.asked).toMatchObject([
    { name: 'shell', kind: 'execute', title: 'echo one > one.txt && echo made', input: { cwd: stage.workspace } },
  ])
  expect(kinds(turn)).toEqual(['runtime_session', 'call.started', 'call.completed'])
  expect(turn.observations).toContainEqual(
    expect.objectContaining({ kind: 'call.completed', result: expect.objectContaining({ output: 'made\n', exitCode: 0, isError: false }) }),
  )
  expect(await readFile(inWorkspace(stage, 'one.txt'), 'utf8')).toBe('one\n')
})

test('does not run what is denied, and the reason is in the next request of the model', async () => {
  await using stage = await openStage(play({ tools: [shell('echo one > one.txt')] }, done))
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please', { decide: () => deny('Write to two.txt instead.') })
  expect(turn.outcome.status).toBe('completed')
  expect(kinds(turn)).toEqual(['runtime_session'])
  expect(existsSync(inWorkspace(stage, 'one.txt'))).toBe(false)
  expect(stage.model.journal.entries).toHaveLength(2)
  expect(lastRequest(stage)).toContain('Write to two.txt instead.')
})

test('applies an approved patch and leaves a denied one', async () => {
  await using stage = await openStage(play({ tools: [add('one.txt')] }, { tools: [add('two.txt')] }, done))
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please', { decide: ({ title }) => (title === 'add one.txt' ? approve : deny('one is enough')) })
  expect(turn.asked.map(({ name, kind }) => ({ name, kind }))).toEqual([
    { name: 'apply_patch', kind: 'edit' },
    { name: 'apply_patch', kind: 'edit' },
  ])
  expect(readdirSync(stage.workspace)).toEqual(['one.txt'])
  expect(turn.observations).toContainEqual({
    kind: 'event',
    event: {
      type: 'file.changed',
      payload: expect.objectContaining({
        path: 'one.txt',
        change: 'add',
        diff: expect.stringContaining('+++ b/one.txt\n@@ -0,0 +1 @@\n+one\n'),
      }),
    },
  })
})

test('answers parallel calls on their own, in any order', async () => {
  await using stage = await openStage(play({ tools: [shell('touch one'), shell('touch two'), shell('touch three')] }, done))
  await using session = await stage.open()
  const all = Promise.withResolvers<void>()
  let waiting = 0
  const turn = await runTurn(session, 'Please', {
    decide: async ({ title }) => {
      waiting += 1
      if (waiting === 3) all.resolve()
      await all.promise
      return title === 'touch two' ? deny('not two') : approve
    },
  })
  expect(turn.outcome.status).toBe('completed')
  expect(readdirSync(stage.workspace).toSorted()).toEqual(['one', 'three'])
})

test.each(['a new', 'a resumed'])(
  'in auto, %s conversation works inside the workspace without a question, and asks to leave it',
  async (kind) => {
    const wish = shell('touch ../three', { escalate: true })
    await using stage = await openStage(
      play({ tools: [shell('touch one; touch ../two')] }, { tools: [add('four'), wish, shell('rm -rf none')] }, done),
    )
    const spec = { permissionMode: 'auto' } as const
    let resume: string | null = null
    if (kind === 'a resumed') {
      await using first = await stage.open(spec)
      resume = first.nativeId
      await runTurn(first, 'Hello', { mode: 'auto' })
    }
    await using session = await stage.open({ ...spec, resume })
    const turn = await runTurn(session, 'Please', { mode: 'auto', decide: ({ escalated }) => (escalated ? deny('stay inside') : approve) })
    expect(new Map(turn.asked.map(({ title, escalated }) => [title, escalated]))).toEqual(
      new Map([
        ['touch ../three', true],
        ['rm -rf none', undefined],
      ]),
    )
    expect(readdirSync(stage.workspace).toSorted()).toEqual(['four', 'one'])
    expect(existsSync(path.join(stage.root, 'two'))).toBe(false)
    // Codex itself does not show a command that the sandbox refused at once.
    const unasked = turn.observations.flatMap((seen) => (seen.kind === 'call.unasked' ? [seen.call.title] : []))
    expect(unasked).toEqual(['touch one; touch ../two', 'add four'])
  },
)

test('commands have a temporary directory of their own, which goes with the session', async () => {
  await using stage = await openStage(play({ tools: [shell('echo one > $TMPDIR/a && echo $TMPDIR; touch /tmp/$CODESDKD_COMMAND')] }, done))
  const seen: string[] = []
  {
    await using session = await stage.open({ permissionMode: 'auto' })
    const turn = await runTurn(session, 'Please', { mode: 'auto' })
    seen.push(...turn.observations.flatMap((one) => (one.kind === 'call.completed' ? [one.result.output] : [])))
    expect(seen[0]).toContain(`${stage.env.home}/scratch/`)
    expect(seen[0]).toMatch(/touch: .*Read-only/)
  }
  expect(readdirSync(path.join(stage.env.home, 'scratch'))).toEqual([])
})

test.each(['approved', 'denied'] as const)('a tool of an MCP server that is %s', async (decision) => {
  const call = { tool: 'native' as const, namespace: 'mcp__notes', name: 'write', input: { text: 'one' } }
  await using stage = await openStage(play({ tools: [call] }, done))
  const args = [fileURLToPath(import.meta.resolve('../../../../../test/fixtures/codex/mcp-server.ts'))]
  await using session = await stage.open({ runtimeConfig: { mcp_servers: { notes: { command: process.execPath, args } } } })
  const turn = await runTurn(session, 'Please', { decide: () => (decision === 'approved' ? approve : deny('Keep it to yourself.')) })
  expect(turn.asked).toMatchObject([{ name: 'mcp__notes__write', kind: 'other', input: { text: 'one' } }])
  expect(kinds(turn)).toEqual(['runtime_session', ...(decision === 'approved' ? ['call.started', 'call.completed'] : [])])
  expect(lastRequest(stage)).toContain(decision === 'approved' ? 'write is done' : 'Keep it to yourself.')
})

test('a turn begins when the MCP servers are there, however long they take, and without those that do not come up', async () => {
  const call = { tool: 'native' as const, namespace: 'mcp__slow', name: 'write', input: { text: 'one' } }
  await using stage = await openStage(play({ tools: [call] }, done))
  const server = fileURLToPath(import.meta.resolve('../../../../../test/fixtures/codex/mcp-server.ts'))
  const slow = { command: '/bin/sh', args: ['-c', `sleep 3; exec '${process.execPath}' '${server}'`] }
  const broken = { command: '/bin/false' }
  await using session = await stage.open({ runtimeConfig: { mcp_servers: { slow, broken } } })
  const turn = await runTurn(session, 'Please')
  expect(turn.asked).toMatchObject([{ name: 'mcp__slow__write' }])
  expect(lastRequest(stage)).toContain('write is done')
  const notices = turn.observations.flatMap((one) =>
    one.kind === 'event' && one.event.type === 'runtime.notice' ? [one.event.payload.kind] : [],
  )
  expect(notices).toContain('mcp_server_failed')
})

test('takes the permission mode of each task', async () => {
  await using stage = await openStage(play({ tools: [shell('touch ../one')] }, done))
  await using session = await stage.open({ permissionMode: 'yolo' })
  expect((await runTurn(session, 'Please 1', { mode: 'yolo' })).asked).toEqual([])
  expect(existsSync(path.join(stage.root, 'one'))).toBe(true)
  expect((await runTurn(session, 'Please 2', { mode: 'ask' })).asked).toHaveLength(1)
})

test('a stop ends the command that runs', async () => {
  const seconds = nap()
  await using stage = await openStage(play({ tools: [shell(`sleep ${seconds}`)] }, done))
  await using session = await stage.open({ permissionMode: 'auto' })
  const turn = await runTurn(session, 'Please', {
    mode: 'auto',
    stopAt: ({ kind }) => kind === 'call.started',
    // The command is announced a moment before it runs.
    onObservation: async ({ kind }) => {
      if (kind === 'call.started') while (!runs(seconds)) await new Promise((resolve) => setImmediate(resolve))
    },
  })
  expect(turn.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(runs(seconds)).toBe(false)
  expect(session.alive).toBe(true)
  expect(turn.observations.at(-1)).toMatchObject({ kind: 'call.completed', result: { isError: true } })
})

test('the model may ask the person at any time: the answer is in its next request, and so is the reason for none', async () => {
  const ask = { name: 'request_user_input', input: { questions: [{ id: 'db', header: 'Database', question: 'Which database?', options }] } }
  await using stage = await openStage(play({ tools: [{ tool: 'native', ...ask }] }, done))
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please', { answer: () => ({ outcome: 'accept', content: { db: 'SQLite' } }) })
  expect(turn.outcome).toMatchObject({ status: 'completed' })
  expect(turn.questions).toMatchObject([{ title: 'Which database?', schema: { type: 'object', required: ['db'] } }])
  expect(lastRequest(stage)).toContain('SQLite\\"]')
  const other = await runTurn(session, 'Please once more', { answer: () => decline('Ask Ada.') })
  expect(other.outcome.status).toBe('completed')
  expect(lastRequest(stage)).toContain('Ask Ada.')
})

test('a stop ends a turn that waits for a decision', async () => {
  await using stage = await openStage(play({ tools: [shell('touch one')] }, done))
  await using session = await stage.open()
  const stop = Promise.withResolvers<never>()
  const controller = new AbortController()
  const outcome = session.run(
    { taskId: randomUUID(), permissionMode: 'ask', messages: [{ role: 'user', content: 'Please' }], runtimeConfig: {} },
    {
      signal: controller.signal,
      observe: async () => {},
      ask: () => {
        controller.abort()
        return stop.promise
      },
      answer: async () => decline('not now'),
    },
  )
  expect(await outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(existsSync(inWorkspace(stage, 'one'))).toBe(false)
  expect((await runTurn(session, 'Again')).outcome.status).toBe('completed')
})

test('nothing outlives its task: not a command left running, not one that hides', async () => {
  const [left, hidden] = [nap(), nap()]
  const stay = shell(`touch left; exec sleep ${left}`, { yield_time_ms: 300 })
  const hide = shell(
    `setsid nohup sh -c 'touch hidden; exec sleep ${hidden}' > /dev/null 2>&1 & until [ -e left ] && [ -e hidden ]; do sleep 0.05; done; sleep 0.2`,
  )
  await using stage = await openStage(play({ tools: [stay] }, { tools: [hide] }, done))
  await using session = await stage.open({ permissionMode: 'yolo' })
  let ran = false
  const turn = await runTurn(session, 'Please', {
    mode: 'yolo',
    onObservation: (seen) => {
      if (seen.kind === 'event' && seen.event.type === 'model.output.completed') ran = runs(left) && runs(hidden)
    },
  })
  expect(turn.outcome.status).toBe('completed')
  expect(ran).toBe(true)
  expect([runs(left), runs(hidden)]).toEqual([false, false])
})

test('goes on with a conversation in a new process, and says when it cannot', async () => {
  await using stage = await openStage(play(done))
  let nativeId: string | null = null
  {
    await using first = await stage.open()
    await runTurn(first, 'Please remember the word plum.')
    nativeId = first.nativeId
  }
  await using second = await stage.open({ resume: nativeId })
  expect([second.nativeId, second.resumed]).toEqual([nativeId, true])
  await runTurn(second, 'Please say the word.')
  expect(lastRequest(stage)).toContain('the word plum')
  await using third = await stage.open({ resume: '01a20000-0000-7000-8000-000000000000' })
  expect(third.resumed).toBe(false)
  expect((await runTurn(third, 'Please')).outcome.status).toBe('completed')
})

test('a resumed session still asks', async () => {
  await using stage = await openStage(play({ tools: [shell('touch one')] }, done))
  let nativeId: string | null = null
  {
    await using first = await stage.open({ permissionMode: 'yolo' })
    nativeId = first.nativeId
    await runTurn(first, 'Please 1', { mode: 'yolo' })
  }
  await using second = await stage.open({ resume: nativeId })
  const turn = await runTurn(second, 'Please 2', { decide: () => deny('not again') })
  expect(turn.asked).toMatchObject([{ title: 'touch one' }])
})

test('an agent that is killed fails the task', async () => {
  await using stage = await openStage(play({ tools: [shell('sleep 30')] }, done))
  await using session = await stage.open({ permissionMode: 'auto' })
  const turn = await runTurn(session, 'Please', {
    mode: 'auto',
    onObservation: ({ kind }) => {
      if (kind === 'call.started') process.kill(stage.pids[0] ?? 0, 'SIGKILL')
    },
  })
  expect(turn.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'agent_exited', retryable: true, signal: 'SIGKILL', exit_code: null },
  })
  expect(session.alive).toBe(false)
})

test.each([
  [{ kind: 'status', status: 401 }, 'auth_required', false],
  [{ kind: 'status', status: 429 }, 'rate_limited', true],
  [{ kind: 'status', status: 429, body: { error: { type: 'usage_limit_reached', message: 'no more' } } }, 'usage_limit_reached', false],
  [{ kind: 'status', status: 400 }, 'model_request_rejected', false],
  [{ kind: 'status', status: 500 }, 'model_unavailable', true],
  [{ kind: 'failed', code: 'context_length_exceeded', message: 'too long', after_chunks: 0 }, 'context_window_exceeded', false],
  [{ kind: 'drop', after_chunks: 0 }, 'model_stream_interrupted', true],
  [{ kind: 'hang', after_chunks: 1 }, 'model_stream_interrupted', true],
] as const)('a model that answers %j fails the task with %s', async (fault, code, retryable) => {
  await using stage = await openStage(play({ text: 'Half of it.', chunk_size: 2, fault }))
  await using session = await stage.open({ runtimeConfig: { stream_idle_timeout_ms: 500, max_retries: 1 } })
  const { outcome } = await runTurn(session, 'Please')
  expect(outcome).toMatchObject({ status: 'failed', reason: code, error: { code, retryable } })
  expect(session.alive).toBe(true)
})

test('a model that cannot be reached fails the task', async () => {
  await using stage = await openStage(play(done))
  await using session = await stage.open({ runtimeConfig: { base_url: 'http://127.0.0.1:9/v1', max_retries: 1 } })
  expect((await runTurn(session, 'Please')).outcome).toMatchObject({ error: { code: 'model_unreachable', retryable: true } })
})

test('a missing key is a missing login', async () => {
  await using stage = await openStage(play(done))
  const named = { runtimeConfig: { base_url: `${stage.model.url}/v1`, env_key: 'MISSING_KEY' } }
  await expect(stage.open(named)).rejects.toEqual(failure('auth_required'))
  await expect(stage.open({}, { offlineUrl: null })).rejects.toEqual(failure('auth_required'))
  expect(stage.pids).toEqual([])
})

test('the key goes to the model and not to commands; other variables do', async () => {
  await using stage = await openStage(play({ tools: [shell('env')] }, done))
  const variables = { ...stage.env.variables, FRUIT: 'plum' }
  const credentials = { MY_KEY: 'key-of-the-model', OPENAI_API_KEY: 'key-of-openai' }
  const runtimeConfig = { base_url: `${stage.model.url}/v1`, env_key: 'MY_KEY' }
  await using session = await stage.open({ runtimeConfig }, { variables, credentials })
  const turn = await runTurn(session, 'Please')
  const output = turn.observations.flatMap((seen) => (seen.kind === 'call.completed' ? [seen.result.output] : [])).join('')
  expect(output).toContain('FRUIT=plum\n')
  expect(output).not.toMatch(/key-of-|CODEX_HOME/)
  const [entry] = stage.model.journal.entries
  expect(entry && stage.model.journal.carries(entry, 'key-of-the-model')).toBe(true)
})

test.each(['.', 'part'])('ask holds against a user and a workspace that allow everything, in %s', async (part) => {
  await using stage = await openStage(play({ tools: [shell('touch one'), add('two')] }, done))
  const planted = path.join(stage.root, 'hook-ran')
  const hook = { hooks: { PreToolUse: [{ hooks: [{ type: 'command', command: `touch ${planted}` }] }] } }
  for (const home of [path.join(stage.root, '.codex'), inWorkspace(stage, '.codex'), stage.env.home]) {
    await mkdir(path.join(home, 'rules'), { recursive: true })
    await writeFile(path.join(home, 'rules', 'default.rules'), 'prefix_rule(pattern=["touch"], decision="allow")\n')
    await writeFile(path.join(home, 'hooks.json'), JSON.stringify(hook))
    await writeFile(
      path.join(home, 'config.toml'),
      [
        'approval_policy = "never"',
        'sandbox_mode = "danger-full-access"',
        'bypass_hook_trust = true',
        '[features]',
        'hooks = true',
        `[projects.${JSON.stringify(stage.workspace)}]`,
        'trust_level = "trusted"',
      ].join('\n'),
    )
  }
  await writeFile(path.join(stage.root, '.codex', 'auth.json'), '{"OPENAI_API_KEY":"sk-planted"}')
  const cwd = inWorkspace(stage, part)
  await mkdir(inWorkspace(stage, '.git'))
  await mkdir(cwd, { recursive: true })
  await using session = await stage.open({ cwd }, { shared: true })
  const turn = await runTurn(session, 'Please', { decide: () => deny('no') })
  expect(turn.asked.map(({ title }) => title)).toEqual(['touch one', 'add two'])
  expect(readdirSync(cwd).filter((file) => !file.startsWith('.') && file !== 'part')).toEqual([])
  expect(existsSync(planted)).toBe(false)
})

test('what is typed into a running command cannot go around the question', async () => {
  const tty = { tool: 'native' as const, name: 'exec_command', input: { cmd: 'sh', tty: true, yield_time_ms: 300 } }
  await using stage = await openStage(play({ tools: [tty] }, done))
  await using session = await stage.open()
  expect((await runTurn(session, 'Please')).outcome.status).toBe('completed')
  expect(lastRequest(stage)).toContain('TTY execution is disabled')
})

test('earlier messages and images reach the model', async () => {
  await using stage = await openStage(play(done))
  await using session = await stage.open()
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  const messages = [
    { role: 'system' as const, content: 'Speak of plums.' },
    { role: 'assistant' as const, content: 'Gladly.' },
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: 'Please look.' },
        { type: 'image' as const, media_type: 'image/png', data: pixel },
      ],
    },
  ]
  const host = {
    signal: new AbortController().signal,
    observe: async () => {},
    ask: async () => approve,
    answer: async () => decline('not now'),
  }
  await session.run({ taskId: randomUUID(), permissionMode: 'ask', messages, runtimeConfig: { reasoning_effort: 'low' } }, host)
  const request = lastRequest(stage)
  expect(request).toContain(pixel)
  for (const part of ['<instructions>\\nSpeak of plums.', '<assistant>\\nGladly.', 'Please look.', '"effort":"low"'])
    expect(request).toContain(part)
})

test('tells health and login', async () => {
  await using stage = await openStage(play(done))
  const { runtime, env } = stage
  const signal = AbortSignal.timeout(5000)
  expect(await runtime.health(env, signal)).toMatchObject({
    ok: true,
    installed: true,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    auth: { logged_in: true, account_label: 'offline model' },
  })
  expect(await runtime.health({ ...env, executable: null }, signal)).toMatchObject({
    ok: false,
    installed: false,
    error: { reason: 'not_installed' },
  })
  const online = { ...env, offlineUrl: null }
  expect(await runtime.authStatus(online)).toMatchObject({ logged_in: false, login_hint: expect.any(String) })
  expect(await runtime.authStatus({ ...online, credentials: { OPENAI_API_KEY: 'sk-x' } })).toMatchObject({
    logged_in: true,
    account_label: 'API key',
  })
  await mkdir(path.join(stage.root, '.codex'))
  await writeFile(path.join(stage.root, '.codex', 'auth.json'), '{}')
  expect(await runtime.authStatus(online)).toMatchObject({ logged_in: false })
  expect(await runtime.authStatus({ ...online, shared: true })).toMatchObject({ logged_in: true, account_label: 'Codex login' })
})

test.each([
  ['exit 3', { code: 'agent_start_failed', exit_code: 3 }],
  ['echo broken >&2; exit 0', { code: 'agent_start_failed', exit_code: 0, stderr_tail: 'broken\n' }],
  [
    'read line; echo "{\\"id\\":1,\\"error\\":{\\"code\\":-1,\\"message\\":\\"no\\"}}"; sleep 30',
    { code: 'agent_start_failed', message: 'no' },
  ],
  ['exec sleep 30', { code: 'agent_start_timeout' }],
])('an agent that does `%s` at its start is reported', async (script, failure) => {
  await using stage = await openStage(play(done))
  const executable = path.join(stage.root, 'agent')
  await writeFile(executable, `#!/bin/sh\n${script}\n`)
  await chmod(executable, 0o755)
  const { createCodexRuntime } = await import('./codex.ts')
  const ended: number[] = []
  const runtime = createCodexRuntime({
    ledger: { started: () => {}, ended: (pid) => ended.push(pid) },
    newId: () => 'mark',
    startTimeoutMs: 1000,
  })
  const spec = {
    sessionId: 's',
    cwd: stage.workspace,
    model: null,
    permissionMode: 'ask',
    runtimeConfig: {},
    resume: null,
    isolationLevel: 'namespaced',
    trustWorkspace: false,
    tools: [],
  } as const
  const error = await runtime.open(spec, { ...stage.env, executable }, AbortSignal.timeout(30_000)).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RuntimeFailure)
  expect(error).toMatchObject({ failure })
  expect(ended).toHaveLength(1)
})

const failure = (code: string) => expect.objectContaining({ failure: expect.objectContaining({ code }) })

test('an agent that is missing or cannot be run is reported', async () => {
  await using stage = await openStage(play(done))
  const plain = path.join(stage.root, 'plain')
  await writeFile(plain, '')
  await expect(stage.open({}, { executable: null })).rejects.toEqual(failure('agent_not_installed'))
  await expect(stage.open({}, { executable: path.join(stage.root, 'none') })).rejects.toEqual(failure('agent_not_installed'))
  await expect(stage.open({}, { executable: plain })).rejects.toEqual(failure('agent_start_failed'))
})
