import { createParser, type EventSourceMessage } from 'eventsource-parser'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uploadArtifact } from '@codesdkd/protocol'
import type { StoredEvent } from '../../packages/daemon/src/core/ports.ts'
import { everyType } from '../../packages/daemon/src/http/event-filter.ts'
import { RecentFrames } from '../../packages/daemon/src/http/recent-frames.ts'
import { eventStream, type Followable } from '../../packages/daemon/src/http/event-stream.ts'
import { createChannel } from '../../packages/daemon/src/runtimes/claude/channel.ts'
import { createJsonRpc } from '../../packages/daemon/src/runtimes/json-rpc.ts'
import { toLines, type Line } from '../../packages/daemon/src/runtimes/lines.ts'
import { eachLine } from '../../packages/daemon/src/runtimes/testing/each-line.ts'
import { atLeast } from './runs.ts'

const runs = { numRuns: atLeast(100) }
const json = fc.jsonValue({ stringUnit: 'binary' })

/** Bytes, in pieces of these sizes. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

describe('what an agent writes', () => {
  const id = fc.oneof(fc.string(), fc.integer(), fc.jsonValue())
  const message = fc.record(
    { jsonrpc: json, id, method: fc.oneof(fc.string(), json), params: json, result: json, error: json },
    { requiredKeys: [] },
  )
  const control = fc.record(
    {
      type: fc.oneof(fc.constantFrom('control_request', 'control_response', 'control_cancel_request', 'assistant'), json),
      request_id: id,
      request: json,
      response: fc.oneof(
        fc.record({ subtype: fc.constantFrom('success', 'error'), request_id: id, response: json, error: json }, { requiredKeys: [] }),
        json,
      ),
    },
    { requiredKeys: [] },
  )
  const line = fc.oneof(
    fc.oneof(message, control, json).map((one) => Buffer.from(JSON.stringify(one))),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('{"id":1', '"', '\u2028', '{"__proto__":{"method":"x"},"id":1}', '\ufeff{}').map((text) => Buffer.from(text)),
  )
  const output = fc.array(line, { maxLength: 12 }).map((lines) => Buffer.concat(lines.flatMap((one) => [one, Buffer.from('\n')])))
  const sizes = fc.array(fc.nat(60), { maxLength: 20 })
  const talks = { 'JSON-RPC': createJsonRpc, 'the protocol of Claude Code': createChannel }

  test.each(Object.entries(talks))('whatever it is, and however it comes, %s reads each line once', async (_name, create) => {
    await fc.assert(
      fc.asyncProperty(output, sizes, async (bytes, pieces) => {
        const hear = async (lines: AsyncIterable<readonly Line[]>) => {
          const heard: unknown[] = []
          await create({ lines, send: () => {}, receive: async (one: unknown) => void heard.push(...[one].flat()) }).done
          return heard
        }
        const heard = await hear(toLines(cut(bytes, pieces), 1_000))
        const whole = await Array.fromAsync(eachLine(toLines(cut(bytes, []), 1_000)))
        expect(heard).toEqual(await hear(toLines(cut(bytes, []), 1_000)))
        expect(heard.length).toBeLessThanOrEqual(whole.length)
        expect('polluted' in {} || 'method' in {}).toBe(false)
      }),
      runs,
    )
  })

  test('a line of 9 MiB is cut at 8, and the one behind it is whole', async () => {
    const long = Buffer.concat([Buffer.alloc(9 * 1024 ** 2, 'é'), Buffer.from('\n{"method":"next"}\n')])
    const [first, second] = await Array.fromAsync(
      eachLine(
        toLines(
          cut(
            long,
            Array.from({ length: 100 }, () => 65_537),
          ),
          8 * 1024 ** 2,
        ),
      ),
    )
    expect(first).toMatchObject({ truncated: true })
    expect(Buffer.byteLength(first?.text ?? '')).toBe(8 * 1024 ** 2)
    expect(second).toEqual({ text: '{"method":"next"}', truncated: false })
  })
})

describe('an event stream', () => {
  /** A log that is what it is. */
  const toSource = (events: readonly StoredEvent[]): Followable => ({
    frames: null,
    read(after, limit) {
      const page = events.filter(({ seq }) => seq > after).slice(0, limit)
      return { events: page, end: page.at(-1)?.seq ?? null }
    },
    watch: () => ({ [Symbol.dispose]: () => {} }),
    tip: () => events.length,
    frameId: ({ seq }) => String(seq),
    idle: () => true,
    gone: () => false,
    control: (tip) => ({ last_seq: tip }),
  })
  const never = new AbortController().signal
  const follow = {
    after: 0,
    resync: null,
    untilIdle: true,
    filter: everyType,
    keepAliveMs: 60_000,
    signal: never,
    closing: never,
  } as const

  test('gives back every event as it was, each on one line, whatever is in it and however it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 30 }), async (payloads, pieces) => {
        const events = payloads.map((payload, index): StoredEvent => ({
          cursor: index + 1,
          sessionId: 's',
          seq: index + 1,
          type: 'x',
          json: JSON.stringify({ payload }),
        }))
        const text = (await Array.fromAsync(eventStream(toSource(events), { ...follow, recent: new RecentFrames() }))).join('')
        const seen: EventSourceMessage[] = []
        const parser = createParser({ onEvent: (one) => seen.push(one) })
        const decoder = new TextDecoder()
        for await (const piece of cut(Buffer.from(text), pieces)) parser.feed(decoder.decode(piece, { stream: true }))
        const read = seen.filter(({ event }) => event === undefined)
        expect(read.map(({ id, data }) => [id, data])).toEqual(events.map((one) => [String(one.seq), one.json]))
        expect(text.match(/^data: \{"payload"/gm) ?? []).toHaveLength(events.length)
        expect(seen.flatMap(({ event }) => event ?? [])).toEqual(['ready', 'caught_up'])
      }),
      runs,
    )
  })
})

describe('bytes that are sent as base64', () => {
  const about = { session_id: 's', content_type: 'text/plain' }

  test('arrive as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const { data } = uploadArtifact.parse({ ...about, data: Buffer.from(bytes).toString('base64') })
        expect(new Uint8Array(Buffer.from(data, 'base64'))).toEqual(bytes)
      }),
      runs,
    )
  })

  test('are refused where they are not exactly that', () => {
    const near = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.tuple(fc.base64String(), fc.constantFrom('=', '\n', '-', '_', ' ', 'A')).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(near, (data) => {
        if (!uploadArtifact.safeParse({ ...about, data }).success) return
        expect(Buffer.from(data, 'base64').length).toBe((data.length / 4) * 3 - (/=*$/.exec(data)?.[0].length ?? 0))
      }),
      runs,
    )
  })
})
