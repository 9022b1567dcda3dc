import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { heard, turns } from '../heard.ts'
import { deeds, ofType, only, said } from '../events.ts'
import { play, type Round } from '../round.ts'
import { mend, shell, type LegInput } from '../script.ts'
import type { Stage } from '../stage.ts'
import type { Subject } from '../subject.ts'

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
    needs: { tells_reasoning: true },
    proves: { tells_reasoning: true },
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
      // Some agents tell a thought as a whole.
      expect(reasoning.map(({ payload }) => payload.delta).join('')).toBe('The greeting looks wrong to me.')
    },
  },
  {
    name: 'the plan comes whole each time it changes',
    needs: { tells_plans: true },
    proves: { tells_plans: true },
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
    needs: { tells_usage_per_call: true },
    proves: { supports_usage_reporting: true, tells_usage_per_call: true },
    remark: untold,
    async run(stage) {
      await using daemon = await stage.open()
      const { calls, events } = await count(stage, daemon.client)
      // Some agents sum them up as well, and some tell how much the model could hold apart from what it held.
      const told = ofType(events, 'usage.reported').filter(({ payload }) => payload.scope === 'call' && payload.input_tokens !== null)
      expect(told.map(({ payload }) => payload)).toMatchObject(calls.map((call) => ({ ...call, scope: 'call' })))
    },
  },
  {
    name: 'usage is told for the whole task, and for no call of its own',
    needs: { tells_usage_per_call: false },
    proves: { supports_usage_reporting: true, tells_usage_per_call: false },
    remark: untold,
    async run(stage) {
      await using daemon = await stage.open()
      const { sum, events } = await count(stage, daemon.client)
      expect(only(events, 'usage.reported').payload).toMatchObject({ ...sum, scope: 'task' })
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
    name: 'the receipt names the files that changed and the commands that ran',
    async run(stage) {
      const { tools } = stage.subject
      stage.script({ work: [{ tools: [shell('exit 3')] }, ...mend(stage.subject), { text: 'Done.' }] })
      await using daemon = await stage.open()
      const { end, events, task } = await play(daemon.client, stage.session(), 'work', { decide: () => null })
      const { receipt } = end.payload
      expect(receipt.files_changed).toEqual([{ path: 'greet.js', change: 'edit' }])
      expect(receipt.commands).toMatchObject([{ title: 'exit 3', exit_code: stage.subject.traits.tells_exit_codes ? 3 : null }])
      expect(receipt.approvals).toMatchObject({ denied: 0, by_user: 2 })
      expect((await daemon.client.task(task)).receipt).toEqual(receipt)
      expect(only(events, 'file.changed').payload).toMatchObject({
        path: 'greet.js',
        change: 'edit',
        diff: expect.stringContaining('+export const greet = (name) => `Hello'),
      })
      expect(ofType(deeds(events), 'tool.call.completed').map(({ payload }) => [payload.name, payload.executed_by])).toEqual([
        [tools.shell.name, 'runtime'],
        [tools.edit.name, 'runtime'],
      ])
    },
  },
  {
    name: 'a command ends with its exit code',
    needs: { tells_exit_codes: true },
    proves: { tells_exit_codes: true },
    async run(stage) {
      stage.script({ work: [{ tools: [shell('exit 3')] }, { tools: [shell('true')] }, { text: 'Done.' }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'work')
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => [payload.exit_code, payload.is_error])).toEqual([
        [3, true],
        [0, false],
      ])
    },
  },
  {
    name: 'the exit code of a command that is not told is null, not 0',
    needs: { tells_exit_codes: false },
    proves: { tells_exit_codes: false },
    async run(stage) {
      stage.script({ work: [{ tools: [shell('exit 3')] }, { tools: [shell('true')] }, { text: 'Done.' }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'work')
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.exit_code ?? null)).toEqual([null, null])
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
  {
    name: 'an uploaded picture and an uploaded file reach the model',
    needs: { supports_attachments: true },
    async run(stage) {
      stage.script({ attached: [{ text: 'Red.' }] })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session())
      const upload = async (content_type: string, data: string, name: string) => {
        const { body } = await daemon.client.post('/artifacts', { session_id: session.session_id, content_type, data, name })
        return { type: 'artifact_ref', artifact_id: String(body.artifact_id) }
      }
      const content = [
        { type: 'text', text: 'attached' },
        await upload('image/png', picture, 'dot.png'),
        await upload('text/plain', Buffer.from('the words of the file').toString('base64'), 'words.txt'),
      ]
      const { end } = await play(daemon.client, session, 'attached', { task: { messages: [{ role: 'user', content }] } })
      expect(end.type).toBe('task.completed')
      expect([heard(stage.model, picture), heard(stage.model, 'the words of the file')]).toEqual([true, true])
    },
  },
]

type Told = Required<NonNullable<LegInput['usage']>>

/** Two calls of the model, what is to be told of them, and what came of the task. Counts that the agent never tells are null, never 0. */
async function count(stage: Stage, client: TestClient): Promise<Round & { readonly calls: readonly object[]; readonly sum: object }> {
  const { unknown, cost } = stage.subject.usage
  const tokens: Told = { input_tokens: 1200, output_tokens: 30, cached_input_tokens: 1000, reasoning_tokens: 20 }
  const more: Told = { input_tokens: 1300, output_tokens: 7, cached_input_tokens: 1200, reasoning_tokens: 0 }
  stage.script({
    count: [
      { tools: [shell('ls')], usage: tokens },
      { text: 'One file.', usage: more },
    ],
  })
  const round = await play(client, stage.session(), 'count')
  const hide = (usage: Told) => ({ ...usage, ...Object.fromEntries(unknown.map((name) => [name, null])) })
  const wired = { input_tokens: 2500, output_tokens: 37, cached_input_tokens: 2200 }
  const sum = hide({ ...wired, reasoning_tokens: 20 })
  expect(round.end.payload.receipt.usage).toMatchObject(sum)
  expect((await client.task(round.task)).usage).toMatchObject(sum)
  // What the daemon itself saw pass by: also what an agent asks its model beside the conversation.
  const { model_calls } = round.end.payload.receipt
  expect(model_calls).toMatchObject({ total: stage.model.journal.entries.length, failed: 0 })
  expect(model_calls?.usage).toMatchObject(turns(stage.model).length === stage.model.journal.entries.length ? wired : {})
  // What nobody told is not nothing.
  expect(round.end.payload.receipt.cost_usd).toEqual(cost ? expect.any(Number) : null)
  return { ...round, calls: [tokens, more].map(hide), sum }
}

function untold({ usage: { unknown } }: Subject): string | null {
  return unknown.length === 0 ? null : `null: ${unknown.join(', ')}`
}
