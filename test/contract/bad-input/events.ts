import { expect } from 'vitest'
import { answers, get, type Row } from './target.ts'

const onSession = (id: string, name: string, query: string, status: number, error?: string, accept = '*/*'): Row => ({
  id,
  name,
  async check({ open }) {
    const { session_id } = await open.client.createSession({})
    const answer = await open.client.get(`/sessions/${session_id}/events${query}`, { accept })
    expect(answer).toMatchObject({ status, body: error === undefined ? {} : { error } })
  },
})

/** 5.6: reading sessions and events. */
export const eventRows: readonly Row[] = [
  ...['nope', '%00', 'x'.repeat(200)].map((after) =>
    answers('B100', `after=${after.slice(0, 10)}`, get(`/sessions?after=${after}`), 400, 'invalid_cursor', 'open'),
  ),
  answers('B100', 'after= of 10 KB', get(`/sessions?after=${'x'.repeat(10_000)}`), 400, 'invalid_cursor', 'open'),
  answers('B102', 'a limit above the maximum', get('/sessions?limit=501'), 200, undefined, 'open'),
  answers('B103', 'limit twice', get('/sessions?limit=1&limit=2'), 400, 'invalid_request', 'open'),
  answers('B103', 'limit[]', get('/sessions?limit[]=1'), 200, undefined, 'open'),
  ...['-1', '1.5', 'abc', '9007199254740992', '1e3', '+1', ' 1', ''].map((seq) =>
    onSession('B104', `after_seq=${seq}`, `?after_seq=${encodeURIComponent(seq)}`, 400, 'invalid_request'),
  ),
  onSession('B105', 'after_seq beyond the end', '?after_seq=99', 409, 'cursor_ahead'),
  {
    id: 'B105',
    name: 'a stream from beyond the end is told so and goes on',
    async check({ open }) {
      const { session_id } = await open.client.createSession({})
      const controls: unknown[] = []
      for await (const frame of open.client.frames(`/sessions/${session_id}/events?after_seq=99&until=idle`))
        controls.push([frame.event, JSON.parse(frame.data).reason])
      expect(controls).toEqual([
        ['ready', undefined],
        ['resync', 'cursor_ahead'],
        ['caught_up', undefined],
      ])
    },
  },
  {
    id: 'B105',
    name: 'a cursor of another log',
    async check({ open }) {
      const frames = open.client.frames('/events?until=idle', { headers: { 'last-event-id': 'another-log.7' } })
      const controls: unknown[] = []
      for await (const frame of frames) controls.push([frame.event, JSON.parse(frame.data).reason])
      expect(controls).toEqual([
        ['ready', undefined],
        ['resync', 'log_changed'],
        ['caught_up', undefined],
      ])
    },
  },
  answers('B105', 'a global cursor that is none', get('/events?after=abc'), 400, 'invalid_cursor', 'open'),
  onSession('B106', 'after_seq and from_seq that differ', '?after_seq=0&from_seq=1', 400, 'invalid_request'),
  onSession('B108', 'Accept with q=0', '', 200, undefined, 'text/event-stream;q=0'),
  ...['2', 'true', ''].map((value) => onSession('B109', `stream=${value}`, `?stream=${value}`, 400, 'invalid_request')),
  onSession('B109', 'a filter that is none', '?types=DROP%20TABLE', 400, 'invalid_request'),
  {
    id: 'B111',
    name: 'one stream more than allowed',
    async check({ strict }) {
      const gone = new AbortController()
      await fetch(`${strict.client.url}/events`, { signal: gone.signal })
      const refused = await strict.client.get('/events')
      expect(refused).toMatchObject({ status: 429, body: { error: 'sse_limit', limit: 1, retryable: true } })
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
      gone.abort()
    },
  },
  {
    id: 'B112',
    name: 'a session id in upper case, or with a slash behind it',
    async check({ open }) {
      const { session_id } = await open.client.createSession({})
      expect((await open.client.get(`/sessions/${session_id}`)).status).toBe(200)
      for (const path of [session_id.toUpperCase(), `${session_id}/`, `${session_id}%20`])
        expect((await open.client.get(`/sessions/${path}`)).status).toBe(404)
    },
  },
]
