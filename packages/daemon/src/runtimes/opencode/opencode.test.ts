import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { done, inWorkspace, kinds, lastRequest, play, results, shell } from '../../../../../test/fixtures/one-play.ts'
import { nap, runs } from '../../../../../test/fixtures/processes.ts'
import { approve, decline, deny, openStage as openAnyStage, runTurn, spoken } from '../../../../../test/fixtures/stage.ts'
import type { Scenario, Stage, StageOptions, Turn } from '../../../../../test/fixtures/stage.ts'

/** These tests run the real OpenCode against the offline model. A start takes seconds, so some share one agent. */

// Several starts on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const openStage = (options: Omit<StageOptions, 'runtime'>) => openAnyStage({ runtime: 'opencode-server', ...options })

const named = (name: string, ...legs: Scenario['legs']): Scenario => ({ name, prompt: name, legs })

const events = ({ observations }: Turn) => observations.flatMap((seen) => (seen.kind === 'event' ? [seen.event] : []))

/** Resolves when the command that was announced really runs. */
async function started(seconds: string): Promise<void> {
  while (!runs(seconds)) await new Promise((resolve) => setImmediate(resolve))
}

describe('asks about everything', () => {
  test('a command runs when it is approved, not before; also one without a program in it', async () => {
    await using stage = await openStage(
      play({ reasoning: 'Hm.', text: 'I try.', tools: [shell('echo one > one.txt && echo made')] }, { tools: [shell('> two.txt')] }, done),
    )
    await using session = await stage.open()
    const before: (readonly string[])[] = []
    const turn = await runTurn(session, 'Please', {
      decide: () => {
        before.push(readdirSync(stage.workspace))
        return approve
      },
    })
    expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
    expect(before).toEqual([[], ['one.txt']])
    expect(turn.asked).toMatchObject([
      { name: 'bash', kind: 'execute', title: 'echo one > one.txt && echo made', input: { command: 'echo one > one.txt && echo made' } },
      { name: 'bash', kind: 'execute', title: '> two.txt', input: { command: '> two.txt', cwd: stage.workspace } },
    ])
    expect(kinds(turn)).toEqual(['runtime_session', 'call.started', 'call.completed', 'call.started', 'call.completed'])
    expect(results(turn)).toMatchObject([{ output: 'made\n', exitCode: 0, isError: false }, { exitCode: 0 }])
    expect(await readFile(inWorkspace(stage, 'one.txt'), 'utf8')).toBe('one\n')
    expect(spoken(turn)).toBe('I try.\nDone.')
    expect(events(turn)).toContainEqual({
      type: 'model.output.completed',
      payload: expect.objectContaining({ content: [{ type: 'reasoning', text: 'Hm.' }] }),
    })
    // What was added so that it is asked about does not stand in the conversation.
    expect(lastRequest(stage)).toContain('{\\"command\\":\\"> two.txt\\"}')
  })

  test('what is denied does not run, what stands beside it does, and the reason is in the next request of the model', async () => {
    await using stage = await openStage(play({ tools: [shell('touch one'), shell('touch two'), shell('touch three')] }, done))
    await using session = await stage.open()
    const turn = await runTurn(session, 'Please', { decide: ({ title }) => (title === 'touch two' ? approve : deny(`Not ${title}.`)) })
    expect(turn.outcome.status).toBe('completed')
    expect(turn.asked.map(({ title }) => title)).toEqual(['touch one', 'touch two', 'touch three'])
    expect(readdirSync(stage.workspace)).toEqual(['two'])
    expect(kinds(turn)).toEqual(['runtime_session', 'call.started', 'call.completed'])
    expect(stage.model.journal.entries).toHaveLength(2)
    expect(lastRequest(stage)).toContain('Not touch one.')
    expect(lastRequest(stage)).toContain('Not touch three.')
    expect(spoken(turn)).toBe('Done.')
  })

  test("file tools are asked with paths and diffs, a plan is none of anybody's business, and tokens are those of all calls", async () => {
    const usage = { input_tokens: 10, cached_input_tokens: 4, output_tokens: 5, reasoning_tokens: 2 }
    await using stage = await openStage(
      play(
        { tools: [{ tool: 'read', path: 'seed.txt' }], usage },
        { tools: [{ tool: 'edit', path: 'seed.txt', old_text: 'two', new_text: 'zwei' }], usage },
        { tools: [{ tool: 'write', path: 'new.txt', text: 'new\n' }], usage },
        { tools: [{ tool: 'read', path: '/etc/hostname' }], usage },
        { tools: [{ tool: 'native', name: 'glob', input: { pattern: '*.none' } }], usage },
        { tools: [{ tool: 'plan', entries: [{ text: 'one', status: 'completed' }] }], usage },
        { tools: [{ tool: 'native', name: 'no_such_tool', input: {} }], usage },
        { text: 'Done.', usage },
      ),
    )
    await writeFile(inWorkspace(stage, 'seed.txt'), 'one\ntwo\nthree\n')
    await using session = await stage.open()
    const turn = await runTurn(session, 'Please', { decide: ({ name }) => (name === 'write' ? deny('no') : approve) })
    const [seed, added] = [inWorkspace(stage, 'seed.txt'), inWorkspace(stage, 'new.txt')]
    expect(turn.asked).toMatchObject([
      { name: 'read', kind: 'read', locations: [{ path: seed }], input: { filePath: seed } },
      { name: 'edit', kind: 'edit', locations: [{ path: seed }], diff: expect.stringContaining(' one\n-two\n+zwei\n three\n') },
      { name: 'write', kind: 'edit', locations: [{ path: added }], diff: expect.stringContaining('+++ b/new.txt\n@@ -0,0 +1 @@\n+new\n') },
      { name: 'read', kind: 'read', locations: [{ path: '/etc/hostname' }] },
      { name: 'glob', kind: 'search', locations: [{ path: stage.workspace }], input: { pattern: '*.none' } },
    ])
    expect(await readFile(seed, 'utf8')).toBe('one\nzwei\nthree\n')
    expect(existsSync(added)).toBe(false)
    expect(events(turn)).toContainEqual({
      type: 'file.changed',
      payload: expect.objectContaining({ path: 'seed.txt', change: 'edit', diff: expect.stringContaining('-two\n+zwei\n') }),
    })
    expect(events(turn)).toContainEqual({
      type: 'plan.updated',
      payload: { entries: [expect.objectContaining({ text: 'one', status: 'completed' })] },
    })
    expect(turn.observations).toContainEqual(
      expect.objectContaining({
        kind: 'call.unasked',
        rule: 'opencode:unavailable_tool',
        call: expect.objectContaining({ name: 'no_such_tool' }),
      }),
    )
    // Two prompts: the second one tells why nothing was written.
    const told = events(turn).flatMap((one) => (one.type === 'usage.reported' && one.payload.scope === 'task' ? [one.payload] : []))
    expect(told.at(-1)).toMatchObject({ input_tokens: 80, cached_input_tokens: 32, output_tokens: 40, reasoning_tokens: 16 })
  })

  test.each(['approved', 'denied'] as const)('a tool of an MCP server that is %s', async (decision) => {
    await using stage = await openStage(play({ tools: [{ tool: 'mcp', server: 'notes', name: 'add', input: { text: 'one' } }] }, done))
    const notes = path.join(stage.root, 'notes.txt')
    const args = [fileURLToPath(import.meta.resolve('../../../../../test/fixtures/mcp/notes.ts')), notes]
    await using session = await stage.open({ runtimeConfig: { mcp_servers: { notes: { command: process.execPath, args } } } })
    const turn = await runTurn(session, 'Please', { decide: () => (decision === 'approved' ? approve : deny('Keep it to yourself.')) })
    expect(turn.asked).toMatchObject([{ name: 'notes_add', kind: 'other', input: { text: 'one' } }])
    expect(existsSync(notes)).toBe(decision === 'approved')
    if (decision === 'denied') expect(lastRequest(stage)).toContain('Keep it to yourself.')
  })
})

describe('cannot be talked into answering its own questions', () => {
  const attack = `exec ${process.execPath} ${fileURLToPath(import.meta.resolve('../../../../../test/fixtures/opencode/attack.ts'))}`

  test('a command that looks for the server finds it locked, and what waits goes on waiting', async () => {
    await using stage = await openStage(play({ tools: [shell(attack), shell('touch one')] }, done))
    await using session = await stage.open()
    const attacked = Promise.withResolvers<void>()
    const turn = await runTurn(session, 'Please', {
      onObservation: ({ kind }) => {
        if (kind === 'call.completed') attacked.resolve()
      },
      decide: async ({ title }) => {
        if (title !== 'touch one') return approve
        await attacked.promise
        return deny('It must wait for me.')
      },
    })
    expect(results(turn)).toMatchObject([{ output: 'password: none; servers answer: 401\n', exitCode: 0 }])
    expect(existsSync(inWorkspace(stage, 'one'))).toBe(false)
    expect(lastRequest(stage)).toContain('It must wait for me.')
  })

  test('no key is anywhere near it, and its directories are not those of commands; other variables are', async () => {
    await using stage = await openStage(play({ tools: [shell('env; cat /proc/$PPID/environ; cat /proc/$PPID/cmdline')] }, done))
    const variables = { ...stage.env.variables, FRUIT: 'plum', XDG_DATA_HOME: '/my/data' }
    const credentials = { MY_KEY: 'key-of-the-model', OPENAI_API_KEY: 'key-of-openai' }
    await using session = await stage.open(
      { runtimeConfig: { base_url: `${stage.model.url}/v1`, env_key: 'MY_KEY' } },
      { variables, credentials },
    )
    const turn = await runTurn(session, 'Please')
    const [{ output } = { output: '' }] = results(turn)
    expect(output).toContain('FRUIT=plum\n')
    expect(output).toContain('XDG_DATA_HOME=/my/data\n')
    expect(output).not.toMatch(/key-of-|PASSWORD/)
    expect(output.slice(0, output.indexOf('_=/'))).not.toContain('OPENCODE')
    const [entry] = stage.model.journal.entries
    expect(entry && stage.model.journal.carries(entry, 'key-of-the-model')).toBe(true)
    // Nor in any file.
    const files = readdirSync(stage.env.home, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
    expect(files.map(({ name }) => name)).toContain('opencode.json')
    for (const { parentPath, name } of files) expect(readFileSync(path.join(parentPath, name), 'latin1')).not.toContain('key-of-')
  })

  test('asks, whatever user and workspace allow, and obeys none of their settings', async () => {
    await using stage = await openStage(play({ tools: [shell('touch one')] }, done))
    const planted = path.join(stage.root, 'planted')
    const plugin = `export const planted = async () => { require("node:fs").writeFileSync(${JSON.stringify(planted)}, ""); return {} }\n`
    const settings = {
      permission: { '*': 'allow', bash: 'allow' },
      agent: { build: { permission: { bash: 'allow' } } },
      mcp: { planted: { type: 'local', command: ['touch', planted] } },
    }
    for (const directory of [
      inWorkspace(stage, '.opencode'),
      path.join(stage.root, '.opencode'),
      path.join(stage.root, '.config', 'opencode'),
      inWorkspace(stage, '.'),
    ]) {
      await mkdir(path.join(directory, 'plugin'), { recursive: true })
      await writeFile(path.join(directory, 'plugin', 'planted.js'), plugin)
      await writeFile(path.join(directory, 'opencode.json'), JSON.stringify(settings))
    }
    await writeFile(inWorkspace(stage, '.env'), 'OPENCODE_PERMISSION={"bash":"allow"}\n')
    await writeFile(inWorkspace(stage, 'AGENTS.md'), 'Speak of plums.\n')
    await mkdir(path.join(stage.root, '.local', 'share', 'opencode'), { recursive: true })
    await writeFile(path.join(stage.root, '.local', 'share', 'opencode', 'auth.json'), '{}')
    await using session = await stage.open({}, { shared: true })
    const turn = await runTurn(session, 'Please', { decide: () => deny('no') })
    expect(turn.asked.map(({ title }) => title)).toEqual(['touch one'])
    expect(existsSync(planted)).toBe(false)
    expect(lastRequest(stage)).toContain('Speak of plums.')
  })
})

describe('stops', () => {
  test('the command that runs dies, and so does one that hides; the conversation goes on', async () => {
    const [seconds, hidden] = [nap(), nap()]
    const hide = `setsid nohup sleep ${hidden} > /dev/null 2>&1 &`
    await using stage = await openStage({
      scenarios: [named('Sleep', { tools: [shell(`${hide} sleep ${seconds}`)] }, done), named('Again', done)],
    })
    await using session = await stage.open()
    const turn = await runTurn(session, 'Sleep', {
      stopAt: ({ kind }) => kind === 'call.started',
      onObservation: async ({ kind }) => {
        if (kind === 'call.started') await Promise.all([started(seconds), started(hidden)])
      },
    })
    expect(turn.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
    expect([runs(seconds), runs(hidden)]).toEqual([false, false])
    expect(turn.observations.at(-1)).toMatchObject({ kind: 'call.completed', result: { isError: true } })
    expect(session.alive).toBe(true)
    expect(spoken(await runTurn(session, 'Again'))).toBe('Done.')
  })

  test('a turn that waits for a decision ends, and so does one that streams', async () => {
    await using stage = await openStage({
      scenarios: [
        named('Ask', { tools: [shell('touch one'), shell('touch two')] }, done),
        named('Stream', { text: 'word '.repeat(2000), chunk_size: 5, delay_ms: 20 }),
        named('Again', { tools: [shell('touch three')] }, done),
      ],
    })
    await using session = await stage.open()
    const stop = new AbortController()
    const waiting = await session.run(
      { taskId: randomUUID(), permissionMode: 'ask', messages: [{ role: 'user', content: 'Ask' }], runtimeConfig: {} },
      {
        signal: stop.signal,
        observe: async () => {},
        ask: () => {
          stop.abort()
          return Promise.withResolvers<never>().promise
        },
        answer: async () => decline('not now'),
      },
    )
    expect(waiting).toEqual({ status: 'stopped', reason: 'stopped' })
    const streaming = await runTurn(session, 'Stream', {
      stopAt: (seen) => seen.kind === 'event' && seen.event.type === 'model.output.delta',
    })
    expect(streaming.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
    expect((await runTurn(session, 'Again')).asked.map(({ title }) => title)).toEqual(['touch three'])
    expect(readdirSync(stage.workspace)).toEqual(['three'])
  })

  test('an agent that is killed fails the task, and its command dies', async () => {
    const seconds = nap()
    await using stage = await openStage(play({ tools: [shell(`sleep ${seconds}`)] }, done))
    await using session = await stage.open()
    const turn = await runTurn(session, 'Please', {
      onObservation: async ({ kind }) => {
        if (kind !== 'call.started') return
        await started(seconds)
        process.kill(stage.pids[0] ?? 0, 'SIGKILL')
      },
    })
    expect(turn.outcome).toMatchObject({ status: 'failed', error: { code: 'agent_exited', retryable: true, signal: 'SIGKILL' } })
    expect(runs(seconds)).toBe(false)
    expect(session.alive).toBe(false)
  })
})

test('goes on with a conversation in a new process, and says when it cannot', async () => {
  await using stage = await openStage(play(done))
  let nativeId: string | null = null
  {
    await using first = await stage.open()
    await runTurn(first, 'Please remember the word plum.')
    nativeId = first.nativeId
  }
  {
    await using second = await stage.open({ resume: nativeId })
    expect([second.nativeId, second.resumed]).toEqual([nativeId, true])
    await runTurn(second, 'Please say the word.')
    expect(lastRequest(stage)).toContain('the word plum')
  }
  await using third = await stage.open({ resume: 'ses_000000000000000000000000000' })
  expect(third.resumed).toBe(false)
  expect((await runTurn(third, 'Please')).outcome.status).toBe('completed')
  // What belonged to the processes is gone with them.
  expect(readdirSync(path.join(stage.env.home, 'run'))).toHaveLength(1)
})

test('a model of another kind than most of its provider is reached through the door of its kind', async () => {
  await using stage = await openStage(play(done))
  const enclosure: Stage['env']['enclosure'] = {
    ...stage.env.enclosure,
    open: ({ dialect }) => ({
      url: dialect === 'messages' ? `${stage.model.url}/v1` : 'http://127.0.0.1:9/v1',
      placeholder: 'stands-for-a-key',
    }),
  }
  await using session = await stage.open(
    { model: 'opencode/claude-haiku-4-5' },
    { offlineUrl: null, credentials: { OPENCODE_API_KEY: 'key-of-opencode' }, enclosure },
  )
  expect(spoken(await runTurn(session, 'Please'))).toBe('Done.')
  const [entry] = stage.model.journal.entries
  expect([entry?.path, entry && stage.model.journal.carries(entry, 'stands-for-a-key')]).toEqual(['/v1/messages', true])
})

describe('models that fail', () => {
  const half = { text: 'Half of it.', chunk_size: 2, delay_ms: 20 }

  test.each([
    [
      'refuse the call',
      [
        [{ kind: 'status', status: 401 }, 'auth_required', false],
        [{ kind: 'status', status: 429, headers: { 'retry-after': '86400' } }, 'rate_limited', true],
        [
          { kind: 'status', status: 429, body: { error: { code: 'insufficient_quota', message: 'insufficient_quota' } } },
          'usage_limit_reached',
          false,
        ],
        [{ kind: 'status', status: 400, body: { error: { message: 'That is no way to ask.' } } }, 'model_request_rejected', false],
        [{ kind: 'status', status: 400, body: { error: { code: 'context_length_exceeded' } } }, 'context_window_exceeded', false],
        [{ kind: 'status', status: 500 }, 'model_unavailable', true],
        [{ kind: 'refuse' }, 'model_stream_interrupted', true],
      ],
    ],
    [
      'break off',
      [
        [{ kind: 'drop', after_chunks: 2 }, 'model_stream_interrupted', true],
        [{ kind: 'hang', after_chunks: 0 }, 'model_stream_interrupted', true],
        [{ kind: 'hang', after_chunks: 2 }, 'model_stream_interrupted', true],
      ],
    ],
  ] as const)('models that %s: each failure has its code, in bounded time', async (_, faults) => {
    await using stage = await openStage({ scenarios: faults.map(([fault], index) => named(`Fault${index}`, { ...half, fault })) })
    await using session = await stage.open({ runtimeConfig: { stream_idle_timeout_ms: 1000, max_retries: 0 } })
    for (const [index, [, code, retryable]] of faults.entries()) {
      const { outcome } = await runTurn(session, `Fault${index}`)
      expect(outcome, JSON.stringify(faults[index])).toMatchObject({ status: 'failed', reason: code, error: { code, retryable } })
      expect(session.alive).toBe(true)
    }
  })

  test('a model that cannot be reached fails the task', async () => {
    await using stage = await openStage(play(done))
    await using session = await stage.open({ runtimeConfig: { base_url: 'http://127.0.0.1:9/v1', max_retries: 1 } })
    expect((await runTurn(session, 'Please')).outcome).toMatchObject({ error: { code: 'model_unreachable', retryable: true } })
  })

  test('a failure that passes is not one', async () => {
    await using stage = await openStage(play({ ...half, fault: { kind: 'status', status: 503, times: 2 } }))
    await using session = await stage.open({ runtimeConfig: { max_retries: 2 } })
    expect(spoken(await runTurn(session, 'Please'))).toBe('Half of it.')
  })
})

describe.runIf(process.platform === 'linux')('behind the wall', () => {
  test('works in its workspace and nowhere else, searches, holds what stands for its key, and what it hides dies when it is stopped', async () => {
    const [seconds, hidden] = [nap(), nap()]
    const look = `cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; echo in > in.txt; touch /usr/out 2>&1; echo "exit $?"; echo "sees $(ls ${path.join(import.meta.dirname, '../..')} ${path.join(import.meta.dirname, '../../tools')} | tr '\\n' ' ')"`
    await using stage = await openAnyStage({
      runtime: 'opencode-server',
      walled: true,
      scenarios: [
        named('Look', { tools: [shell(look)] }, { tools: [{ tool: 'native', name: 'grep', input: { pattern: 'needle' } }] }, done),
        named('Sleep', { tools: [shell(`setsid nohup sleep ${hidden} > /dev/null 2>&1 & sleep ${seconds}`)] }, done),
        named('Again', done),
      ],
    })
    await writeFile(inWorkspace(stage, 'hay.txt'), 'a needle\n')
    await using session = await stage.open(
      { runtimeConfig: { base_url: `${stage.model.url}/v1`, env_key: 'MY_KEY' } },
      { credentials: { MY_KEY: 'key-of-the-model' } },
    )
    const [seen, found] = results(await runTurn(session, 'Look'))
    expect(seen).toMatchObject({ executionEnv: 'sandbox' })
    expect(seen?.output).toContain('OPENCODE_AUTH_CONTENT={"codesdkd":{"type":"api","key":"')
    expect(seen?.output).toContain('Read-only file system\nexit 1\n')
    // Of the daemon it sees only what runs in it, and the program that every agent may reach the daemon's tools with.
    expect(seen?.output).toMatch(/\nsees [^ ]+: runtimes tools  [^ ]+\/tools: stdio-shim\.ts \n$/)
    expect(seen?.output).not.toContain('key-of-')
    expect(found).toMatchObject({ isError: false, output: expect.stringContaining('a needle') })
    expect(await readFile(inWorkspace(stage, 'in.txt'), 'utf8')).toBe('in\n')
    expect(stage.model.journal.entries.every((entry) => stage.model.journal.carries(entry, 'key-of-the-model'))).toBe(true)
    const stopped = await runTurn(session, 'Sleep', {
      stopAt: ({ kind }) => kind === 'call.started',
      onObservation: async ({ kind }) => {
        if (kind === 'call.started') await Promise.all([started(seconds), started(hidden)])
      },
    })
    expect(stopped.outcome.status).toBe('stopped')
    expect([runs(seconds), runs(hidden)]).toEqual([false, false])
    expect(spoken(await runTurn(session, 'Again'))).toBe('Done.')
  })
})

test('an agent that runs what nobody was asked about is ended, and its task fails', async () => {
  await using stage = await openStage({ scenarios: [] })
  const standIn = fileURLToPath(import.meta.resolve('../../../../../test/fixtures/acp/stand-in.ts'))
  const executable = path.join(stage.root, 'agent')
  await writeFile(executable, `#!/bin/sh\nexec '${process.execPath}' '${standIn}' '{}'\n`, { mode: 0o755 })
  await using session = await stage.open({}, { executable })
  const call = {
    sessionUpdate: 'tool_call',
    toolCallId: 'a',
    title: 'bash',
    kind: 'execute',
    status: 'in_progress',
    rawInput: { command: 'ls' },
  }
  const end = { sessionUpdate: 'tool_call_update', toolCallId: 'a', status: 'completed', rawOutput: { output: '', metadata: { exit: 0 } } }
  const turn = await runTurn(session, JSON.stringify([{ update: call }, { update: end }, { wait: 'forever' }]))
  expect(turn.outcome).toMatchObject({ status: 'failed', error: { code: 'agent_protocol_error', retryable: false } })
  expect(kinds(turn)).toEqual(['runtime_session', 'call.unasked', 'call.started', 'call.completed'])
  expect(session.alive).toBe(false)
})

test('earlier messages and images reach the model, and a message that begins with a slash is no command', async () => {
  await using stage = await openStage({ scenarios: [named('look', done), named('hosts', done)] })
  await using session = await stage.open()
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  const messages = [
    { role: 'system' as const, content: 'Speak of plums.' },
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
  await session.run({ taskId: randomUUID(), permissionMode: 'ask', messages, runtimeConfig: {} }, host)
  const request = lastRequest(stage)
  for (const part of [pixel, '<instructions>\\nSpeak of plums.', 'Please look.']) expect(request).toContain(part)
  expect(spoken(await runTurn(session, '/etc/hosts is wrong'))).toBe('Done.')
})

test('tells health and login', async () => {
  await using stage = await openStage(play(done))
  const { runtime, env } = stage
  const signal = AbortSignal.timeout(5000)
  expect(await runtime.health({ ...env, executable: null }, signal)).toMatchObject({
    ok: false,
    installed: false,
    error: { reason: 'not_installed' },
  })
  expect(await runtime.authStatus(env)).toMatchObject({ logged_in: true, account_label: 'offline model' })
  const online = { ...env, offlineUrl: null }
  expect(await runtime.authStatus(online)).toMatchObject({ logged_in: false, login_hint: expect.stringContaining('ANTHROPIC_API_KEY') })
  const keyed = { ...online, credentials: { OPENROUTER_API_KEY: 'sk-x' } }
  expect(await runtime.authStatus(keyed)).toMatchObject({ logged_in: true, account_label: 'API key' })
  const logins = path.join(stage.root, '.local', 'share', 'opencode')
  await mkdir(logins, { recursive: true })
  await writeFile(path.join(logins, 'auth.json'), '{}')
  expect(await runtime.authStatus(online)).toMatchObject({ logged_in: false })
  await writeFile(path.join(logins, 'auth.json'), JSON.stringify({ zai: { type: 'api', key: 'sk-x' } }))
  expect(await runtime.authStatus(online)).toMatchObject({ logged_in: true, account_label: 'OpenCode login' })
})
