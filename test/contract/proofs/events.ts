import { expect } from 'vitest'
import { eventSchema, isEventType, type Event } from '@codesdkd/protocol'
import type { Frame } from '../../harness/client.ts'
import type { Proofs, World } from '../world.ts'

export const eventProofs: Proofs = {
  'GET /sessions/<sessionId>/events': {
    async 'Returns normalized SSOT events.'({ client, bigRun }) {
      const { sessionId, end } = await bigRun()
      const events = await client.events(sessionId)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
      for (const event of events) {
        expect(isEventType(event.type)).toBe(true)
        expect(eventSchema(event.type).safeParse(event).error).toBeUndefined()
        expect(event.trace.session_id).toBe(sessionId)
      }
      expect(events.at(-1)).toEqual(end)
    },
    async '`after_seq` (or `from_seq`): start after this `seq`'({ client, bigRun }) {
      const { sessionId } = await bigRun()
      const all = await client.events(sessionId)
      for (const name of ['after_seq', 'from_seq']) {
        const { body } = await client.get(`/sessions/${sessionId}/events?${name}=3&limit=5000`)
        expect(body.events).toEqual(all.slice(3))
      }
      expect(await client.get(`/sessions/${sessionId}/events?after_seq=${all.length}`)).toMatchObject({
        status: 200,
        body: { events: [], next_seq: all.length, has_more: false },
      })
      expect(await client.get(`/sessions/${sessionId}/events?after_seq=${all.length + 1}`)).toMatchObject({
        status: 409,
        body: { error: 'cursor_ahead', last_seq: all.length },
      })
      expect((await client.get(`/sessions/${sessionId}/events?after_seq=3&from_seq=4`)).status).toBe(400)
      expect((await client.get(`/sessions/${sessionId}/events?after_seq=3&from_seq=3`)).status).toBe(200)
    },
    '`limit` (default `500`)': provesLimit,
    async '`stream=1` to stream via SSE'(world) {
      await streams(world, '?stream=1', {})
    },
    async 'Set `Accept: text/event-stream` or `?stream=1`.'(world) {
      await streams(world, '', { accept: 'text/event-stream' })
      await streams(world, '?stream=1', { accept: '*/*' })
      const { sessionId } = await world.bigRun()
      for (const accept of ['*/*', 'text/event-stream;q=0']) {
        expect((await world.client.get(`/sessions/${sessionId}/events`, { accept })).headers.get('content-type')).toBe('application/json')
      }
    },
    async 'Sends a `ready` event first, then `data: <event-json>` frames.'({ client, bigRun }) {
      const { sessionId } = await bigRun()
      const all = await client.events(sessionId)
      const frames: Frame[] = []
      for await (const frame of client.frames(`/sessions/${sessionId}/events?until=idle`)) frames.push(frame)
      expect(frames[0]).toMatchObject({ event: 'ready' })
      expect(JSON.parse(frames[0]?.data ?? '')).toMatchObject({ session_id: sessionId, last_seq: all.length })
      const data = frames.filter(({ event }) => event === undefined)
      expect(data.map(({ data: json }): Event => JSON.parse(json))).toEqual(all)
      expect(data.map(({ id }) => id)).toEqual(all.map(({ seq }) => String(seq)))
      const resumed: Frame[] = []
      for await (const frame of client.frames(`/sessions/${sessionId}/events?until=idle&after_seq=1`, {
        headers: { 'last-event-id': '5' },
      }))
        resumed.push(frame)
      expect(resumed.filter(({ event }) => event === undefined)).toEqual(data.slice(5))
    },
  },
}

async function streams({ client, bigRun }: World, query: string, headers: Record<string, string>): Promise<void> {
  const { sessionId } = await bigRun()
  const gone = new AbortController()
  const answer = await fetch(`${client.url}/sessions/${sessionId}/events${query}`, { headers, signal: gone.signal })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  expect(answer.headers.get('x-accel-buffering')).toBe('no')
  gone.abort()
}

async function provesLimit({ client, stage }: World): Promise<void> {
  const session = await client.createSession(stage.session())
  await client.finish(await client.startTask(session.session_id, 'talk long'))
  const { last_seq }: { last_seq: number } = (await client.get(`/sessions/${session.session_id}`)).body
  expect(last_seq).toBeGreaterThan(500)
  const page = await client.get(`/sessions/${session.session_id}/events`)
  expect(page.body.events).toHaveLength(500)
  expect(page.body).toMatchObject({ next_seq: 500, has_more: true })
  expect((await client.get(`/sessions/${session.session_id}/events?limit=3`)).body).toMatchObject({ next_seq: 3, has_more: true })
  expect((await client.get(`/sessions/${session.session_id}/events?limit=99999`)).body).toMatchObject({
    next_seq: last_seq,
    has_more: false,
  })
  for (const limit of ['0', '-1', 'x']) expect((await client.get(`/sessions/${session.session_id}/events?limit=${limit}`)).status).toBe(400)
}
