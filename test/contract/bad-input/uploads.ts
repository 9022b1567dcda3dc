// oxlint-disable vitest/no-standalone-expect -- the rows are run by bad-input.test.ts
import { expect } from 'vitest'
import type { Row } from './target.ts'

const data = Buffer.from('hello').toString('base64')

const refused = (name: string, body: object, status: number, error: string): Row => ({
  id: 'B148',
  name,
  async check({ open, stage }) {
    const { session_id } = await open.client.createSession(stage.session())
    const answer = await open.client.post('/artifacts', { session_id, content_type: 'text/plain', data, ...body })
    expect([answer.status, answer.body.error]).toEqual([status, error])
  },
})

/** Files that a host sends, and what its tasks say of them. */
export const uploadRows: readonly Row[] = [
  refused('of no session', { session_id: 'nope' }, 404, 'session_not_found'),
  refused('without a session', { session_id: null }, 400, 'invalid_request'),
  refused('that is no base64', { data: 'hello!' }, 400, 'invalid_request'),
  refused('of nothing', { data: '' }, 400, 'invalid_request'),
  refused('that is a list', { data: [data] }, 400, 'invalid_request'),
  refused('that is too large', { data: 'AAAA'.repeat(3 * 1024 ** 2) }, 413, 'payload_too_large'),
  refused('with a type that is none', { content_type: 'picture' }, 400, 'invalid_request'),
  refused('with a type of two lines', { content_type: 'text/plain\r\nset-cookie: a=b' }, 400, 'invalid_request'),
  refused('with a path for a name', { name: '../../etc/passwd' }, 400, 'invalid_request'),
  refused('with NUL in its name', { name: 'a\0b' }, 400, 'invalid_request'),
  {
    id: 'B148',
    name: 'from a form of a page',
    async check({ open }) {
      const headers = { origin: open.client.url, 'content-type': 'multipart/form-data; boundary=x' }
      const answer = await fetch(`${open.client.url}/artifacts`, { method: 'POST', headers, body: '--x--' })
      expect(answer.status).toBe(415)
    },
  },
  {
    id: 'B149',
    name: 'that a task of another session names, or that no agent can read',
    async check({ open, stage }) {
      const [mine, other] = [await open.client.createSession(stage.session()), await open.client.createSession(stage.session())]
      const upload = async (content_type: string) => {
        const { status, body } = await open.client.post('/artifacts', { session_id: mine.session_id, content_type, data, name: 'a' })
        expect(status).toBe(201)
        return { type: 'artifact_ref', artifact_id: String(body.artifact_id) }
      }
      const submit = async (sessionId: string, block: object) => {
        const { status, body } = await open.client.post(`/sessions/${sessionId}/tasks`, { messages: [{ role: 'user', content: [block] }] })
        return [status, body.error]
      }
      expect(await submit(other.session_id, await upload('text/plain'))).toEqual([404, 'artifact_not_found'])
      expect(await submit(mine.session_id, { type: 'artifact_ref', artifact_id: '../x' })).toEqual([404, 'artifact_not_found'])
      expect(await submit(mine.session_id, await upload('application/zip'))).toEqual([400, 'attachment_unsupported'])
      for (const { session_id } of [mine, other]) expect((await open.client.get(`/sessions/${session_id}/tasks`)).body.tasks).toEqual([])
    },
  },
]
