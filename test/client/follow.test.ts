import { describe, expect, test } from 'vitest'
import { createClient, ResyncError, type Connection } from '@codesdkd/client'
import type { Event } from '@codesdkd/protocol'
import { createBench, createStage } from '../harness/daemon.ts'
import { createRelay } from './testing/relay.ts'

const scenarios = [
  {
    name: 'long',
    prompt: 'tell',
    legs: [{ text_repeat: { text: 'one more word of a long story. ', times: 80 }, chunk_size: 31, delay_ms: 10 }],
  },
]

/** Takes events until the end of the task. */
async function untilEnd(stream: AsyncGenerator<Event>, onEvent: (event: Event) => void | Promise<void> = () => undefined) {
  const events: Event[] = []
  for await (const event of stream) {
    events.push(event)
    await onEvent(event)
    if (/^task\.(completed|failed|stopped)$/.test(event.type)) break
  }
  return events
}

describe.concurrent('follow', () => {
  test('goes over kill -9 of the daemon while an agent writes: every event that is stored, once', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    let daemon = await stage.start()
    const port = new URL(daemon.client.url).port
    const { session_id } = await daemon.client.createSession(stage.session())
    await daemon.client.startTask(session_id, 'tell')
    const connections: Connection['phase'][] = []
    const client = createClient({ url: daemon.client.url })
    let deltas = 0
    const seen = await untilEnd(client.follow(session_id, { onConnection: ({ phase }) => connections.push(phase) }), async ({ type }) => {
      if (type !== 'model.output.delta' || (deltas += 1) !== 5) return
      await daemon.end('SIGKILL')
      daemon = await stage.start(['--port', port])
    })
    await using _last = daemon
    expect(deltas).toBeGreaterThanOrEqual(5)
    expect(seen.at(-1)).toMatchObject({ type: 'task.failed', payload: { error: { code: 'daemon_restarted' } } })
    expect(seen).toEqual(await daemon.client.events(session_id))
    expect(connections).toContain('lost')
    expect(connections.at(-1)).not.toBe('lost')
  })

  test('goes over a network that cuts every connection after some thousand bytes', { timeout: 60_000 }, async () => {
    await using relay = await createRelay(6_000)
    await using bench = await createBench({ scenarios, args: ['--allow-host', relay.host] })
    relay.aim(bench.client.url)
    const { session_id } = await bench.client.createSession(bench.session())
    const client = createClient({ url: relay.url })
    await bench.client.startTask(session_id, 'tell')
    const seen = await untilEnd(client.follow(session_id))
    expect(relay.connections()).toBeGreaterThan(3)
    expect(seen).toEqual(await bench.client.events(session_id))

    const all = []
    for await (const { event } of client.followAll({ until: 'idle' })) all.push(event)
    expect(all).toEqual(seen)
  })

  test('notices a connection that has fallen silent, and makes another', { timeout: 60_000 }, async () => {
    await using relay = await createRelay()
    await using bench = await createBench({ scenarios, args: ['--allow-host', relay.host] })
    relay.aim(bench.client.url)
    const { session_id } = await bench.client.createSession(bench.session())
    const errors: string[] = []
    const stream = createClient({ url: relay.url }).follow(session_id, {
      silenceMs: 300,
      onConnection(connection) {
        if (connection.phase === 'lost') errors.push(connection.error.message)
      },
    })
    expect((await stream.next()).value).toMatchObject({ seq: 1 })
    relay.freeze()
    const next = stream.next()
    await bench.client.startTask(session_id, 'tell')
    expect((await next).value).toMatchObject({ seq: 2 })
    expect(errors).toContain('The event stream has fallen silent.')
    await stream.return()
  })

  test('ends with its signal, with a session that is deleted, and where everything is told', async () => {
    await using bench = await createBench()
    const client = createClient({ url: bench.client.url })
    const { session_id } = await client.createSession({ cwd: bench.folder.workspace })
    expect(await Array.fromAsync(client.follow(session_id, { until: 'idle' }))).toMatchObject([{ type: 'session.created' }])
    expect(await Array.fromAsync(client.follow(session_id, { until: 'idle', types: ['task.*'] }))).toEqual([])

    const reason = new Error('enough')
    const enough = new AbortController()
    const stopped = client.follow(session_id, {
      signal: enough.signal,
      onConnection: ({ phase }) => phase === 'live' && enough.abort(reason),
    })
    expect((await stopped.next()).value).toMatchObject({ seq: 1 })
    await expect(stopped.next()).rejects.toBe(reason)

    const stream = client.follow(session_id)
    await stream.next()
    const next = stream.next()
    await client.deleteSession(session_id)
    await expect(next).rejects.toMatchObject({ code: 'session_not_found' })
  })

  test('says that the log is another one, and goes on from its end where that is wanted', async () => {
    await using bench = await createBench()
    const client = createClient({ url: bench.client.url })
    const { session_id } = await client.createSession({ cwd: bench.folder.workspace })
    const { storage } = await client.getStatus()
    const resync = { reason: 'cursor_ahead', log_id: storage.log_id, position: '1' }
    const refused = client.follow(session_id, { after: 100 }).next()
    await expect(refused).rejects.toBeInstanceOf(ResyncError)
    await expect(refused).rejects.toMatchObject({ resync })

    const told: unknown[] = []
    const stream = client.follow(session_id, { after: 100, onResync: (one) => told.push(one) })
    const next = stream.next()
    await client.updateSession(session_id, { title: 'another' })
    expect((await next).value).toMatchObject({ seq: 2 })
    expect(told).toEqual([resync])
    await stream.return()

    const everywhere = client.followAll({ after: 'another-log.7' }).next()
    await expect(everywhere).rejects.toMatchObject({ resync: { reason: 'log_changed' } })
  })

  test('notices a daemon with another log behind the same address', async () => {
    await using relay = await createRelay()
    await using first = await createBench({ args: ['--allow-host', relay.host] })
    await using second = await createBench({ args: ['--allow-host', relay.host] })
    const { session_id } = await first.client.createSession({ cwd: first.folder.workspace })
    const { session_id: other } = await second.client.createSession({ cwd: second.folder.workspace })
    relay.aim(first.client.url)
    // The second daemon is asked for its own session, as if it had the same one.
    let asked = session_id
    const client = createClient({ url: relay.url, fetch: (input, init) => fetch(input.replace(session_id, asked), init) })
    const stream = client.follow(session_id)
    await stream.next()
    const next = stream.next()
    asked = other
    relay.aim(second.client.url)
    relay.cut()
    await expect(next).rejects.toMatchObject({ resync: { reason: 'log_changed' } })
  })

  test('drops what it has seen, and does not go on behind a gap: it asks again from there', async () => {
    const frame = (seq: number) => `id: ${seq}\ndata: ${JSON.stringify({ seq, type: 'runtime.notice' })}\n\n`
    const ready = `event: ready\ndata: {"last_seq":5,"log_id":"a"}\n\n`
    const answers = [
      [1, 2, 2, 1, 4],
      [2, 3],
      [5, 4],
      [4, 5],
    ]
    const asked: (string | null)[] = []
    const client = createClient({
      url: 'http://127.0.0.1',
      fetch(_input, init) {
        asked.push(new Headers(init.headers).get('last-event-id'))
        const seqs = answers.shift() ?? []
        return Promise.resolve(new Response(`${ready}${seqs.map(frame).join('')}${answers.length === 0 ? ': idle\n\n' : ''}`))
      },
    })
    const seen = await Array.fromAsync(client.follow('any', { until: 'idle' }))
    expect(seen.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(asked).toEqual(['0', '2', '3', '3'])
  })

  test('begins with what happens from now on', async () => {
    await using bench = await createBench()
    const client = createClient({ url: bench.client.url })
    await client.createSession({ cwd: bench.folder.workspace })
    const live = Promise.withResolvers<void>()
    const stream = client.followAll({ after: 'latest', onConnection: ({ phase }) => phase === 'live' && live.resolve() })
    const next = stream.next()
    await live.promise
    const { session_id } = await client.createSession({ cwd: bench.folder.workspace })
    const { value } = await next
    expect(value).toMatchObject({ event: { type: 'session.created', trace: { session_id } } })
    await stream.return()

    const resumed = client.followAll({ after: value?.cursor ?? '', until: 'idle' })
    expect(await Array.fromAsync(resumed)).toEqual([])
  })
})
