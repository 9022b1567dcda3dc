// oxlint-disable vitest/no-standalone-expect -- the rows are run by bad-input.test.ts
import { expect } from 'vitest'
import type { Row } from './target.ts'

const messages = [{ role: 'user', content: 'x' }]
const tool = (more: object) => ({ name: 'tool', description: 'Does.', input_schema: { type: 'object' }, ...more })
const pattern = { properties: { a: { type: 'string', pattern: '^(a+)+$', default: `${'a'.repeat(60)}!` } } }

const refused = (name: string, toolManifest: unknown): Row => ({
  id: 'B122',
  name,
  async check({ open, stage }) {
    const { session_id } = await open.client.createSession(stage.session())
    const { status, body } = await open.client.post(`/sessions/${session_id}/tasks`, { messages, toolManifest })
    expect([status, ['invalid_request', 'invalid_tool_manifest'].includes(String(body.error))]).toEqual([400, true])
    expect((await open.client.get(`/sessions/${session_id}/tasks`)).body.tasks).toEqual([])
  },
})

const identity = { attempt: 1, input_hash: `sha256:${'0'.repeat(64)}` }

/** 5.7: tools of the host, and what it says of them. */
export const toolRows: readonly Row[] = [
  refused('a manifest of 1 MB', [tool({ input_schema: { description: 'x'.repeat(1024 ** 2) } })]),
  refused(
    '129 tools',
    Array.from({ length: 129 }, (_, index) => tool({ name: `tool${index}` })),
  ),
  refused('a manifest that is text', 'all'),
  refused('a tool called __proto__', [tool({ name: '__proto__' })]),
  refused('a schema from elsewhere', [tool({ input_schema: { $ref: 'http://127.0.0.1:1/x' } })]),
  refused('a schema that goes round in circles', [tool({ input_schema: { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' } })]),
  refused('a pattern that is none', [tool({ input_schema: { properties: { a: { pattern: '(' } } } })]),
  {
    id: 'B122',
    name: 'a pattern that takes for ever: nothing stands still',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(stage.session())
      const posted = open.client.post(`/sessions/${session_id}/tasks`, { messages, toolManifest: [tool({ input_schema: pattern })] })
      expect((await open.client.get('/health')).status).toBe(200)
      const { status, body } = await posted
      expect(status).toBe(202)
      await open.client.finish({ session_id, task_id: String(body.task_id) })
    },
  },
  ...['result', 'output'].flatMap((what) =>
    [
      [{}, 400],
      [{ ...identity, attempt: '1', result: 'x', delta: 'x' }, 400],
      [{ ...identity, result: 'x', delta: 'x' }, 409],
    ].map(([body, status], index): Row => ({
      id: 'B122',
      name: `${what} ${index} of a call that is not there`,
      async check({ open, stage }) {
        const { session_id } = await open.client.createSession(stage.session())
        for (const id of ['nope', '__proto__'])
          expect((await open.client.post(`/sessions/${session_id}/tool-calls/${id}/${what}`, body)).status, id).toBe(status)
      },
    })),
  ),
]
