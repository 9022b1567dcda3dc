import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Outcome, RuntimeSession, TaskSpec } from '../../core/ports.ts'
import type { TaskHost } from '../../core/task-host.ts'
import { GeminiSession, toPlainMessages } from './session.ts'
import { approve } from '../../../../../test/fixtures/stage.ts'
import { aborted } from '../abort.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const hour = 3_600_000
const task: TaskSpec = { taskId: 't', permissionMode: 'ask', messages: [{ role: 'user', content: 'x' }], runtimeConfig: {} }
const call = { id: 'c', name: 'shell', kind: 'execute', title: 'x', input: {} } as const
const stopped: Outcome = { status: 'stopped', reason: 'stopped' }

/** An agent that does this in a turn, and stops when it is told. */
const agent = (run: (host: TaskHost) => Promise<void>): RuntimeSession => ({
  nativeId: 'n',
  alive: true,
  resumed: false,
  async run(_task, host) {
    await run(host)
    await aborted(host.signal)
    return stopped
  },
  async [Symbol.asyncDispose]() {},
})

function host(more: Partial<TaskHost> = {}): TaskHost {
  return {
    signal: new AbortController().signal,
    observe: async () => {},
    ask: async () => approve,
    answer: async () => ({ outcome: 'decline', reason: 'no' }),
    ...more,
  }
}

test('a model that says nothing for too long has fallen silent, and can be asked again', async () => {
  const begun = Promise.withResolvers<void>()
  await using session = new GeminiSession(
    agent(async () => begun.resolve()),
    { idleTimeoutMs: 1000, home: '/nowhere', conversationFile: '/nowhere/file' },
  )
  const outcome = session.run(task, host())
  await begun.promise
  await vi.advanceTimersByTimeAsync(1001)
  expect(await outcome).toMatchObject({ status: 'failed', error: { code: 'model_stream_interrupted', retryable: true } })
  expect(session.alive).toBe(true)
})

test('while a person is asked, or a call runs, nobody is silent', async () => {
  const stop = new AbortController()
  const decision = Promise.withResolvers<typeof approve>()
  const turn = agent(async (its) => {
    await its.ask(call)
    await its.observe([{ kind: 'call.started', id: call.id }])
  })
  await using session = new GeminiSession(turn, { idleTimeoutMs: 1000, home: '/nowhere', conversationFile: '/nowhere/file' })
  const asked = Promise.withResolvers<void>()
  const running = Promise.withResolvers<void>()
  const outcome = session.run(
    task,
    host({
      signal: stop.signal,
      ask: () => {
        asked.resolve()
        return decision.promise
      },
      observe: async () => running.resolve(),
    }),
  )
  await asked.promise
  await vi.advanceTimersByTimeAsync(hour)
  decision.resolve(approve)
  await running.promise
  await vi.advanceTimersByTimeAsync(hour)
  stop.abort()
  expect(await outcome).toEqual(stopped)
  // It had a call: its memory of it is not to be relied on.
  expect(session.alive).toBe(false)
})

test('a message is never a command for the agent itself', () => {
  const text = (content: string) => toPlainMessages([{ role: 'user', content }])[0]?.content
  expect(text('hello')).toBe('hello')
  for (const command of ['/help', '  $about', '\n/memory show'])
    expect(text(command)).toEqual([
      { type: 'text', text: 'The user writes:' },
      { type: 'text', text: command },
    ])
})
