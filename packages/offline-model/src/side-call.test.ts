import { expect, test } from 'vitest'
import type { Conversation } from './conversation.ts'
import { startOfflineModel } from './offline-model.ts'
import { isSideCall, toSideSelection } from './side-call.ts'

const person = { kind: 'user', text: 'Go' } as const
const instruction = { kind: 'system', text: 'You are a title generator.' } as const
const bare: Conversation = { id: null, model: 'm', wants: 'stream', tools: [], cwd: null, answerSchema: null, items: [person] }

test.each<[string, Partial<Conversation>, boolean]>([
  ['an agent that offers tools', { tools: ['Bash'], items: [instruction, person] }, false],
  ['an agent that offers tools and wants a form', { tools: ['Bash'], answerSchema: {} }, false],
  ['a person who tries the model by hand', {}, false],
  ['instructions without tools', { items: [instruction, person] }, true],
  ['a form without tools', { answerSchema: {} }, true],
  ['a count', { wants: 'token_count', tools: ['Bash'] }, true],
])('%s', (_, request, side) => {
  expect(isSideCall({ ...bare, ...request })).toBe(side)
})

const answer = (answerSchema: unknown): string | undefined => toSideSelection({ ...bare, answerSchema }).leg.text

test('the answer has the form that is asked for', () => {
  expect(answer(null)).toBe('Offline model')
  const schema = {
    type: 'OBJECT',
    properties: {
      reasoning: { type: 'STRING' },
      next_speaker: { type: 'STRING', enum: ['user', 'model'] },
      sure: { type: ['boolean', 'null'] },
      many: { type: 'integer' },
      list: { type: 'array', items: { type: 'string' } },
      inner: { properties: { any: true }, required: ['any'] },
      optional: { type: 'string' },
    },
    required: ['reasoning', 'next_speaker', 'sure', 'many', 'list', 'inner'],
  }
  expect(JSON.parse(answer(schema) ?? '')).toEqual({
    reasoning: 'Offline model',
    next_speaker: 'user',
    sure: false,
    many: 0,
    list: [],
    inner: { any: null },
  })
  expect(answer(true)).toBe('null')
})

test('side calls take nothing from a scenario', async () => {
  await using model = await startOfflineModel({
    scenarios: [{ name: 'go', prompt: 'Go', legs: [{ text: 'First', fault: { kind: 'status', status: 500, times: 1 } }] }],
  })
  const ask = (request: object): Promise<Response> =>
    fetch(`${model.url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Go' }], ...request }),
    })
  const side = await ask({ system: 'Write a title.' })
  expect(await side.json()).toMatchObject({ content: [{ text: 'Offline model' }] })
  const tools = [{ name: 'Bash' }]
  expect((await ask({ system: 'Work.', tools })).status).toBe(500)
  expect(await (await ask({ system: 'Work.', tools })).json()).toMatchObject({ content: [{ text: 'First' }] })
  expect(model.journal.entries.map((entry) => [entry.side, entry.scenario, entry.attempt])).toEqual([
    [true, null, 1],
    [false, 'go', 1],
    [false, 'go', 2],
  ])
})
