import { randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, realpath, rename, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { approve, deny, openStage, runTurn, spoken } from '../../../../../test/fixtures/stage.ts'
import type { Stage, Turn } from '../../../../../test/fixtures/stage.ts'
import { onceOrNever } from '../../../../../test/fixtures/acp/stand-in.ts'
import type { StandInOptions, Step } from '../../../../../test/fixtures/acp/stand-in.ts'
import type { AgentEntry } from './agent-config.ts'
import { parseAgentEntry } from './agent-config.ts'
import { toSupportedRuntime } from './configured.ts'
import { RuntimeFailure } from '../../core/ports.ts'
import type { Command, Enclosure, Route } from '../../core/enclosure.ts'
import type { Observation } from '../../core/task-host.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** These tests drive a scripted agent: they show what no real agent can be made to do at a given moment. */

const standIn = path.join(import.meta.dirname, '../../../../../test/fixtures/acp/stand-in.ts')

interface Options {
  readonly agent?: StandInOptions
  readonly entry?: Partial<AgentEntry>
  readonly runtime?: Partial<RuntimeOptions>
  readonly walled?: boolean
}

function openStandIn({ agent = {}, entry = {}, runtime = {}, walled = false }: Options = {}): Promise<Stage> {
  const args = [standIn, JSON.stringify(agent)]
  const supported = toSupportedRuntime(parseAgentEntry({ name: 'stand-in', command: process.execPath, args, ...entry }))
  return openStage({ runtime: { ...supported, create: (options) => supported.create({ ...options, ...runtime }) }, scenarios: [], walled })
}

/** The enclosure of a stage, and what is asked of it; its ways lead nowhere. */
function toNoted({ env }: Stage) {
  const routes: Route[] = []
  const hosts: string[] = []
  const commands: Command[] = []
  const enclosure: Enclosure = {
    ...env.enclosure,
    open(route) {
      routes.push(route)
      return { url: `http://gateway/${route.name}`, placeholder: 'placeholder' }
    },
    allow: (names) => void hosts.push(...names),
    enclose(command) {
      commands.push(command)
      return env.enclosure.enclose(command)
    },
  }
  return { enclosure, routes, hosts, commands }
}

const script = (...steps: readonly Step[]): string => JSON.stringify(steps)
const say = (text: string): Step => ({ update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } } })
const think = (text: string): Step => ({ update: { sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text } } })
const shell = (toolCallId: string, command = 'make') => ({ toolCallId, title: command, kind: 'execute' as const, rawInput: { command } })
const announce = (toolCallId: string, command = 'make'): Step => ({
  update: { sessionUpdate: 'tool_call', status: 'pending', ...shell(toolCallId, command) },
})
const end = (toolCallId: string, output: string, status: 'completed' | 'failed' = 'completed'): Step => ({
  update: {
    sessionUpdate: 'tool_call_update',
    toolCallId,
    status,
    content: [{ type: 'content', content: { type: 'text', text: output } }],
  },
})

const kinds = ({ observations }: Turn) => observations.map(({ kind }) => kind).filter((kind) => kind !== 'event' && kind !== 'call.output')
const events = ({ observations }: Turn) => observations.flatMap((seen) => (seen.kind === 'event' ? [seen.event] : []))
const notices = (turn: Turn) => events(turn).flatMap((event) => (event.type === 'runtime.notice' ? [event.payload] : []))
const failureOf = (turn: Turn) => (turn.outcome.status === 'failed' ? turn.outcome.error : null)

async function play(steps: readonly Step[], options: Options & Parameters<typeof runTurn>[2] = {}): Promise<Turn> {
  await using stage = await openStandIn(options)
  await using session = await stage.open()
  return await runTurn(session, script(...steps), options)
}

/** What opening a session fails with. */
async function failureAtStart(options: Options, spec: Parameters<Stage['open']>[0] = {}): Promise<RuntimeFailure['failure']> {
  await using stage = await openStandIn(options)
  const error: unknown = await stage.open(spec).then(
    (session) => session[Symbol.asyncDispose](),
    (failure: unknown) => failure,
  )
  if (error instanceof RuntimeFailure) return error.failure
  throw new Error('the session was opened', { cause: error })
}

// ---------------------------------------------------------------- output

test('a block ends where another kind of output or a call begins', async () => {
  const turn = await play([think('Hm'), think('m.'), say('One '), say('two.'), announce('a'), end('a', 'made'), say('Three.')])
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  const blocks = events(turn).flatMap((event) => (event.type === 'model.output.completed' ? [event.payload] : []))
  expect(blocks).toEqual([
    { block_id: 'reasoning-1', content: [{ type: 'reasoning', text: 'Hmm.' }] },
    { block_id: 'text-2', content: [{ type: 'text', text: 'One two.' }] },
    { block_id: 'text-3', content: [{ type: 'text', text: 'Three.' }] },
  ])
})

test('tells plans, tokens and what a task cost', async () => {
  await using stage = await openStandIn()
  await using session = await stage.open()
  const cost = (amount: number): Step => ({
    update: { sessionUpdate: 'usage_update', used: 10, size: 1000, cost: { amount, currency: 'USD' } },
  })
  const usage = { inputTokens: 7, outputTokens: 5, totalTokens: 12, cachedReadTokens: 3 }
  const entry = (content: string, priority: 'high' | 'low') => ({ content, priority, status: 'pending' as const })
  const plan: Step = { update: { sessionUpdate: 'plan', entries: [entry('Do it', 'high'), entry('Tell', 'low')] } }
  const first = await runTurn(session, script(plan, cost(0.25), cost(0.5), { end: { stopReason: 'end_turn', usage } }))
  expect(events(first)).toContainEqual({
    type: 'plan.updated',
    payload: {
      entries: [
        { text: 'Do it', status: 'pending', priority: 'high' },
        { text: 'Tell', status: 'pending', priority: 'low' },
      ],
    },
  })
  const tokens = { scope: 'task', input_tokens: 7, output_tokens: 5, cached_input_tokens: 3, reasoning_tokens: null, context_window: 1000 }
  expect(events(first).at(-1)).toEqual({ type: 'usage.reported', payload: { ...tokens, cost_usd: 0.5 } })
  const second = await runTurn(session, script(cost(0.75), { end: { stopReason: 'end_turn', usage } }))
  expect(events(second).at(-1)).toEqual({ type: 'usage.reported', payload: { ...tokens, cost_usd: 0.25 } })
})

test.each([
  [true, 'heard: Look![image]', []],
  [false, 'heard: Look!\n[image 1: not shown]', ['acp.images.omitted']],
])('images reach an agent that takes them (%s); of others the place is named', async (image, heard, told) => {
  await using stage = await openStandIn({ agent: { capabilities: { promptCapabilities: { image } } } })
  await using session = await stage.open()
  const observations: Observation[] = []
  const content = [
    { type: 'text' as const, text: 'Look!' },
    { type: 'image' as const, media_type: 'image/png', data: 'aGk=' },
  ]
  const outcome = await session.run(
    { taskId: randomUUID(), permissionMode: 'ask', messages: [{ role: 'user', content }], runtimeConfig: {} },
    {
      signal: new AbortController().signal,
      observe: async (batch) => void observations.push(...batch),
      ask: () => Promise.resolve(approve),
      answer: () => Promise.resolve({ outcome: 'decline', reason: 'nobody is here' }),
    },
  )
  const turn = { outcome, observations, asked: [], questions: [] }
  expect(spoken(turn)).toBe(heard)
  expect(notices(turn).map(({ kind }) => kind)).toEqual(told)
})

// ---------------------------------------------------------------- calls

test('asks about a call that only the question shows, and answers by the kind of the option', async () => {
  const turn = await play([{ ask: shell('a', 'touch one') }, end('a', 'done'), { tell: 'answers' }])
  expect(turn.asked).toEqual([{ id: 'a', name: 'execute', kind: 'execute', title: 'touch one', input: { command: 'touch one' } }])
  expect(kinds(turn)).toEqual(['runtime_session', 'call.started', 'call.completed'])
  expect(spoken(turn)).toBe('[{"outcome":{"outcome":"selected","optionId":"y"}}]')
})

test('a denied call has no result, even where the agent tells one', async () => {
  const turn = await play([announce('a'), { ask: shell('a') }, end('a', 'rejected', 'failed'), { tell: 'answers' }], {
    decide: () => deny('not now'),
  })
  expect(kinds(turn)).toEqual(['runtime_session'])
  expect(spoken(turn)).toBe('[{"outcome":{"outcome":"selected","optionId":"x"}}]')
})

test('a turn that ends with a denial goes on with the reason', async () => {
  const turn = await play([{ ask: shell('a', 'rm one') }], { decide: () => deny('Keep it.') })
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  expect(spoken(turn)).toContain('heard: Denied: `rm one`. Keep it.')
})

test('a turn that goes on after a denial is left alone', async () => {
  const turn = await play([{ ask: shell('a') }, say('Then not.')], { decide: () => deny('Keep it.') })
  expect(spoken(turn)).toBe('Then not.')
})

test('a turn can be cancelled so that the reason is heard at once', async () => {
  const turn = await play([{ ask: shell('a', 'rm one') }, { wait: 'cancel' }, { end: { stopReason: 'cancelled' } }], {
    entry: { after_denial: 'cancel_and_prompt' },
    decide: () => deny('Keep it.'),
  })
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  expect(spoken(turn)).toContain('Keep it.')
})

test('answers questions on their own, in any order', async () => {
  const all = Promise.withResolvers<void>()
  let waiting = 0
  const turn = await play([{ askAll: [shell('a', 'one'), shell('b', 'two'), shell('c', 'three')] }, { tell: 'answers' }], {
    decide: async ({ title }) => {
      waiting += 1
      if (waiting === 3) all.resolve()
      await all.promise
      return title === 'two' ? deny('not two') : approve
    },
  })
  expect(turn.observations.flatMap((seen) => (seen.kind === 'call.started' ? [seen.id] : [])).toSorted()).toEqual(['a', 'c'])
})

test('a call that nobody was asked about is reported as such', async () => {
  const turn = await play([announce('a', 'ls'), end('a', 'one.txt')])
  const call = { id: 'a', name: 'execute', kind: 'execute', title: 'ls', input: { command: 'ls' } }
  expect(turn.observations.filter(({ kind }) => kind !== 'event')).toEqual([
    { kind: 'runtime_session', id: 'new-session' },
    { kind: 'call.unasked', call, rule: 'acp:unasked' },
    { kind: 'call.started', id: 'a' },
    { kind: 'call.completed', id: 'a', result: { output: 'one.txt', isError: false, durationMs: null, executionEnv: 'host' } },
  ])
})

test('streams the output of a call that runs', async () => {
  const grow = (text: string): Step => ({
    update: {
      sessionUpdate: 'tool_call_update',
      toolCallId: 'a',
      status: 'in_progress',
      content: [{ type: 'content', content: { type: 'text', text } }],
    },
  })
  const turn = await play([{ ask: shell('a') }, grow('one'), grow('one two'), end('a', 'one two three')])
  const pieces = turn.observations.flatMap((seen) => (seen.kind === 'call.output' ? [seen.delta] : []))
  expect(pieces).toEqual(['one', ' two'])
})

test('shows what an edit changes, before and after', async () => {
  const content = [{ type: 'diff' as const, path: 'one.txt', oldText: 'a\nb\nc\n', newText: 'a\nB\nc\n' }]
  const turn = await play([
    { ask: { toolCallId: 'e', title: 'Edit', kind: 'edit', content } },
    { update: { sessionUpdate: 'tool_call_update', toolCallId: 'e', status: 'completed' } },
  ])
  const diff = 'diff --git a/one.txt b/one.txt\n--- a/one.txt\n+++ b/one.txt\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n'
  expect(turn.asked).toMatchObject([{ diff, input_source: 'described', input: { kind: 'edit', title: 'Edit', content } }])
  expect(turn.asked[0]?.locations).toEqual([{ path: expect.stringMatching(/\/workspace\/one\.txt$/) }])
  expect(events(turn)).toContainEqual({ type: 'file.changed', payload: { path: 'one.txt', change: 'edit', diff, tool_call_id: 'e' } })
})

test('what could be allowed only for good is refused without a question', async () => {
  const options = [
    { optionId: 'all', name: 'Always', kind: 'allow_always' as const },
    { optionId: 'no', name: 'No', kind: 'reject_once' as const },
  ]
  const turn = await play([{ ask: shell('a'), options }, { tell: 'answers' }])
  expect(turn.asked).toEqual([])
  expect(spoken(turn)).toBe('[{"outcome":{"outcome":"selected","optionId":"no"}}]')
  expect(notices(turn)).toMatchObject([{ level: 'warning', kind: 'acp.permission.no_choice' }])
})

// ---------------------------------------------------------------- questions

const form = { mode: 'form', message: 'Which colour?', requestedSchema: { type: 'object', properties: { colour: { type: 'string' } } } }

test('puts a form to the person, and carries the answer back', async () => {
  const turn = await play([{ request: 'elicitation/create', params: form }, { tell: 'answers' }], {
    answer: () => ({ outcome: 'accept', content: { colour: 'red' } }),
  })
  expect(turn.questions).toEqual([{ title: 'Which colour?', schema: form.requestedSchema }])
  expect(spoken(turn)).toBe('[{"action":"accept","content":{"colour":"red"}}]')
})

test('declines what it cannot put to a person, and serves neither files nor terminals', async () => {
  const page = { mode: 'url', message: 'Log in', url: 'https://example.com', elicitationId: 'e' }
  const turn = await play([
    { request: 'elicitation/create', params: page },
    { request: 'fs/read_text_file', params: { path: '/etc/passwd' } },
    { request: 'terminal/create', params: { command: 'id' } },
    { request: '_own/thing', params: {} },
    { tell: 'answers' },
  ])
  expect(turn.questions).toEqual([])
  expect(spoken(turn)).toBe('[{"action":"decline"},{"error":-32601},{"error":-32601},{"error":-32601}]')
  expect(notices(turn).map(({ kind }) => kind)).toEqual(['acp.question.declined', '_own/thing'])
})

test('an answer to a question about another input is refused', async () => {
  const params = { sessionId: 'new-session', toolCall: shell('a'), options: onceOrNever }
  const request = JSON.stringify({ jsonrpc: '2.0', id: 'own', method: 'session/request_permission', params })
  const changed = Promise.withResolvers<typeof approve>()
  const steps = [
    { write: `${request}\n` },
    { update: { sessionUpdate: 'tool_call_update', ...shell('a', 'rm -r .') } },
    // The answer to this one comes after that of the other.
    { ask: shell('b') },
    end('a', 'denied', 'failed'),
    end('b', 'made'),
  ] satisfies readonly Step[]
  const turn = await play(steps, {
    decide: () => changed.promise,
    onObservation(seen) {
      if (seen.kind === 'event' && seen.event.type === 'runtime.notice' && seen.event.payload.kind === 'acp.call.changed')
        changed.resolve(approve)
    },
  })
  expect(turn.asked.map(({ title }) => title)).toEqual(['make', 'make'])
  expect(turn.observations.flatMap((seen) => (seen.kind === 'call.started' ? [seen.id] : []))).toEqual(['b'])
})

// ---------------------------------------------------------------- stops

test('a stop cancels the turn and every open question', async () => {
  await using stage = await openStandIn()
  await using session = await stage.open()
  const asked = Promise.withResolvers<void>()
  const turn = await runTurn(session, script(say('Well.'), { ask: shell('a') }, { wait: 'cancel' }, { end: { stopReason: 'cancelled' } }), {
    stopAt: (seen) => seen.kind === 'event' && seen.event.type === 'model.output.completed',
    decide: () => {
      asked.resolve()
      return new Promise<never>(() => {})
    },
  })
  await asked.promise
  expect(turn.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(session.alive).toBe(true)
  expect(spoken(await runTurn(session, 'more'))).toBe('heard: more')
})

test('an agent that does not stop is killed', async () => {
  await using stage = await openStandIn({ runtime: { interruptGraceMs: 100 } })
  await using session = await stage.open()
  const turn = await runTurn(session, script(say('Well.'), { wait: 'forever' }), { stopAt: ({ kind }) => kind === 'event' })
  expect(turn.outcome).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(session.alive).toBe(false)
})

test.each([false, true])(
  'a turn ends what it left running beside the agent, and not what belongs to the agent (walled: %s)',
  async (walled) => {
    const modules = path.join(import.meta.dirname, '../../../../../node_modules')
    await using stage = await openStandIn({ walled, entry: { readable: [modules] } })
    await using session = await stage.open()
    const [left, kept] = [0, 1].map((index) => `${7000 + process.pid}.${Number(walled)}${index}25`) as [string, string]
    const running = async () => [await sleeps(left), await sleeps(kept)]
    const steps = [{ leave: ['sleep', left] }, { keep: ['sleep', kept] }, say('Well.')] satisfies readonly Step[]
    const seen: (readonly boolean[])[] = []
    const turn = await runTurn(session, script(...steps, { wait: 'cancel' }, { end: { stopReason: 'cancelled' } }), {
      async onObservation({ kind }) {
        if (kind !== 'event' || seen.length > 0) return
        await expect.poll(running).toEqual([true, true])
        seen.push(await running())
      },
      stopAt: ({ kind }) => kind === 'event',
    })
    expect([turn.outcome.status, session.alive, seen]).toEqual(['stopped', true, [[true, true]]])
    expect(await running()).toEqual([false, true])
    expect(spoken(await runTurn(session, 'more'))).toBe('heard: more')
    await session[Symbol.asyncDispose]()
    await expect.poll(running).toEqual([false, false])
  },
)

// ---------------------------------------------------------------- faults

test('bad lines are noted, few of them, and the turn goes on', async () => {
  const turn = await play([
    { write: 'Loading plugins\n' },
    { write: '{"jsonrpc":"2.0","half\n', times: 40 },
    { writeBase64: Buffer.from([0xff, 0xfe, 0x0a, 0x7b, 0x0a]).toString('base64') },
    { fill: 'x', bytes: 100_000_000 },
    { notify: '_own/news', params: { a: 1 } },
    say('Still here.'),
  ])
  expect(spoken(turn)).toBe('Still here.')
  expect(turn.outcome.status).toBe('completed')
  const told = notices(turn)
  expect(told.filter(({ kind }) => kind === 'agent.output.invalid')).toHaveLength(20)
  expect(JSON.stringify(told).length).toBeLessThan(20_000)
  expect(told.at(-1)?.kind).toBe('_own/news')
})

test('half a message before the end is nothing', async () => {
  const turn = await play([{ write: '{"jsonrpc":"2.0","id":99,"method":"session/request_perm' }, { exit: 0 }])
  expect(turn.asked).toEqual([])
  expect(failureOf(turn)).toMatchObject({ code: 'agent_exited', exit_code: 0 })
})

test('tells how an agent ended, and what it complained of', async () => {
  const turn = await play([say('Oh.'), { exit: 3, stderr: 'out of luck' }])
  expect(failureOf(turn)).toMatchObject({ code: 'agent_exited', exit_code: 3, stderr_tail: 'out of luck' })
})

test.each([
  [{ code: -32_000, message: 'Authentication required' }, 'auth_required'],
  [{ code: -32_603, message: 'Internal error', data: { details: '401 Unauthorized' } }, 'auth_required'],
  [{ code: -32_603, message: 'Internal error', data: { details: '429 Too Many Requests' } }, 'rate_limited'],
  [{ code: -32_603, message: 'You exceeded your current quota' }, 'usage_limit_reached'],
  [{ code: -32_603, message: 'Connection error: ECONNREFUSED' }, 'model_unreachable'],
  [{ code: -32_603, message: 'terminated' }, 'model_stream_interrupted'],
  [{ code: -32_603, message: '503 Service Unavailable' }, 'model_unavailable'],
  [{ code: -32_603, message: '400 Bad Request' }, 'model_request_rejected'],
  [{ code: -32_603, message: "This model's maximum context length is 8 tokens" }, 'context_window_exceeded'],
  [{ code: -32_603, message: 'No idea' }, 'agent_error'],
])('%j fails the task as %s, and the agent goes on', async (fail, code) => {
  await using stage = await openStandIn()
  await using session = await stage.open()
  expect(failureOf(await runTurn(session, script({ fail })))?.code).toBe(code)
  expect(spoken(await runTurn(session, 'again'))).toBe('heard: again')
})

// ---------------------------------------------------------------- sessions

test('a login that is missing is named, with the ways that the agent offers', async () => {
  const authMethods = [
    { id: 'key', name: 'API key' },
    { id: 'web', name: 'Browser' },
  ]
  expect(await failureAtStart({ agent: { authMethods, login: 'key' } })).toMatchObject({
    code: 'auth_required',
    message: expect.stringContaining('key (API key), web (Browser)'),
    retryable: false,
  })
  await using stage = await openStandIn({ agent: { authMethods, login: 'key' }, entry: { auth_method: 'key' } })
  await using session = await stage.open()
  expect(spoken(await runTurn(session, 'hello'))).toBe('heard: hello')
})

test('a conversation is resumed where the agent can, else loaded, else begun anew', async () => {
  const resumed = async (capabilities: StandInOptions['capabilities'], resume: string) => {
    await using stage = await openStandIn(capabilities === undefined ? {} : { agent: { capabilities } })
    await using session = await stage.open({ resume })
    return [session.resumed, session.nativeId]
  }
  expect(await resumed({ sessionCapabilities: { resume: {} } }, 'known-1')).toEqual([true, 'known-1'])
  expect(await resumed({ loadSession: true }, 'known-1')).toEqual([true, 'known-1'])
  expect(await resumed({ loadSession: true }, 'lost')).toEqual([false, 'new-session'])
  expect(await resumed(undefined, 'known-1')).toEqual([false, 'new-session'])
})

test('what is repeated when a conversation is loaded is not said again', async () => {
  const old = { sessionUpdate: 'agent_message_chunk' as const, content: { type: 'text' as const, text: 'old' } }
  await using stage = await openStandIn({ agent: { capabilities: { loadSession: true }, replay: { before: [old], after: [] } } })
  await using session = await stage.open({ resume: 'known-1' })
  expect(spoken(await runTurn(session, 'hello'))).toBe('heard: hello')
})

test('the model is chosen by the option for it', async () => {
  const model = { id: 'm', name: 'Model', category: 'model', type: 'select' as const, currentValue: 'one', options: [] }
  const agent = { configOptions: [model] }
  await using stage = await openStandIn({ agent })
  await using session = await stage.open({ model: 'two' })
  expect(JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }))))).toMatchObject({ models: ['two'] })
  expect(await failureAtStart({ agent }, { model: 'unknown' })).toMatchObject({ code: 'model_request_rejected' })
  expect(await failureAtStart({}, { model: 'two' })).toMatchObject({
    code: 'model_request_rejected',
    message: expect.stringContaining('leave it out'),
  })
})

test('the mode of the entry is set, and set again after the agent changed it', async () => {
  const modes = { currentModeId: 'loose', availableModes: [] }
  await using stage = await openStandIn({ agent: { modes }, entry: { mode: 'strict' } })
  await using session = await stage.open()
  const changes: Step = { update: { sessionUpdate: 'current_mode_update', currentModeId: 'loose' } }
  expect(JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }, changes))))).toMatchObject({ modeId: 'strict' })
  expect(JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }))))).toMatchObject({ modeId: 'strict' })
})

test('MCP servers are passed on in the words of the protocol, without their secrets', async () => {
  await using stage = await openStandIn({ agent: { capabilities: { mcpCapabilities: { http: true } } } })
  const notes = { command: 'node', args: ['notes.js'], env: { A: 'b' } }
  const remote = { url: 'http://127.0.0.1:1/mcp', headers: { 'X-Key': 'header' }, bearer_token_env_var: 'TOKEN' }
  const { enclosure, routes } = toNoted(stage)
  const env = { credentials: { TOKEN: 'secret' }, enclosure }
  await using session = await stage.open({ runtimeConfig: { mcp_servers: { notes, remote, Remote: { url: remote.url } } } }, env)
  const told = JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }))))
  expect(told.variables).not.toHaveProperty('TOKEN')
  const headers = [{ name: 'Authorization', value: 'Bearer placeholder' }]
  expect(told.mcpServers).toEqual([
    { name: 'notes', command: 'node', args: ['notes.js'], env: [{ name: 'A', value: 'b' }] },
    { type: 'http', name: 'remote', url: 'http://gateway/mcp-1-remote', headers },
    { type: 'http', name: 'Remote', url: 'http://gateway/mcp-2-remote', headers },
  ])
  const route = { dialect: 'mcp', upstream: remote.url }
  expect(routes).toEqual([
    { ...route, name: 'mcp-1-remote', credential: { kind: 'bearer', secret: 'secret' }, headers: { 'X-Key': 'header' } },
    { ...route, name: 'mcp-2-remote', credential: null, headers: {} },
  ])
  expect(await failureAtStart({}, { runtimeConfig: { mcp_servers: { remote } } })).toMatchObject({ code: 'agent_start_failed' })
})

// ---------------------------------------------------------------- keys

const keyed = { base_url_variable: 'MODEL_URL', key_variable: 'MODEL_KEY', credential_variables: ['OTHER_KEY', 'MORE_KEY'] }
const credentials = { OWN_KEY: 'one', OTHER_KEY: 'two' }

test.each([
  ['of the session', {}, { base_url: 'http://model/v1', env_key: 'OWN_KEY' }, { upstream: 'http://model/v1', secret: 'one' }],
  ['of the entry', { base_url: 'http://provider/v1' }, {}, { upstream: 'http://provider/v1', secret: 'two' }],
])('with a base URL %s the agent gets what stands for its key, and no key', async (_, more, runtimeConfig, { upstream, secret }) => {
  await using stage = await openStandIn({ entry: { ...keyed, ...more, dialect: 'responses' } })
  const { enclosure, routes } = toNoted(stage)
  await using session = await stage.open({ runtimeConfig }, { credentials, offlineUrl: null, enclosure })
  const { variables } = JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }))))
  expect(variables).toMatchObject({ MODEL_URL: 'http://gateway/model', MODEL_KEY: 'placeholder' })
  expect(Object.keys(variables)).not.toEqual(expect.arrayContaining([expect.stringMatching(/OWN_KEY|OTHER_KEY|MORE_KEY/)]))
  expect(routes).toEqual([{ name: 'model', dialect: 'responses', upstream, credential: { kind: 'key', secret } }])
})

test('offline the agent gets the model of this machine, without a key', async () => {
  await using stage = await openStandIn({ entry: { ...keyed, base_url: 'http://provider/v1' } })
  const { enclosure, routes } = toNoted(stage)
  await using session = await stage.open({}, { credentials, enclosure })
  expect(session.alive).toBe(true)
  expect(routes).toEqual([{ name: 'model', dialect: 'chat_completions', upstream: `${stage.model.url}/v1`, credential: null }])
})

test('without a base URL the agent holds its key, under the name of the entry and no other', async () => {
  await using stage = await openStandIn({ entry: keyed })
  const { enclosure, routes } = toNoted(stage)
  const told = async (runtimeConfig: Record<string, unknown>) => {
    await using session = await stage.open({ runtimeConfig }, { credentials, offlineUrl: null, enclosure })
    const { variables } = JSON.parse(spoken(await runTurn(session, script({ tell: 'session' }))))
    return Object.entries(variables).filter(([name]) => name.endsWith('_KEY'))
  }
  expect(await told({ env_key: 'OWN_KEY' })).toEqual([['MODEL_KEY', 'one']])
  expect(await told({})).toEqual([['MODEL_KEY', 'two']])
  expect(routes).toEqual([])
})

test('a key that was stored with an endpoint goes there through the gateway, also where the entry has none', async () => {
  await using stage = await openStandIn({ entry: keyed })
  const { enclosure, routes } = toNoted(stage)
  const upstream = 'http://gateway.example/v1'
  const boundKeys = [{ variable: 'OTHER_KEY', secret: 'two', endpoints: [upstream] }]
  await using session = await stage.open({}, { credentials, boundKeys, offlineUrl: null, enclosure })
  expect(session.alive).toBe(true)
  expect(routes).toMatchObject([{ upstream, credential: { secret: 'two' } }])
})

test('an agent that holds a key which the session does not bring is not told by the session whom to show it to', async () => {
  await using stage = await openStandIn({ entry: keyed })
  const variables = { ...stage.env.variables, MODEL_URL: 'http://evil.example' }
  const open = (secret: string) =>
    stage.open({}, { credentials, variables, boundKeys: [{ variable: 'OTHER_KEY', secret, endpoints: [] }], offlineUrl: null })
  await expect(open('two')).rejects.toMatchObject({ failure: { code: 'auth_required', message: expect.stringContaining('MODEL_URL') } })
  await using session = await open('of another variable')
  expect(session.alive).toBe(true)
})

test('a key that is named and not there is told', async () => {
  await using stage = await openStandIn({ entry: keyed })
  const opened = stage.open({ runtimeConfig: { env_key: 'NONE' } }, { credentials, offlineUrl: null })
  await expect(opened).rejects.toMatchObject({ failure: { code: 'auth_required', message: expect.stringContaining('NONE') } })
})

test('what the agent needs of the host, and where it may go, is told to what stands around it', async () => {
  await using stage = await openStandIn({
    entry: { readable: ['/opt/library'], hosts: ['login.example.com'], login_files: ['.own/login', '.own/none'] },
  })
  const { enclosure, commands, hosts } = toNoted(stage)
  const [theirs, own] = [path.join(stage.root, 'theirs'), path.join(stage.root, 'own')]
  await mkdir(path.join(theirs, '.own'), { recursive: true })
  await writeFile(path.join(theirs, '.own', 'login'), '{"token":"old","expires":1}')
  const env = {
    enclosure,
    offlineUrl: null,
    login: { home: theirs, variables: { HOME: theirs } },
    variables: { ...stage.env.variables, HOME: own },
  }
  {
    await using session = await stage.open({}, env)
    expect(spoken(await runTurn(session, 'hello'))).toBe('heard: hello')
    expect(hosts).toEqual(['login.example.com'])
    expect(commands[0]?.readable).toEqual(expect.arrayContaining(['/opt/library', standIn, process.execPath]))
    expect(commands[0]?.writable).toEqual([path.join(await realpath(theirs), '.own', 'login')])
    expect(await readFile(path.join(own, '.own', 'login'), 'utf8')).toContain('old')
    // As agents do that replace files.
    await writeFile(path.join(own, '.own', 'draft'), '{"token":"new","expires":2}')
    await rename(path.join(own, '.own', 'draft'), path.join(own, '.own', 'login'))
  }
  expect(await readFile(path.join(theirs, '.own', 'login'), 'utf8')).toContain('new')
})

test.each(['initialize', 'session/new'])('an agent that ends at %s says why', async (diesAt) => {
  expect(await failureAtStart({ agent: { diesAt } })).toMatchObject({
    code: 'agent_start_failed',
    exit_code: 7,
    stderr_tail: `the stand-in dies at ${diesAt}\n`,
  })
})

test('an agent that does not come up is given up', async () => {
  expect(await failureAtStart({ agent: { silentAt: 'initialize' }, runtime: { startTimeoutMs: 300 } })).toMatchObject({
    code: 'agent_start_timeout',
  })
})

test.each([{ diesAt: 'session/new' }, { silentAt: 'session/new' }, { protocolVersion: 2 }])(
  'an agent that is not opened leaves nothing running (%o)',
  async (agent) => {
    const nap = `${8000 + process.pid}.5`
    await failureAtStart({ agent: { ...agent, leaves: ['sleep', nap] }, runtime: { startTimeoutMs: 1000 } })
    await expect.poll(() => sleeps(nap)).toBe(false)
  },
)

test('an agent of another version of the protocol is not driven', async () => {
  expect(await failureAtStart({ agent: { protocolVersion: 2 } })).toMatchObject({
    code: 'agent_start_failed',
    message: expect.stringContaining('version 2'),
  })
})

/** Whether any process has this among its arguments. */
async function sleeps(seconds: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.some((line) => line.split('\0').includes(seconds))
}
