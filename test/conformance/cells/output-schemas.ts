import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType } from '../events.ts'
import { heard, turns } from '../heard.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'

const schema = {
  type: 'object',
  properties: { bugs: { type: 'integer', description: 'how many there are' } },
  required: ['bugs'],
  additionalProperties: false,
}
/** No provider holds a model to this one. */
const loose = { type: 'object', properties: { bugs: { type: 'integer' } }, maxProperties: 7 }

export const outputSchemas: readonly Cell[] = [
  {
    name: 'with an output schema the last answer is the output of the task, as a value',
    quick: true,
    async run(stage) {
      stage.script({ count: [{ text: 'I look for them.', tools: [shell('ls')] }, { text: '{"bugs": 3}' }] })
      await using daemon = await stage.open()
      const { end, events, task } = await play(daemon.client, stage.session(), 'count', { task: { outputSchema: schema } })
      expect(end).toMatchObject({ type: 'task.completed', payload: { output: { bugs: 3 } } })
      expect(await daemon.client.task(task)).toMatchObject({ status: 'completed', output: { bugs: 3 } })
      expect(ofType(events, 'task.started')[0]?.payload.messages).toEqual([{ role: 'user', content: 'count' }])
      expect(ofType(events, 'model.input')).toHaveLength(1)
    },
  },
  {
    name: 'an answer that does not fit its output schema is asked for once more, in the same conversation',
    async run(stage) {
      stage.script({
        count: [
          { text: 'There are three.', usage: { input_tokens: 1200, output_tokens: 30 } },
          { text: '```json\n{"bugs": 3}\n```', usage: { input_tokens: 1300, output_tokens: 7 } },
        ],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'count', { task: { outputSchema: schema } })
      expect(end).toMatchObject({ type: 'task.completed', payload: { output: { bugs: 3 } } })
      expect(ofType(events, 'runtime.notice').filter(({ payload }) => payload.kind === 'output_repair')).toHaveLength(1)
      expect(ofType(events, 'model.input')).toHaveLength(2)
      expect(end.payload.receipt.usage).toMatchObject({ input_tokens: 2500, output_tokens: 37 })
      expect(heard(stage.model, 'it is not JSON', { leg: 1 })).toBe(true)
      expect(heard(stage.model, 'There are three.', { leg: 1 })).toBe(true)
    },
  },
  {
    name: 'an answer that never fits its output schema fails the task, and the session lives on',
    async run(stage) {
      stage.script({ count: [{ text: '{"bugs": "three"}' }, { text: '{"bugs": "four"}' }], hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session())
      const { end, task } = await play(daemon.client, session, 'count', { task: { outputSchema: schema } })
      expect(end).toMatchObject({ type: 'task.failed', payload: { error: { code: 'output_schema_mismatch' } } })
      expect(await daemon.client.task(task)).not.toHaveProperty('output')
      expect(turns(stage.model)).toHaveLength(2)
      const next = await play(daemon.client, session, 'hello')
      expect(next.end.type).toBe('task.completed')
      expect(next.end.payload).not.toHaveProperty('output')
    },
  },
  {
    name: 'the agent holds its model to an output schema that its provider takes, for that task alone; any other stands in the prompt',
    needs: { supports_output_schema: 'native' },
    proves: { supports_output_schema: 'native' },
    async run(stage) {
      stage.script({ strict: [{ text: '{"bugs": 3}' }], loose: [{ text: '{"bugs": 3}' }], hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session())
      const asked: unknown[] = []
      for (const [prompt, task] of [
        ['strict', { outputSchema: schema }],
        ['loose', { outputSchema: loose }],
        ['hello', {}],
      ] as const) {
        expect((await play(daemon.client, session, prompt, { task })).end.type).toBe('task.completed')
        asked.push(turns(stage.model).at(-1)?.conversation.answerSchema)
      }
      expect(asked).toEqual([schema, null, null])
      expect(heard(stage.model, JSON.stringify(schema))).toBe(false)
      expect(heard(stage.model, JSON.stringify(loose))).toBe(true)
    },
  },
  {
    name: 'an output schema stands in the prompt',
    needs: { supports_output_schema: 'validated' },
    proves: { supports_output_schema: 'validated' },
    async run(stage) {
      stage.script({ count: [{ text: '{"bugs": 3}' }] })
      await using daemon = await stage.open()
      const { end } = await play(daemon.client, stage.session(), 'count', { task: { outputSchema: schema } })
      expect(end.type).toBe('task.completed')
      expect(turns(stage.model).map(({ conversation }) => conversation.answerSchema)).toEqual([null])
      expect(heard(stage.model, JSON.stringify(schema))).toBe(true)
    },
  },
]
