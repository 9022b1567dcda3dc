import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import { ofType, only, said } from '../events.ts'
import { play } from '../round.ts'
import { mendGreeting, shell } from '../script.ts'

/** The smallest picture there is: one red point. */
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'

export const answers: readonly Cell[] = [
  {
    name: 'an answer is streamed, and its deltas are its text',
    quick: true,
    proves: { supports_streaming: true, supports_session_create: true },
    async run(stage) {
      const text = 'It greets a person by name, and it has a typing error.'
      stage.script({ hello: [{ text, chunk_size: 10 }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'hello')
      expect(end.type).toBe('task.completed')
      const deltas = ofType(events, 'model.output.delta')
      expect(deltas.length).toBeGreaterThan(1)
      expect(new Set(deltas.map(({ payload }) => `${payload.kind} ${payload.block_id}`)).size).toBe(1)
      expect(deltas.map(({ payload }) => payload.delta).join('')).toBe(text)
      expect(said(events)).toEqual([text])
    },
  },
  {
    name: 'reasoning is a block of its own before the answer',
    async run(stage) {
      stage.script({ think: [{ reasoning: 'The greeting looks wrong to me.', text: 'It is wrong.', chunk_size: 8 }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, stage.session(), 'think')
      const blocks = ofType(events, 'model.output.completed').flatMap(({ payload }) => payload.content)
      expect(blocks).toEqual([
        { type: 'reasoning', text: 'The greeting looks wrong to me.' },
        { type: 'text', text: 'It is wrong.' },
      ])
      const reasoning = ofType(events, 'model.output.delta').filter(({ payload }) => payload.kind === 'reasoning_delta')
      expect(reasoning.length).toBeGreaterThan(1)
    },
  },
  {
    name: 'the plan comes whole each time it changes',
    async run(stage) {
      const plan = (first: 'in_progress' | 'completed', second: 'pending' | 'in_progress') => [
        { text: 'Look', status: first },
        { text: 'Mend', status: second },
      ]
      stage.script({
        plan: [
          { tools: [{ tool: 'plan', entries: plan('in_progress', 'pending') }] },
          { tools: [{ tool: 'plan', entries: plan('completed', 'in_progress') }] },
          { text: 'On my way.' },
        ],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'plan')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'plan.updated').map(({ payload }) => payload.entries)).toEqual([
        plan('in_progress', 'pending'),
        plan('completed', 'in_progress'),
      ])
    },
  },
  {
    name: 'usage is told for each call of the model and summed in the receipt',
    proves: { supports_usage_reporting: true },
    async run(stage) {
      const calls = [
        { input_tokens: 1200, output_tokens: 30, cached_input_tokens: 1000, reasoning_tokens: 20 },
        { input_tokens: 1300, output_tokens: 7, cached_input_tokens: 1200, reasoning_tokens: 0 },
      ]
      stage.script({
        count: [
          { tools: [shell('ls')], ...usage(calls[0]) },
          { text: 'One file.', ...usage(calls[1]) },
        ],
      })
      await using daemon = await stage.open()
      const { end, events, task } = await play(daemon.client, stage.session(), 'count')
      const reported = ofType(events, 'usage.reported').map(({ payload }) => payload)
      expect(reported).toMatchObject(calls.map((call) => ({ ...call, scope: 'call' })))
      const sum = { input_tokens: 2500, output_tokens: 37, cached_input_tokens: 2200, reasoning_tokens: 20 }
      expect(end.payload.receipt.usage).toMatchObject(sum)
      expect((await daemon.client.task(task)).usage).toMatchObject(sum)
      // What the calls cost nobody told: that is not nothing.
      expect([...reported.map(({ cost_usd }) => cost_usd), end.payload.receipt.cost_usd]).toEqual([null, null, null])
    },
  },
  {
    name: 'usage that was never told is unknown, not zero',
    async run(stage) {
      stage.script({ refused: [{ fault: { kind: 'status', status: 401 } }] })
      await using daemon = await stage.open()
      const { end } = await play(daemon.client, stage.session(), 'refused')
      expect(end.type).toBe('task.failed')
      expect(end.payload.receipt).toMatchObject({ usage: null, cost_usd: null })
    },
  },
  {
    name: 'the receipt names the files that changed and the commands with their exit codes',
    async run(stage) {
      const { names } = stage.subject
      stage.script({ work: [{ tools: [shell('exit 3')] }, { tools: [mendGreeting] }, { text: 'Done.' }] })
      await using daemon = await stage.open()
      const { end, events, task } = await play(daemon.client, stage.session(), 'work', { decide: () => null })
      const { receipt } = end.payload
      expect(receipt.files_changed).toEqual([{ path: 'greet.js', change: 'edit' }])
      expect(receipt.commands).toMatchObject([{ title: 'exit 3', exit_code: 3, is_error: true }])
      expect(receipt.approvals).toMatchObject({ approved: 2, denied: 0, by_user: 2 })
      expect((await daemon.client.task(task)).receipt).toEqual(receipt)
      expect(only(events, 'file.changed').payload).toMatchObject({
        path: 'greet.js',
        change: 'edit',
        diff: expect.stringContaining('+export const greet = (name) => `Hello'),
      })
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => [payload.name, payload.executed_by])).toEqual([
        [names.shell, 'runtime'],
        [names.edit, 'runtime'],
      ])
    },
  },
  {
    name: 'a picture in the prompt reaches the model',
    needs: { supports_attachments: true },
    proves: { supports_attachments: true },
    async run(stage) {
      stage.script({ picture: [{ text: 'Red.' }] })
      await using daemon = await stage.open()
      const content = [
        { type: 'text', text: 'picture' },
        { type: 'image', media_type: 'image/png', data: picture },
      ]
      const { end } = await play(daemon.client, stage.session(), 'picture', { task: { messages: [{ role: 'user', content }] } })
      expect(end.type).toBe('task.completed')
      expect(heard(stage.model, picture)).toBe(true)
    },
  },
]

function usage<T>(of: T | undefined): { usage: T } {
  if (of === undefined) throw new Error('there is no such call')
  return { usage: of }
}
