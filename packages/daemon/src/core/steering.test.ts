import { expect, test } from 'vitest'
import { toText, type Event, type Message } from '@codesdkd/protocol'
import { createStage, type Stage, type StageOptions } from './testing/stage.ts'

const completed = { status: 'completed', reason: 'completed' } as const
const messages: Message[] = [{ role: 'user', content: 'and this' }]
const steering = { messages, when_busy: 'steer' } as const

/** A turn that goes on until it is told to end, and what its agent was given in the middle of it. */
function createTurns(more: Partial<StageOptions> = {}) {
  const end = Promise.withResolvers<void>()
  const heard: string[] = []
  let runs = 0
  const options: StageOptions = {
    async run({ signal }) {
      runs += 1
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      if (runs === 1 && !signal.aborted) await Promise.race([end.promise, stopped])
      return signal.aborted ? { status: 'stopped', reason: 'stopped' } : completed
    },
    steer(given) {
      heard.push(...given.map(({ content }) => toText(content)))
      return Promise.resolve(true)
    },
    ...more,
  }
  return { options, heard, end: () => end.resolve(), runs: () => runs }
}

const ofTask = ({ events }: Stage, id: string) => events.filter(({ trace }) => trace.task_id === id).map(({ type }) => type)
const ended = (id: string) => (event: Event) => event.trace.task_id === id && /^task\.(completed|failed|stopped)$/.test(event.type)

test('joins the turn that runs: one event there, and the end of the task that brought it', async () => {
  const turns = createTurns()
  await using stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  const answer = { task_id: 'b', status: 'started', phase: 'completed', steered_into: 'a' }
  expect(await stage.submit('b', steering)).toMatchObject({ started: answer, replayed: false })
  expect(await stage.submit('b', steering)).toMatchObject({ started: answer, replayed: true })
  turns.end()
  await stage.until(ended('a'))
  expect(turns.heard).toEqual(['and this'])
  expect(ofTask(stage, 'a')).toEqual(['task.started', 'model.input', 'task.steered', 'task.completed'])
  expect(ofTask(stage, 'b')).toEqual(['task.queued', 'task.completed'])
  const { payload } = await stage.until(ended('b'))
  expect(payload).toMatchObject({ reason: 'steered', steered_into: 'a' })
  expect(stage.session.journal.transcript).toHaveLength(2)
})

/** A task that is about to join another: its messages are with the agent, which has not said yet whether it takes them. */
async function openHandover() {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<boolean>()
  const turns = createTurns({
    steer: () => {
      asked.resolve()
      return answer.promise
    },
  })
  const stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  const second = stage.submit('b', steering)
  await asked.promise
  return { answer, turns, stage, second }
}

test('a turn that ends in that moment: what its agent did not take runs as a task of its own, once', async () => {
  const { answer, turns, second, ...held } = await openHandover()
  await using stage = held.stage
  turns.end()
  answer.resolve(false)
  await second
  await stage.until(ended('b'))
  expect(ofTask(stage, 'a').at(-1)).toBe('task.completed')
  expect(ofTask(stage, 'b')).toEqual(['task.queued', 'task.started', 'model.input', 'task.completed'])
  expect(turns.runs()).toBe(2)
})

test('a turn that ends in that moment: what its agent took belongs to it, and its end waits', async () => {
  const { answer, turns, second, ...held } = await openHandover()
  await using stage = held.stage
  turns.end()
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
  const before = ofTask(stage, 'a')
  answer.resolve(true)
  expect(await second).toMatchObject({ started: { phase: 'completed', steered_into: 'a' } })
  await stage.until(ended('a'))
  expect(before).not.toContain('task.completed')
  expect(ofTask(stage, 'a').slice(-2)).toEqual(['task.steered', 'task.completed'])
  expect(turns.runs()).toBe(1)
})

test('an agent that is still coming up is told when it works; a stop before that is in time', async () => {
  const up = Promise.withResolvers<void>()
  const turns = createTurns({ open: () => up.promise })
  await using stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  const joins = stage.submit('b', steering)
  const stopped = stage.submit('c', { ...steering, messages: [{ role: 'user', content: 'not this' }] })
  await stage.until(({ type, trace }) => type === 'task.queued' && trace.task_id === 'c')
  expect(await stage.session.stop('c', 'r')).toEqual({ ok: true, task_id: 'c', status: 'stopped' })
  up.resolve()
  expect(await joins).toMatchObject({ started: { steered_into: 'a' } })
  await stopped
  expect(ofTask(stage, 'c')).toEqual(['task.queued', 'task.stopped'])
  expect(turns.heard).toEqual(['and this'])
  turns.end()
  await stage.until(ended('a'))
})

test('a task that is being stopped takes nothing more: what comes then runs after it', async () => {
  const turns = createTurns()
  await using stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  await stage.until(({ type }) => type === 'model.input')
  await stage.session.stop('a', 'r')
  await stage.submit('b', steering)
  await stage.until(ended('b'))
  expect(turns.heard).toEqual([])
  expect(ofTask(stage, 'b')).toContain('task.started')
})

test('a task that is to be rejected while another one is open leaves nothing behind', async () => {
  const turns = createTurns()
  await using stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  await expect(stage.submit('b', { when_busy: 'reject' })).rejects.toMatchObject({
    code: 'session_busy',
    members: { open_tasks: ['a'] },
  })
  expect(stage.session.task('b')).toBeUndefined()
  turns.end()
  await stage.until(ended('a'))
  await stage.session.journal.flushed
  expect(stage.storage.log.task('s', 'b')).toBeNull()
})

test('refuses what cannot join: an agent that takes nothing, another permission mode, an answer of its own', async () => {
  const turns = createTurns()
  const { steer: _, ...deaf } = turns.options
  await using stage = await createStage(deaf)
  await stage.create()
  await stage.submit('a')
  await expect(stage.submit('b', steering)).rejects.toMatchObject({ code: 'steer_unsupported', members: { allowed: ['queue', 'reject'] } })
  const others = createTurns()
  await using other = await createStage(others.options)
  await other.create()
  await other.submit('a')
  await expect(other.submit('b', { ...steering, permission_mode: 'yolo' })).rejects.toMatchObject({
    code: 'steer_unsupported',
    members: { field: 'permission_mode', expected: 'ask' },
  })
  await expect(other.submit('b', { ...steering, output_schema: { type: 'object' } })).rejects.toMatchObject({
    code: 'steer_unsupported',
    members: { field: 'output_schema' },
  })
  expect([turns.heard, others.heard]).toEqual([[], []])
  turns.end()
  others.end()
})

test('the end of the session ends what waits to join, and what runs', async () => {
  const up = Promise.withResolvers<void>()
  const turns = createTurns({ open: () => up.promise })
  await using stage = await createStage(turns.options)
  await stage.create()
  await stage.submit('a')
  const joins = stage.submit('b', steering)
  await stage.until(({ type }) => type === 'task.queued')
  const closed = stage.session.close()
  up.resolve()
  await closed
  await joins
  expect(ofTask(stage, 'b')).toEqual(['task.queued', 'task.stopped'])
  expect(turns.heard).toEqual([])
})
