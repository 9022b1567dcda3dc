import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isTerminal, toText, type CreateTask, type EventOf } from '@codesdkd/protocol'
import type { TaskSpec } from './ports.ts'
import type { Observation, TaskHost } from './task-host.ts'
import { createStage, type Stage, type StageOptions } from './testing/stage.ts'

const completed = { status: 'completed', reason: 'completed' } as const
const schema = { type: 'object', properties: { bugs: { type: 'integer' } }, required: ['bugs'], additionalProperties: false }

const text = (...texts: string[]): Observation => ({
  kind: 'event',
  event: { type: 'model.output.completed', payload: { content: texts.map((one) => ({ type: 'text', text: one })) } },
})
const command: Observation = {
  kind: 'call.unasked',
  rule: 'test',
  call: { id: 'c', name: 'shell', kind: 'execute', title: 'ls', input: {} },
}

/** An agent that says these in turn, one for each time it is run. */
function speaker(...turns: readonly (readonly Observation[])[]): {
  heard: TaskSpec[]
  run: (host: TaskHost, _tools: unknown, task: TaskSpec) => Promise<typeof completed>
} {
  const heard: TaskSpec[] = []
  return {
    heard,
    async run(host, _tools, task) {
      await host.observe(turns[heard.length] ?? [])
      heard.push(task)
      return completed
    },
  }
}

const prompts = (tasks: readonly TaskSpec[]) => tasks.map(({ messages }) => toText(messages.at(-1)?.content ?? ''))

async function play(
  run: StageOptions['run'],
  { task = {}, ...options }: Omit<StageOptions, 'run'> & { task?: Partial<CreateTask> } = {},
): Promise<{ end: EventOf<'task.completed' | 'task.failed' | 'task.stopped'>; stage: Stage; types: readonly string[] }> {
  const stage = await createStage({ run, ...options })
  await stage.create()
  await stage.submit('t', { output_schema: schema, ...task })
  const end = await stage.until(({ type }) => isTerminal(type))
  const types = stage.events
    .filter(({ trace }) => trace.task_id === 't')
    .map(({ type, payload }) => ('kind' in payload ? `${type} ${payload.kind}` : type))
  return { end: end as EventOf<'task.completed'>, stage, types }
}

describe('an answer that fits', () => {
  test.each([
    ['as the whole text', [text('{"bugs":3}')]],
    ['in a fence', [text('Here it is:\n\n```json\n{"bugs": 3}\n```\nDone.')]],
    ['in a fence without a name', [text('```\n{"bugs": 3}\n```')]],
    ['as the last block', [text('I have looked.', '{"bugs":3}')]],
    ['after a call', [text('{"bugs":1}'), command, text('{"bugs":3}')]],
  ])('%s is the output of the task', async (_name, observations) => {
    const agent = speaker(observations)
    const { end, stage } = await play(agent.run)
    await using _ = stage
    expect(end).toMatchObject({ type: 'task.completed', payload: { output: { bugs: 3 } } })
    expect(stage.storage.log.task('s', 't')?.task).toMatchObject({ status: 'completed', output: { bugs: 3 } })
    expect(agent.heard).toHaveLength(1)
  })

  test('null is an output as any other', async () => {
    const { end, stage } = await play(speaker([text('null')]).run, { task: { output_schema: { type: 'null' } } })
    await using _ = stage
    expect(end.payload).toHaveProperty('output', null)
    expect(stage.storage.log.task('s', 't')?.task).toHaveProperty('output', null)
  })

  test('a long one is an artifact', async () => {
    const long = 'x'.repeat(9000)
    const { end, stage } = await play(speaker([text(JSON.stringify({ long }))]).run, { task: { output_schema: {} } })
    await using _ = stage
    if (end.type !== 'task.completed') throw new Error(end.type)
    expect(end.payload).not.toHaveProperty('output')
    const { output_ref = '' } = end.payload
    expect(stage.storage.log.task('s', 't')?.task.output_ref).toBe(output_ref)
    expect(stage.storage.artifacts.meta(output_ref)).toMatchObject({ contentType: 'application/json', name: 'output.json' })
    expect(JSON.parse(new TextDecoder().decode(await stage.storage.artifacts.content(output_ref)))).toEqual({ long })
  })

  test('is masked where it holds a secret', async () => {
    const secret = 'hunter2-hunter2'
    const { end, stage } = await play(speaker([text(JSON.stringify({ secret }))]).run, { task: { output_schema: {} }, secrets: [secret] })
    await using _ = stage
    expect(end.type).toBe('task.completed')
    expect(JSON.stringify(end.payload)).not.toContain(secret)
  })
})

describe('what the agent is told', () => {
  test('the schema stands after the prompt, and in the log the messages stay those of the host', async () => {
    const agent = speaker([text('{"bugs":3}')])
    const { stage } = await play(agent.run)
    await using _ = stage
    expect(agent.heard[0]).not.toHaveProperty('outputSchema')
    expect(prompts(agent.heard)).toEqual([expect.stringMatching(/^go\n[^]*\{"type":"object","properties":\{"bugs"/)])
    const started = await stage.until(({ type }) => type === 'task.started')
    expect(started.payload).toEqual({ messages: [{ role: 'user', content: 'go' }] })
  })

  test('an agent that holds its model to the schema gets it beside the prompt', async () => {
    const agent = speaker([text('{"bugs":3}')])
    const { stage } = await play(agent.run, { holdsToSchema: () => true })
    await using _ = stage
    expect(agent.heard).toMatchObject([{ outputSchema: schema, messages: [{ content: 'go' }] }])
  })

  test('each time, and what it was given is in the log each time', async () => {
    const { types, stage } = await play(speaker([text('nothing')], [text('{"bugs":3}')]).run)
    await using _ = stage
    const inputs = stage.events.filter((event) => event.type === 'model.input')
    const [, second] = await Promise.all(inputs.map(({ payload }) => stage.storage.artifacts.content(payload.input_ref)))
    expect(JSON.parse(new TextDecoder().decode(second))).toMatchObject({ messages: [{ role: 'user' }], output_schema: schema })
    expect(types).toEqual([
      'task.started',
      'model.input',
      'model.output.completed',
      'runtime.notice output_repair',
      'model.input',
      'model.output.completed',
      'task.completed',
    ])
  })
})

describe('an answer that does not fit', () => {
  test.each([
    ['no JSON', text('Three.'), 'it is not JSON'],
    ['another value', text('{"bugs":"three"}'), 'bugs must be integer'],
    ['nothing at all', command, 'there is no answer'],
    ['JSON without an end to its depth', text(`${'['.repeat(4000)}${']'.repeat(4000)}`), 'it is nested deeper than 64 levels'],
  ])('%s: the agent is asked once more', async (_name, first, fault) => {
    const agent = speaker([first], [text('{"bugs":3}')])
    const { end, stage } = await play(agent.run)
    await using _ = stage
    expect(end).toMatchObject({ type: 'task.completed', payload: { output: { bugs: 3 } } })
    expect(prompts(agent.heard)[1]).toContain(fault)
    expect(prompts(agent.heard)[1]).toContain(JSON.stringify(schema))
  })

  test('twice: the task has failed, and says what is wrong', async () => {
    const agent = speaker([text('{"bugs":"three"}')], [text('{"bugs":true}')])
    const { end, stage } = await play(agent.run)
    await using _ = stage
    expect(agent.heard).toHaveLength(2)
    expect(end).toMatchObject({
      type: 'task.failed',
      payload: { reason: 'output_schema_mismatch', error: { code: 'output_schema_mismatch', retryable: true } },
    })
    expect(end.payload.error?.message).toContain('bugs must be integer')
  })

  test('the second answer counts alone', async () => {
    const { end, stage } = await play(speaker([text('{"bugs":"three"}')], []).run)
    await using _ = stage
    expect(end.payload.error?.message).toContain('there is no answer')
  })

  test('a task that has failed is not asked again', async () => {
    const error = { code: 'agent_error', message: 'broken', retryable: false } as const
    const { end, types, stage } = await play(() => Promise.resolve({ status: 'failed', reason: 'error', error }))
    await using _ = stage
    expect(end.payload.error).toEqual(error)
    expect(types).not.toContain('runtime.notice output_repair')
  })
})

describe('while it is asked once more', () => {
  /** Says nothing that fits, and the second time nothing until it is stopped. */
  const stuck = () => {
    let turns = 0
    return async (host: TaskHost) => {
      turns += 1
      if (turns === 1) return completed
      if (!host.signal.aborted) await new Promise((resolve) => host.signal.addEventListener('abort', resolve, { once: true }))
      return { status: 'stopped', reason: 'stopped' } as const
    }
  }

  test('a stop stops the task', async () => {
    await using stage = await createStage({ run: stuck() })
    await stage.create()
    await stage.submit('t', { output_schema: schema })
    await stage.until((event) => event.type === 'runtime.notice')
    await stage.session.stop('t', 'r')
    const end = await stage.until(({ type }) => isTerminal(type))
    expect(end).toMatchObject({ type: 'task.stopped', payload: { reason: 'stopped_by_user' } })
  })

  test('the time limit of the task goes on', async () => {
    const { end, stage } = await play(stuck(), { task: { timeout_ms: 300 } })
    await using _ = stage
    expect(end.payload.error).toMatchObject({ code: 'deadline_exceeded' })
  })

  test('a stop before it leaves it out', async () => {
    let turns = 0
    await using stage = await createStage({
      async run() {
        turns += 1
        await stage.session.stop('t', 'r')
        return completed
      },
    })
    await stage.create()
    await stage.submit('t', { output_schema: schema })
    expect(await stage.until(({ type }) => isTerminal(type))).toMatchObject({ type: 'task.stopped' })
    await nextTurn()
    expect(turns).toBe(1)
  })
})

test.each([
  ['of no dialect', { type: 'nonsense' }],
  ['that leads outside', { $ref: 'https://example.com/schema.json' }],
  ['that is too large', { description: 'x'.repeat(70_000) }],
])('a schema %s is refused before anything is stored', async (_name, output_schema) => {
  await using stage = await createStage({ run: () => Promise.resolve(completed) })
  await stage.create()
  await expect(stage.submit('t', { output_schema })).rejects.toMatchObject({ code: 'invalid_output_schema', status: 400 })
  expect(stage.storage.log.task('s', 't')).toBeNull()
})
