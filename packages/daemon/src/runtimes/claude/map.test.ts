import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { payloads } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { atLeast } from '../../../../../test/fuzz/runs.ts'
import type { Observation } from '../../core/task-host.ts'
import { answered } from './call-flow.ts'
import { toIncoming } from './channel.ts'
import type { Incoming } from './channel.ts'
import { mapClaude } from './map.ts'
import { createClaudeState } from './state.ts'
import type { ClaudeState } from './state.ts'

const directory = path.join(import.meta.dirname, '../../../../../test/fixtures/claude')
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.native.jsonl') ? [file.slice(0, -'.native.jsonl'.length)] : []))

/** What the agent said, and how its questions were answered, in the order in which it happened. */
type Step = { readonly incoming: Incoming } | { readonly request: string; readonly approved: boolean }

function readRecording(name: string): { readonly start: ClaudeState; readonly steps: readonly Step[] } {
  const [header = '', ...lines] = readFileSync(path.join(directory, `${name}.native.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
  return { start: createClaudeState(JSON.parse(header)), steps: lines.map((line) => toStep(JSON.parse(line))) }
}

interface Reply {
  readonly response: { readonly request_id: string; readonly response?: { readonly behavior?: string; readonly action?: string } }
}

function toStep({ from, to }: { from?: object; to?: Reply }): Step {
  if (to !== undefined) {
    const { request_id: request, response } = to.response
    return { request, approved: response?.behavior === 'allow' || response?.action === 'accept' }
  }
  const incoming = toIncoming({ text: JSON.stringify(from), truncated: false })
  if (incoming.kind === 'response') throw new Error('answers to our own requests are not recorded')
  return { incoming }
}

type Seen = Observation | Extract<Step, { request: string }>

/** All observations, and the answers where they were given. */
function replay(start: ClaudeState, steps: readonly Step[]): { readonly state: ClaudeState; readonly seen: readonly Seen[] } {
  let state = start
  const seen: Seen[] = []
  for (const step of steps) {
    if ('request' in step) {
      if (state.requests.has(step.request)) seen.push(step)
      state = answered(state, step.request, step.approved)
      continue
    }
    const [next, observations] = mapClaude(state, step.incoming)
    state = next
    seen.push(...observations)
  }
  return { state, seen }
}

const replayed = (name: string) => {
  const { start, steps } = readRecording(name)
  return replay(start, steps)
}
const kinds = (seen: readonly Seen[]) => seen.map((one) => ('kind' in one ? one.kind : 'answer')).filter((kind) => kind !== 'event')

describe.each(names)('recording %s', (name) => {
  const { state, seen } = replayed(name)
  const observations = seen.flatMap((one) => ('kind' in one ? [one] : []))

  test('is understood as before', async () => {
    const text = seen.map((one) => `${JSON.stringify(one)}\n`).join('')
    await expect(text).toMatchFileSnapshot(path.join(directory, `${name}.observations.jsonl`))
  })

  test('ends, with nothing left over', () => {
    expect(state.end).not.toBeNull()
    expect([...state.calls.keys()]).toEqual([])
    const known = ['model_retry', 'call_refused']
    expect(
      observations.flatMap((one) =>
        one.kind === 'event' && one.event.type === 'runtime.notice' && !known.includes(one.event.payload.kind) ? [one] : [],
      ),
    ).toEqual([])
  })

  test('streams what it completes', () => {
    const streamed = new Map<string, string>()
    for (const one of observations) {
      if (one.kind !== 'event') continue
      const { type, payload } = one.event
      if (type === 'model.output.delta') streamed.set(payload.block_id, (streamed.get(payload.block_id) ?? '') + payload.delta)
      if (type === 'model.output.discarded') streamed.delete(payload.block_id)
      if (type !== 'model.output.completed') continue
      expect(payload.content.map((block) => ('text' in block ? block.text : '')).join('')).toBe(streamed.get(payload.block_id ?? ''))
      streamed.delete(payload.block_id ?? '')
    }
    expect([...streamed.keys()]).toEqual([])
  })
})

test('there are recordings', () => {
  expect(names.length).toBeGreaterThan(15)
})

test('a call that is denied never completes, and one that is approved does once', () => {
  expect(kinds(replayed('command-denied').seen)).toEqual(['call.asked', 'answer'])
  expect(kinds(replayed('command-approved').seen)).toEqual(['call.asked', 'answer', 'call.completed'])
})

test('messages after the end, and the ends of other turns, are ignored', () => {
  const { start, steps } = readRecording('answer')
  expect(replay(replay(start, steps).state, steps).seen).toEqual([])
  const other = replay({ ...start, prompt: 'another' }, steps)
  expect(other.state.end).toBeNull()
  expect(
    other.seen.some(
      (one) => 'kind' in one && one.kind === 'event' && one.event.type === 'usage.reported' && one.event.payload.scope === 'task',
    ),
  ).toBe(false)
})

test('a prompt that is taken back ends the turn', () => {
  const lifecycle = (command_uuid: string): Step => ({
    incoming: { kind: 'message', message: { type: 'command_lifecycle', command_uuid, state: 'cancelled' } },
  })
  const start = createClaudeState({ cwd: '/workspace', prompt: 'own' })
  expect(replay(start, [lifecycle('other')]).state.end).toBeNull()
  expect(replay(start, [lifecycle('own')]).state.end).toEqual({ kind: 'cancelled' })
})

test('what only a screen needs is not told', () => {
  const redraw: Step = { incoming: { kind: 'message', message: { type: 'system', subtype: 'ui_invalidate', event: 'ui.render' } } }
  expect(replay(createClaudeState({ cwd: '/workspace', prompt: 'p' }), [redraw]).seen).toEqual([])
})

// ---------------------------------------------------------------- answers that are told twice

const stream = (event: object): Step => ({ incoming: { kind: 'message', message: { type: 'stream_event', event } } })
const whole = (id: string, text: string): Step => ({
  incoming: { kind: 'message', message: { type: 'assistant', message: { id, content: [{ type: 'text', text }] } } },
})
const begin = (id: string) => [
  stream({ type: 'message_start', message: { id } }),
  stream({ type: 'content_block_start', index: 0, content_block: { type: 'text' } }),
]
const piece = (text: string) => stream({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
const outputs = (steps: readonly Step[]) =>
  replay(createClaudeState({ cwd: '/workspace', prompt: 'p' }), steps).seen.flatMap((one) => {
    if (!('kind' in one) || one.kind !== 'event') return []
    const { type, payload } = one.event
    if (type === 'model.output.delta') return [`${payload.block_id}: ${payload.delta}`]
    if (type === 'model.output.discarded') return [`${payload.block_id} discarded`]
    return type === 'model.output.completed' ? [`${payload.block_id} completed`] : []
  })

test('an answer that begins again voids what was shown of it', () => {
  expect(outputs([...begin('m'), piece('hal'), ...begin('m'), piece('half'), whole('m', 'half')])).toEqual([
    'm/0: hal',
    'm/0 discarded',
    'm/0#2: half',
    'm/0#2 completed',
  ])
})

test('a whole block that differs from its pieces is what counts', () => {
  expect(outputs([...begin('m'), piece('hal'), whole('m', 'other')])).toEqual([
    'm/0: hal',
    'm/0 discarded',
    'm/0#2: other',
    'm/0#2 completed',
  ])
  expect(outputs([...begin('m'), piece('hal'), whole('m', 'half')])).toEqual(['m/0: hal', 'm/0: f', 'm/0 completed'])
})

test('an answer that comes only whole is shown all the same', () => {
  expect(outputs([whole('m', 'all'), whole('m', 'more')])).toEqual([
    'm/text: all',
    'm/text completed',
    'm/text#2: more',
    'm/text#2 completed',
  ])
})

test('unreadable lines are reported up to a bound', () => {
  const garbage: Step = { incoming: { kind: 'invalid', reason: 'the line is not JSON', line: 'x' } }
  const start = createClaudeState({ cwd: '/workspace', prompt: 'p' })
  expect(
    replay(
      start,
      Array.from({ length: 1000 }, () => garbage),
    ).seen,
  ).toHaveLength(20)
})

// ---------------------------------------------------------------- whatever the agent says

const recorded = names.flatMap((name) => readRecording(name).steps).flatMap((step) => ('incoming' in step ? [step.incoming] : []))

/** A recorded message in which one place holds something else. */
const damaged = fc.tuple(fc.constantFrom(...recorded), fc.nat(), fc.jsonValue()).map(([incoming, at, value]): Incoming => {
  const copy = structuredClone(incoming)
  const places = placesOf(copy.kind === 'message' ? copy.message : copy.kind === 'request' ? copy.request : null)
  const place = places[at % places.length]
  if (place !== undefined) place.holder[place.key] = value
  return copy
})
const anything: fc.Arbitrary<Incoming> = fc.oneof(
  fc.jsonValue().map((message): Incoming => ({ kind: 'message', message })),
  fc.jsonValue().map((request): Incoming => ({ kind: 'request', id: 'any', request })),
)
const requests = recorded.flatMap((one) => (one.kind === 'request' ? [one.id] : []))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...recorded).map((incoming) => ({ incoming })) },
  { weight: 3, arbitrary: damaged.map((incoming) => ({ incoming })) },
  { weight: 1, arbitrary: anything.map((incoming) => ({ incoming })) },
  { weight: 2, arbitrary: fc.record({ request: fc.constantFrom(...requests), approved: fc.boolean() }) },
)

test('any sequence of messages is survived, and yields only valid events', () => {
  expect(
    counterexample((seen) =>
      seen.every((one) => !('kind' in one) || one.kind !== 'event' || payloads[one.event.type].safeParse(one.event.payload).success),
    ),
  ).toBeUndefined()
})

test('any sequence of messages: only what was approved or ran unasked completes', () => {
  expect(
    counterexample((seen) => {
      const open = new Set<string>()
      const asked = new Map<string, string>()
      return seen.every((one) => {
        if ('request' in one) {
          const id = asked.get(one.request)
          if (id !== undefined && one.approved) open.add(id)
          else if (id !== undefined) open.delete(id)
        } else if (one.kind === 'call.asked') asked.set(String(one.reply), one.call.id)
        else if (one.kind === 'call.unasked') open.add(one.call.id)
        else if (one.kind === 'call.completed') return open.has(one.id)
        return true
      })
    }),
  ).toBeUndefined()
})

/** The report of a sequence of messages for which this does not hold; undefined when none is found. */
function counterexample(holds: (seen: readonly Seen[]) => boolean): string | undefined {
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) =>
    holds(replay(createClaudeState({ cwd: '/workspace', prompt: 'p' }), steps).seen),
  )
  return fc.defaultReportMessage(fc.check(property, { numRuns: atLeast(300) }))
}

interface Place {
  readonly holder: Record<string, unknown>
  readonly key: string
}

function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object of JSON is a record, and an array nearly one
  const holder = value as Record<string, unknown>
  return Object.entries(holder).flatMap(([key, inner]) => [{ holder, key }, ...placesOf(inner)])
}
