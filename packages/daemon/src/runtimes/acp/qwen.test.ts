import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import * as path from 'node:path'
import { expect, test, vi } from 'vitest'
import { qwenEntry } from '../../../../../test/fixtures/acp/qwen.ts'
import { done, inWorkspace, kinds, lastRequest, play, shell } from '../../../../../test/fixtures/one-play.ts'
import { runs } from '../../../../../test/fixtures/processes.ts'
import { approve, deny, openStage, runTurn, spoken } from '../../../../../test/fixtures/stage.ts'
import type { Scenario, Stage } from '../../../../../test/fixtures/stage.ts'
import { toSupportedRuntime } from './configured.ts'

/** These tests run the real Qwen Code, known to the daemon by configuration only, against the offline model. */

vi.setConfig({ testTimeout: 120_000 })

const openQwen = (...legs: Scenario['legs']): Promise<Stage> => openStage({ runtime: toSupportedRuntime(qwenEntry), ...play(...legs) })

/** Whether a text stood in the last request of the model; not the request itself, which is long. */
const heard = (stage: Stage, text: string): boolean => lastRequest(stage).includes(text)

test('answers, and tells the tokens', async () => {
  await using stage = await openQwen({
    reasoning: 'Hm.',
    text: 'Hello.',
    usage: { input_tokens: 7, cached_input_tokens: 3, output_tokens: 5, reasoning_tokens: 0 },
  })
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please')
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  expect(spoken(turn)).toBe('Hello.')
  expect(turn.observations[0]).toEqual({ kind: 'runtime_session', id: session.nativeId })
  const usage = { scope: 'call', input_tokens: 7, output_tokens: 5, cached_input_tokens: 3 }
  expect(turn.observations).toContainEqual({ kind: 'event', event: { type: 'usage.reported', payload: expect.objectContaining(usage) } })
})

test('runs a command when it is approved, not before', async () => {
  await using stage = await openQwen({ tools: [shell('echo one > one.txt && echo made')] }, done)
  await using session = await stage.open()
  const before: boolean[] = []
  const turn = await runTurn(session, 'Please', {
    decide: () => {
      before.push(existsSync(inWorkspace(stage, 'one.txt')))
      return approve
    },
  })
  expect(before).toEqual([false])
  expect(turn.asked).toMatchObject([{ name: 'run_shell_command', kind: 'execute', title: 'echo one > one.txt && echo made' }])
  expect(kinds(turn)).toEqual(['runtime_session', 'call.started', 'call.completed'])
  const result = { output: 'made', exitCode: 0, isError: false }
  expect(turn.observations).toContainEqual(expect.objectContaining({ kind: 'call.completed', result: expect.objectContaining(result) }))
  expect(await readFile(inWorkspace(stage, 'one.txt'), 'utf8')).toBe('one\n')
})

test('does not run what is denied, and the task goes on with the reason', async () => {
  await using stage = await openQwen({ tools: [shell('echo one > one.txt')] }, done)
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please', { decide: () => deny('Write to two.txt instead.') })
  expect(turn.outcome.status).toBe('completed')
  expect(kinds(turn)).toEqual(['runtime_session'])
  expect(existsSync(inWorkspace(stage, 'one.txt'))).toBe(false)
  expect(heard(stage, 'Write to two.txt instead.')).toBe(true)
  expect(spoken(turn)).toBe('Done.')
})

test('asks about reads, and about edits with the change', async () => {
  await using stage = await openQwen(
    { tools: [{ tool: 'write', path: 'a.txt', text: 'one\n' }] },
    { tools: [{ tool: 'read', path: 'a.txt' }] },
    { tools: [{ tool: 'edit', path: 'a.txt', old_text: 'one', new_text: 'two' }] },
    done,
  )
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please')
  const locations = [{ path: inWorkspace(stage, 'a.txt') }]
  expect(turn.asked).toMatchObject([
    { name: 'write_file', kind: 'edit', locations, diff: expect.stringContaining('+one') },
    { name: 'read_file', kind: 'read', locations },
    { name: 'edit', kind: 'edit', locations, diff: expect.stringContaining('-one\n+two') },
  ])
  expect(kinds(turn)).not.toContain('call.unasked')
  expect(await readFile(inWorkspace(stage, 'a.txt'), 'utf8')).toBe('two\n')
})

test('tells its plan', async () => {
  await using stage = await openQwen({ tools: [{ tool: 'plan', entries: [{ text: 'Do it', status: 'in_progress' }] }] }, done)
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please')
  const entries = [expect.objectContaining({ text: 'Do it', status: 'in_progress' })]
  expect(turn.observations).toContainEqual({ kind: 'event', event: { type: 'plan.updated', payload: { entries } } })
})

test('a stop ends the command that runs', async () => {
  const nap = `${7000 + process.pid}.5`
  await using stage = await openQwen({ tools: [shell(`touch begun && sleep ${nap}`)] }, done)
  await using session = await stage.open()
  const turn = await runTurn(session, 'Please', {
    async onObservation({ kind }) {
      if (kind === 'call.started') await vi.waitFor(() => expect(existsSync(inWorkspace(stage, 'begun'))).toBe(true), 20_000)
    },
    stopAt: ({ kind }) => kind === 'call.started',
  })
  expect(turn.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(runs(nap)).toBe(false)
})

test.runIf(process.platform === 'linux')(
  'works behind a wall, where its commands reach nothing but the workspace, and no key',
  async () => {
    const secret = 'key-that-nobody-may-see-0123456789'
    const outside = path.join('/usr', `outside-${process.pid}`)
    const nap = `${7000 + process.pid}.75`
    const look = `echo one > one.txt; touch ${outside}; tr '\\0' '\\n' < /proc/$PPID/environ; cat one.txt`
    // It runs before the turn is over.
    const begun = 'until test -e leave.txt; do sleep 0.1; done'
    const leave = `setsid sh -c 'touch leave.txt; exec sleep ${nap}' > /dev/null 2>&1 & timeout 20 sh -c '${begun}'`
    await using stage = await openStage({
      runtime: toSupportedRuntime(qwenEntry),
      scenarios: [
        { name: 'look', prompt: 'Please look', legs: [{ tools: [shell(look)] }, done] },
        { name: 'leave', prompt: 'Please leave', legs: [{ tools: [shell(leave)] }, done] },
      ],
      walled: true,
    })
    const home = path.join(stage.root, 'own')
    await mkdir(home)
    const env = { credentials: { OPENAI_API_KEY: secret }, variables: { ...stage.env.variables, HOME: home }, offlineUrl: null }
    await using session = await stage.open({ runtimeConfig: { base_url: `${stage.model.url}/v1` } }, env)
    const turn = await runTurn(session, 'Please look')
    expect(spoken(turn)).toBe('Done.')
    const [result] = turn.observations.flatMap((seen) => (seen.kind === 'call.completed' ? [seen.result] : []))
    expect(result).toMatchObject({ executionEnv: 'sandbox', output: expect.stringMatching(/OPENAI_API_KEY=(?!key-that)/) })
    expect(result?.output).not.toContain(secret)
    expect([await readFile(inWorkspace(stage, 'one.txt'), 'utf8'), existsSync(outside)]).toEqual(['one\n', false])
    const [request] = stage.model.journal.entries
    expect(request === undefined ? false : stage.model.journal.carries(request, secret)).toBe(true)
    await runTurn(session, 'Please leave')
    expect([existsSync(inWorkspace(stage, 'leave.txt')), runs(nap)]).toEqual([true, false])
  },
)

test('a stop cancels an open question, and the next task works', async () => {
  await using stage = await openQwen({ tools: [shell('touch one')] }, done)
  await using session = await stage.open()
  const stop = new AbortController()
  const asked = Promise.withResolvers<void>()
  const outcome = session.run(
    { taskId: randomUUID(), permissionMode: 'ask', messages: [{ role: 'user', content: 'Please' }], runtimeConfig: {} },
    {
      signal: stop.signal,
      observe: () => Promise.resolve(),
      ask: () => {
        asked.resolve()
        return new Promise<never>(() => {})
      },
      answer: () => new Promise<never>(() => {}),
    },
  )
  await asked.promise
  stop.abort()
  expect(await outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(existsSync(inWorkspace(stage, 'one'))).toBe(false)
  expect(spoken(await runTurn(session, 'And now?'))).toBe('Done.')
})

test('a new process knows the conversation of an earlier one', async () => {
  await using stage = await openQwen({ text: 'The word is heron.' }, done)
  let resume: string | null = null
  {
    await using first = await stage.open()
    await runTurn(first, 'Please')
    resume = first.nativeId
  }
  await using session = await stage.open({ resume })
  expect([session.resumed, session.nativeId]).toEqual([true, resume])
  const turn = await runTurn(session, 'Which word?')
  expect(spoken(turn)).toBe('Done.')
  expect(heard(stage, 'The word is heron.')).toBe(true)
  await using other = await stage.open({ resume: '00000000-0000-4000-8000-000000000000' })
  expect(other.resumed).toBe(false)
})

test('tools of an MCP server are asked about', async () => {
  const notes = path.join(import.meta.dirname, '../../../../../test/fixtures/mcp/notes.ts')
  await using stage = await openQwen({ tools: [{ tool: 'native', name: 'mcp__notes__add', input: { text: 'remember' } }] }, done)
  const file = path.join(stage.root, 'notes.txt')
  await using session = await stage.open({ runtimeConfig: { mcp_servers: { notes: { command: process.execPath, args: [notes, file] } } } })
  const turn = await runTurn(session, 'Please')
  expect(turn.asked).toMatchObject([{ name: 'mcp__notes__add', kind: 'other', input: { text: 'remember' } }])
  expect(await readFile(file, 'utf8')).toBe('remember\n')
})

test.each([
  [{ kind: 'status', status: 401 }, 'auth_required'],
  [{ kind: 'status', status: 400 }, 'model_request_rejected'],
] as const)('a model that answers %j fails the task with %s', async (fault, code) => {
  await using stage = await openQwen({ fault })
  await using session = await stage.open()
  const { outcome } = await runTurn(session, 'Please')
  expect(outcome).toMatchObject({ status: 'failed', error: { code } })
})
