import type { TaskErrorCode } from '@codesdkd/protocol'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType, only, said } from '../events.ts'
import { turns } from '../heard.ts'
import { play } from '../round.ts'
import { toScenarios, type FaultInput, type LegInput, type Script } from '../script.ts'
import type { Stage } from '../stage.ts'
import type { EndpointFault, SessionBody, Subject } from '../subject.ts'

interface Row {
  readonly kind: EndpointFault
  readonly fault: FaultInput | ((subject: Subject) => FaultInput)
  readonly code: TaskErrorCode
  readonly retryable: boolean
  /** Agents ask again for a while before they give up. */
  readonly perseveres?: true
}

/** What may be wrong with a model's endpoint, and what a task must be told of it, whatever the agent calls it. */
const refusals: readonly Row[] = [
  { kind: 'unauthorized', fault: { kind: 'status', status: 401 }, code: 'auth_required', retryable: false },
  { kind: 'bad_request', fault: { kind: 'status', status: 400 }, code: 'model_request_rejected', retryable: false },
  { kind: 'rate_limited', fault: { kind: 'status', status: 429 }, code: 'rate_limited', retryable: true, perseveres: true },
  { kind: 'quota_used_up', fault: ({ faults }) => faults.quotaUsedUp, code: 'usage_limit_reached', retryable: false },
  { kind: 'broken', fault: { kind: 'status', status: 500 }, code: 'model_unavailable', retryable: true, perseveres: true },
]

const interruptions: readonly Row[] = [
  { kind: 'refused', fault: { kind: 'refuse' }, code: 'model_stream_interrupted', retryable: true, perseveres: true },
  { kind: 'dropped', fault: { kind: 'drop', after_chunks: 2 }, code: 'model_stream_interrupted', retryable: true },
  { kind: 'hanging', fault: { kind: 'hang', after_chunks: 2 }, code: 'model_stream_interrupted', retryable: true },
]

const excess: readonly Row[] = [
  { kind: 'context_too_large', fault: ({ faults }) => faults.contextTooLarge, code: 'context_window_exceeded', retryable: false },
]

/** What a task is told: the code that fits, or what is left of it where the agent hides the rest. */
function told({ hiddenFaults }: Subject, { kind, code, retryable }: Pick<Row, 'kind' | 'code' | 'retryable'>): object {
  const hidden = hiddenFaults?.[kind]
  return hidden === undefined ? { code, retryable } : { code: hidden.code, retryable: hidden.retryable }
}

function remark(kinds: readonly EndpointFault[], perseveres: number): (subject: Subject) => string | null {
  return ({ hiddenFaults, perseverance }) => {
    const slow = perseveres === 0 || perseverance === undefined ? [] : [perseverance.reason]
    const hidden = kinds.flatMap((kind) => {
      const one = hiddenFaults?.[kind]
      return one === undefined ? [] : [`${kind} as ${one.code}: ${one.reason}`]
    })
    return [...hidden, ...slow].join('; ') || null
  }
}

/** What the model says to which prompt, and to an agent that asks it to go on where a stream broke. */
function script({ model, subject: { takesUpWith } }: Stage, script: Script, goOn: LegInput): void {
  const again = takesUpWith === undefined ? [] : [{ name: 'go-on', prompt: takesUpWith, legs: [goOn] }]
  model.setScenarios({ scenarios: [...toScenarios(script).scenarios, ...again] })
}

/** One fault after the other in one session: each fails its task and no other. */
function toCell(name: string, rows: readonly Row[], more: Partial<Cell> = {}): Cell {
  const perseveres = rows.filter((row) => row.perseveres).length
  return {
    ...more,
    name,
    perseveres,
    remark: remark(
      rows.map(({ kind }) => kind),
      perseveres,
    ),
    async run(stage) {
      const { subject } = stage
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(
        stage.session({ runtimeConfig: rows.some(({ kind }) => kind === 'hanging') ? subject.impatience : {} }),
      )
      const ends: Record<string, unknown> = {}
      for (const { kind, fault } of rows) {
        const leg = { text: 'Hello to you.', chunk_size: 4, fault: typeof fault === 'function' ? fault(subject) : fault }
        script(stage, { [kind]: [leg], after: [{ text: 'Here again.' }] }, leg)
        const { end } = await play(daemon.client, session, kind)
        ends[kind] = end.type === 'task.failed' ? end.payload.error : end.type
        expect((await play(daemon.client, session, 'after')).end.type).toBe('task.completed')
      }
      expect(ends).toMatchObject(Object.fromEntries(rows.map((row) => [row.kind, told(subject, row)])))
    },
  }
}

const text = 'This sentence was cut off once.'

/** The pieces come slowly: what is on its way when a connection breaks may be lost. */
const brokenOnce: LegInput = { text, chunk_size: 6, delay_ms: 100, fault: { kind: 'drop', after_chunks: 3, times: 1 } }

export const faults: readonly Cell[] = [
  toCell(
    'an endpoint that refuses (401, 400, 429, quota, 500) fails the task with the code that fits, and the session lives on',
    refusals,
    {
      quick: true,
    },
  ),
  toCell('an endpoint that breaks the connection, or drops or hangs the stream, fails the task, and the session lives on', interruptions),
  toCell('an endpoint that finds the conversation too long fails the task as context_window_exceeded, and the session lives on', excess),
  {
    name: 'an endpoint that is not there fails the task as model_unreachable',
    perseveres: 1,
    remark: remark(['unreachable'], 1),
    async run(stage) {
      await using daemon = await stage.open()
      const nowhere = stage.subject.session({ cwd: stage.folder.workspace, endpoint: `http://127.0.0.1:${await closedPort()}` })
      const { end } = await play(daemon.client, nowhere, 'hello')
      expect(end.type).toBe('task.failed')
      expect(end.payload.error).toMatchObject(told(stage.subject, { kind: 'unreachable', code: 'model_unreachable', retryable: true }))
    },
  },
  {
    name: 'a key that is not there fails the task as auth_required, and one that is there reaches the endpoint',
    async run(stage) {
      const { subject, model } = stage
      const secret = 'a-key-for-the-endpoint-7771'
      stage.script({ hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open()
      const withKey = (env: Readonly<Record<string, string>>): SessionBody =>
        stage.session({ env, runtimeConfig: subject.providerKey('MODEL_KEY') })
      const without = await play(daemon.client, withKey({}), 'hello')
      expect(without.end.payload.error).toMatchObject({ code: 'auth_required', retryable: false })
      expect(model.journal.entries).toEqual([])
      expect((await play(daemon.client, withKey({ MODEL_KEY: secret }), 'hello')).end.type).toBe('task.completed')
      expect(turns(model).map((entry) => model.journal.carries(entry, secret))).toEqual([true])
    },
  },
  {
    name: 'a stream that breaks once is taken up again: what was shown of it is void, and the answer is right',
    quick: true,
    needs: { tells_restarted_streams: true, takes_up_broken_streams: true },
    proves: { tells_restarted_streams: true, takes_up_broken_streams: true },
    async run(stage) {
      stage.script({ hello: [brokenOnce] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'hello')
      expect(end.type).toBe('task.completed')
      const { block_id } = only(events, 'model.output.discarded').payload
      const deltas = ofType(events, 'model.output.delta').map(({ payload }) => payload)
      const pieces = (of: (id: string) => boolean) => deltas.filter((delta) => of(delta.block_id)).map(({ delta }) => delta)
      const shown = pieces((id) => id === block_id).join('')
      expect(shown).not.toBe('')
      expect(text.startsWith(shown)).toBe(true)
      // An agent may ask for the whole answer at once when a stream broke.
      expect([text, '']).toContain(pieces((id) => id !== block_id).join(''))
      expect(said(events)).toEqual([text])
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).toContain('model_retry')
    },
  },
  {
    name: 'a stream that breaks once is taken up again: the agent does not tell, and the answer ends right',
    needs: { tells_restarted_streams: false, takes_up_broken_streams: true },
    proves: { tells_restarted_streams: false, takes_up_broken_streams: true },
    async run(stage) {
      script(stage, { hello: [brokenOnce] }, { text })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'hello')
      expect(end.type).toBe('task.completed')
      expect(turns(stage.model)).toHaveLength(2)
      expect(ofType(events, 'model.output.discarded')).toEqual([])
      // What was shown before the break may stand there too.
      expect(said(events).join('').endsWith(text)).toBe(true)
    },
  },
  {
    name: 'a stream that breaks once is not taken up again: the task fails at once, what was shown is kept, and it may be tried again',
    needs: { takes_up_broken_streams: false },
    proves: { takes_up_broken_streams: false, tells_restarted_streams: false },
    async run(stage) {
      stage.script({ hello: [brokenOnce] })
      await using daemon = await stage.open()
      const { session, end, events } = await play(daemon.client, stage.session(), 'hello')
      expect(end.payload.error).toMatchObject({ code: 'model_stream_interrupted', retryable: true })
      expect(turns(stage.model)).toHaveLength(1)
      expect(text.startsWith(said(events).join(''))).toBe(true)
      const again = await play(daemon.client, session, 'hello')
      expect([again.end.type, said(again.events)]).toEqual(['task.completed', [text]])
    },
  },
]

/** A port where nobody listens: one that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  server.close()
  await once(server, 'close')
  return address.port
}
