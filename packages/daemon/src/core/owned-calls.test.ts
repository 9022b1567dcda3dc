import { expect, test } from 'vitest'
import { toolDefinition, type EventOf, type EventType, type ToolDefinition } from '@codesdkd/protocol'
import type { ToolAnswer } from './task-host.ts'
import { createStage, type Stage } from './testing/stage.ts'
import { toRegistry, type Tool } from './tools.ts'

const completed = { status: 'completed', reason: 'completed' } as const
const weather = define({
  name: 'weather',
  description: 'The weather of a town.',
  permission: 'read-only',
  input_schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
  output_schema: { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] },
})

/** Calls `weather` and remembers what the model would hear. */
async function asking(
  input: unknown,
  options: { tools?: readonly Tool[]; manifest?: ToolDefinition[]; mode?: 'auto' | 'ask' | 'yolo' } = {},
) {
  const heard = Promise.withResolvers<ToolAnswer>()
  const { tools = [], manifest, mode } = options
  const stage = await createStage({
    tools: toRegistry(tools),
    judge: () => Promise.resolve({ result: 'allow', rule: 'test' }),
    ...(mode === undefined ? {} : { permissionMode: mode }),
    async run(host, given) {
      heard.resolve(await given.call('weather', input, host.signal))
      return completed
    },
  })
  await stage.create()
  await stage.submit('t', manifest === undefined ? {} : { tool_manifest: manifest })
  return { stage, heard: heard.promise }
}

test('a tool of the host runs when the host gives its result', async () => {
  const { stage, heard } = await asking({ town: 'Jena' }, { manifest: [weather] })
  await using _ = stage
  const { tool_call_id, attempt, input_hash, executed_by } = await payload(stage, 'tool.call.started')
  expect(executed_by).toBe('host')
  const result = { attempt, input_hash, result: { degrees: 21 }, is_error: false }
  await stage.session.hosted.write(tool_call_id, { attempt, input_hash, stream: 'output', delta: 'looking' })
  await Promise.all([stage.session.hosted.give(tool_call_id, result), stage.session.hosted.give(tool_call_id, result)])
  expect(await heard).toEqual({ text: '{"degrees":21}', structured: { degrees: 21 }, isError: false })
  await payload(stage, 'task.completed')
  expect(stage.events.map(({ type }) => type).filter((type) => type.startsWith('tool.'))).toEqual([
    'tool.call.requested',
    'tool.call.policy_evaluated',
    'tool.call.approved',
    'tool.call.started',
    'tool.output.delta',
    'tool.output.completed',
    'tool.call.completed',
  ])
  expect(await payload(stage, 'tool.call.completed')).toMatchObject({
    tool_call_id,
    executed_by: 'host',
    execution_env: 'host',
    result_preview: '{"degrees":21}',
    is_error: false,
  })
})

test('a result that is not the one that is waited for is refused, and the call goes on waiting', async () => {
  const { stage, heard } = await asking({ town: 'Jena' }, { manifest: [weather] })
  await using _ = stage
  const { tool_call_id, attempt, input_hash } = await payload(stage, 'tool.call.started')
  const give = (wish: object) =>
    stage.session.hosted
      .give(tool_call_id, { attempt, input_hash, result: { degrees: 21 }, is_error: false, ...wish })
      .catch((error: unknown) => error)
  expect(await give({ result: 'warm' })).toMatchObject({ code: 'invalid_tool_result' })
  expect(await give({ attempt: 2 })).toMatchObject({ code: 'attempt_mismatch' })
  expect(await give({ input_hash: 'sha256:0' })).toMatchObject({ code: 'input_hash_mismatch' })
  await expect(stage.session.hosted.give('another', { attempt, input_hash, result: 1, is_error: false })).rejects.toMatchObject({
    code: 'tool_call_not_running',
  })
  // Of two at once one stands.
  const both = await Promise.all([give({ result: { degrees: 1 } }), give({ result: { degrees: 2 } })])
  expect(both.filter((one) => one === undefined)).toHaveLength(1)
  expect(both.find((one) => one !== undefined)).toMatchObject({ code: 'tool_result_exists' })
  expect((await heard).isError).toBe(false)
})

test('what does not fit the input schema is denied with the reason, and nobody runs it', async () => {
  const { stage, heard } = await asking({ city: 'Jena' }, { manifest: [weather] })
  await using _ = stage
  expect(await heard).toMatchObject({ isError: true, text: expect.stringContaining("must have required property 'town'") })
  expect(await payload(stage, 'tool.call.denied')).toMatchObject({ decided_by: 'policy', policy_snapshot: { sources: ['invalid_input'] } })
  expect(stage.events.some(({ type }) => type === 'tool.call.started')).toBe(false)
})

test('a tool of the daemon runs at once; what it says wrongly is its failure', async () => {
  const run: Tool['run'] = ({ input, output, cwd }) => {
    output('stdout', `in ${cwd}`)
    return Promise.resolve({ result: { input }, isError: false, exitCode: 0 })
  }
  const { stage, heard } = await asking({ town: 'Jena' }, { tools: [{ ...weather, run }] })
  await using _ = stage
  expect(await heard).toMatchObject({ isError: true, text: expect.stringContaining('degrees') })
  expect(await payload(stage, 'tool.call.completed')).toMatchObject({ executed_by: 'codesdk', is_error: true, exit_code: 0 })
})

test('a stop cancels a call that waits for its host, before the task ends', async () => {
  const { stage, heard } = await asking({ town: 'Jena' }, { manifest: [weather] })
  await using _ = stage
  const { tool_call_id, attempt, input_hash } = await payload(stage, 'tool.call.started')
  await stage.session.stop('t', 'request')
  expect(await heard).toMatchObject({ isError: true, text: expect.stringContaining('stopped_by_user') })
  await payload(stage, 'task.stopped')
  const types = stage.events.map(({ type }) => type)
  expect(types.indexOf('tool.call.completed')).toBeLessThan(types.indexOf('task.stopped'))
  const late = async () => stage.session.hosted.give(tool_call_id, { attempt, input_hash, result: { degrees: 1 }, is_error: false })
  await expect(late()).rejects.toMatchObject({ code: 'tool_call_not_running' })
})

test('a host that does not answer in time has failed', async () => {
  const { stage, heard } = await asking({ town: 'Jena' }, { manifest: [{ ...weather, timeout_ms: 1 }] })
  await using _ = stage
  expect(await heard).toEqual({ isError: true, text: 'The tool did not answer within its time limit.' })
})

test('the names and schemas of a manifest are checked before the task is accepted', async () => {
  await using stage = await createStage({
    run: () => Promise.resolve(completed),
    tools: toRegistry([{ ...weather, name: 'clock', run: never }]),
  })
  await stage.create()
  const submit = (tool_manifest: (ToolDefinition | string)[]) => stage.submit('t', { tool_manifest }).catch((error: unknown) => error)
  const remote = { ...weather, input_schema: { $ref: 'https://example.com/schema' } }
  for (const manifest of [['unknown'], [weather, { ...weather, name: 'Weather' }], [{ ...weather, name: 'clock' }], [remote]])
    expect(await submit(manifest)).toMatchObject({ code: 'invalid_tool_manifest' })
  expect(stage.events.map(({ type }) => type)).toEqual(['session.created'])
})

function never(): Promise<never> {
  return Promise.reject(new Error('not to be run'))
}

function define(definition: Partial<ToolDefinition> & Pick<ToolDefinition, 'name'>): ToolDefinition {
  return toolDefinition.parse(definition)
}

async function payload<T extends EventType>(stage: Stage, type: T): Promise<EventOf<T>['payload']> {
  const event = await stage.until((one) => one.type === type)
  return event.payload as EventOf<T>['payload']
}
