import type { TaskErrorCode } from '@codesdkd/protocol'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType, only, said } from '../events.ts'
import { play } from '../round.ts'
import type { FaultInput } from '../script.ts'
import type { SessionBody, Subject } from '../subjects.ts'

interface EndpointFault {
  readonly name: string
  readonly fault: FaultInput | ((subject: Subject) => FaultInput)
  readonly code: TaskErrorCode
  readonly retryable: boolean
}

/** What may be wrong with a model's endpoint, and what a task must be told of it, whatever the agent calls it. */
const endpointFaults: readonly EndpointFault[] = [
  { name: 'refuses the key (401)', fault: { kind: 'status', status: 401 }, code: 'auth_required', retryable: false },
  { name: 'refuses the request (400)', fault: { kind: 'status', status: 400 }, code: 'model_request_rejected', retryable: false },
  { name: 'limits the rate (429)', fault: { kind: 'status', status: 429 }, code: 'rate_limited', retryable: true },
  { name: 'says that the quota is used up', fault: ({ faults }) => faults.quotaUsedUp, code: 'usage_limit_reached', retryable: false },
  { name: 'is broken (500)', fault: { kind: 'status', status: 500 }, code: 'model_unavailable', retryable: true },
  { name: 'breaks the connection before it answers', fault: { kind: 'refuse' }, code: 'model_stream_interrupted', retryable: true },
  { name: 'drops the stream', fault: { kind: 'drop', after_chunks: 2 }, code: 'model_stream_interrupted', retryable: true },
  { name: 'hangs in the stream', fault: { kind: 'hang', after_chunks: 2 }, code: 'model_stream_interrupted', retryable: true },
  {
    name: 'finds the conversation too long',
    fault: ({ faults }) => faults.contextTooLarge,
    code: 'context_window_exceeded',
    retryable: false,
  },
]

function toCell({ name, fault, code, retryable }: EndpointFault): Cell {
  return {
    name: `an endpoint that ${name} fails the task as ${code}, and the session lives on`,
    ...(code === 'auth_required' ? { quick: true } : {}),
    async run(stage) {
      const { subject } = stage
      const played = typeof fault === 'function' ? fault(subject) : fault
      stage.script({ hello: [{ text: 'Hello to you.', chunk_size: 4, fault: played }], after: [{ text: 'Here again.' }] })
      await using daemon = await stage.open()
      const { end, session } = await play(
        daemon.client,
        stage.session({ runtimeConfig: played.kind === 'hang' ? subject.impatience : {} }),
        'hello',
      )
      expect(end.type).toBe('task.failed')
      expect(end.payload.error).toMatchObject({ code, retryable })
      expect((await play(daemon.client, session, 'after')).end.type).toBe('task.completed')
    },
  }
}

export const faults: readonly Cell[] = [
  ...endpointFaults.map(toCell),
  {
    name: 'an endpoint that is not there fails the task as model_unreachable',
    async run(stage) {
      await using daemon = await stage.open()
      const nowhere = stage.subject.session({ cwd: stage.folder.workspace, endpoint: `http://127.0.0.1:${await closedPort()}` })
      const { end } = await play(daemon.client, nowhere, 'hello')
      expect(end.payload.error).toMatchObject({ code: 'model_unreachable', retryable: true })
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
      expect(model.journal.entries.map((entry) => model.journal.carries(entry, secret))).toEqual([true])
    },
  },
  {
    name: 'a stream that breaks once is taken up again: what was shown of it is void, and the answer is right',
    quick: true,
    async run(stage) {
      const text = 'This sentence was cut off once.'
      stage.script({ hello: [{ text, chunk_size: 6, fault: { kind: 'drop', after_chunks: 3, times: 1 } }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'hello')
      expect(end.type).toBe('task.completed')
      const { block_id } = only(events, 'model.output.discarded').payload
      const deltas = ofType(events, 'model.output.delta').map(({ payload }) => payload)
      expect(
        deltas
          .filter((delta) => delta.block_id === block_id)
          .map(({ delta }) => delta)
          .join(''),
      ).toBe(text.slice(0, 18))
      expect(
        deltas
          .filter((delta) => delta.block_id !== block_id)
          .map(({ delta }) => delta)
          .join(''),
      ).toBe(text)
      expect(said(events)).toEqual([text])
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).toContain('model_retry')
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
