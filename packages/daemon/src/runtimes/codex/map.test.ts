import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { payloads } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { atLeast } from '../../../../../test/fuzz/runs.ts'
import type { Observation } from '../../core/task-host.ts'
import { answered } from './call-flow.ts'
import { mapCodex } from './map.ts'
import { createCodexState } from './state.ts'
import type { ApprovalPolicy, CodexState } from './state.ts'
import type { Incoming, RpcId } from '../json-rpc.ts'

const directory = path.join(import.meta.dirname, '../../../../../test/fixtures/codex')
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.native.jsonl') ? [file.slice(0, -'.native.jsonl'.length)] : []))

/** What the agent said, and how its questions were answered, in the order in which it happened. */
type Step = { readonly message: Incoming } | { readonly request: RpcId; readonly approved: boolean }

function readRecording(name: string): { readonly start: CodexState; readonly steps: readonly Step[] } {
  const [header = '', ...lines] = readFileSync(path.join(directory, `${name}.native.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
  return { start: createCodexState({ walled: false, ...JSON.parse(header) }), steps: lines.map((line) => toStep(JSON.parse(line))) }
}

function toStep({
  from,
  to,
}: {
  from?: { id?: RpcId; method: string; params?: unknown }
  to?: { id: RpcId; result: { decision?: string; action?: string } }
}): Step {
  if (to !== undefined) return { request: to.id, approved: to.result.decision === 'accept' || to.result.action === 'accept' }
  if (from === undefined) throw new Error('a line is either from or to the agent')
  const { id, method, params } = from
  return { message: id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params } }
}

type Seen = Observation | Extract<Step, { request: RpcId }>

/** All observations, and the answers where they were given. */
function replay(start: CodexState, steps: readonly Step[]): { readonly state: CodexState; readonly seen: readonly Seen[] } {
  let state = start
  const seen: Seen[] = []
  for (const step of steps) {
    if ('request' in step) {
      state = answered(state, step.request, step.approved)
      seen.push(step)
      continue
    }
    const [next, observations] = mapCodex(state, step.message)
    state = next
    seen.push(...observations)
  }
  return { state, seen }
}

describe.each(names)('recording %s', (name) => {
  const { start, steps } = readRecording(name)
  const { state, seen } = replay(start, steps)
  const observations = seen.flatMap((one) => ('kind' in one ? [one] : []))

  test('is understood as before', async () => {
    const text = seen.map((one) => `${JSON.stringify(one)}\n`).join('')
    await expect(text).toMatchFileSnapshot(path.join(directory, `${name}.observations.jsonl`))
  })

  test('ends, with nothing left over', () => {
    expect(state.end).not.toBeNull()
    expect([...state.calls.keys()]).toEqual([])
    expect(
      observations.flatMap((one) =>
        one.kind === 'event' && one.event.type === 'runtime.notice' && one.event.payload.kind !== 'model_retry' ? [one] : [],
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

test('a command that is asked about is never taken for one that was not', () => {
  const { seen } = replay(...parts(readRecording('command-denied')))
  expect(seen.map((one) => ('kind' in one ? one.kind : 'answer')).filter((kind) => kind !== 'event')).toEqual(['call.asked', 'answer'])
})

test('messages of another turn and all that comes after the end are ignored', () => {
  const { start, steps } = readRecording('answer')
  const { state } = replay(start, steps)
  expect(replay(state, steps).seen).toEqual([])
  const other = replay({ ...start, turnId: 'another' }, steps)
  expect(other.seen).toEqual([])
  expect(other.state.end).toBeNull()
})

test('a block id is used once, also when the agent uses its own again', () => {
  const delta: Incoming = { kind: 'notification', method: 'item/agentMessage/delta', params: { turnId: 't', itemId: 'm', delta: 'half' } }
  const retry: Incoming = {
    kind: 'notification',
    method: 'error',
    params: { turnId: 't', willRetry: true, error: { message: 'Reconnecting' } },
  }
  const start = { ...createCodexState({ cwd: '/workspace', policy: 'untrusted', walled: false }), turnId: 't' }
  const { seen } = replay(start, [{ message: delta }, { message: retry }, { message: delta }])
  expect(seen).toMatchObject([
    { event: { type: 'model.output.delta', payload: { block_id: 'm' } } },
    { event: { type: 'model.output.discarded', payload: { block_id: 'm' } } },
    { event: { type: 'runtime.notice' } },
    { event: { type: 'model.output.delta', payload: { block_id: 'm#2' } } },
  ])
})

test('unreadable lines are reported up to a bound', () => {
  const garbage: Step = { message: { kind: 'invalid', reason: 'the line is not JSON', line: 'x' } }
  const { seen } = replay(
    createCodexState({ cwd: '/workspace', policy: 'never', walled: false }),
    Array.from({ length: 1000 }, () => garbage),
  )
  expect(seen).toHaveLength(20)
})

test.each(names)('behind the wall everything in the recording %s ran in the sandbox', (name) => {
  const { start, steps } = readRecording(name)
  const { seen } = replay({ ...start, walled: true }, steps)
  const results = seen.flatMap((one) => ('kind' in one && one.kind === 'call.completed' ? [one.result.executionEnv] : []))
  expect(new Set(results).difference(new Set(['sandbox']))).toEqual(new Set())
})

test('behind the wall it is for the policy to know which files an edit may touch; a wish to leave the sandbox stays one', () => {
  const escalated = (name: string, walled: boolean) => {
    const { start, steps } = readRecording(name)
    return replay({ ...start, policy: 'untrusted', walled }, steps).seen.flatMap((one) =>
      'kind' in one && one.kind === 'call.asked' ? [one.call.escalated === true] : [],
    )
  }
  expect([escalated('patch-outside', false), escalated('patch-outside', true)]).toEqual([[true], [false]])
  expect([escalated('escalation-justified', true), escalated('escalation-silent', true)]).toEqual([[true], [true]])
})

// ---------------------------------------------------------------- whatever the agent says

const policies: readonly ApprovalPolicy[] = ['untrusted', 'on-request', 'never']
const recorded = names
  .flatMap((name) => readRecording(name).steps)
  .flatMap((step) => ('message' in step && step.message.kind !== 'invalid' ? [step.message] : []))

/** A recorded message in which one place holds something else. */
const damaged = fc.tuple(fc.constantFrom(...recorded), fc.nat(), fc.jsonValue()).map(([message, at, value]): Incoming => {
  const params = structuredClone(message.params)
  const places = placesOf(params)
  const place = places[at % places.length]
  if (place === undefined) return { ...message, params: value }
  place.holder[place.key] = value
  return { ...message, params }
})
const anything = fc
  .record({ method: fc.constantFrom(...new Set(recorded.map(({ method }) => method))), params: fc.jsonValue() })
  .map(({ method, params }): Incoming => ({ kind: 'notification', method, params }))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...recorded).map((message) => ({ message })) },
  { weight: 3, arbitrary: damaged.map((message) => ({ message })) },
  { weight: 1, arbitrary: anything.map((message) => ({ message })) },
  { weight: 1, arbitrary: fc.record({ request: fc.nat(3), approved: fc.boolean() }) },
)

test('any sequence of messages is survived, and yields only valid events', () => {
  expect(
    counterexample((seen) =>
      seen.every((one) => !('kind' in one) || one.kind !== 'event' || payloads[one.event.type].safeParse(one.event.payload).success),
    ),
  ).toBeUndefined()
})

test('any sequence of messages: what was denied never completes, and what completes was announced', () => {
  expect(
    counterexample((seen) => {
      const open = new Set<string>()
      const asked = new Map<RpcId, string>()
      return seen.every((one) => {
        if ('request' in one) {
          const id = asked.get(one.request)
          if (id !== undefined && one.approved) open.add(id)
          else if (id !== undefined) open.delete(id)
        } else if (one.kind === 'call.asked') asked.set(one.reply, one.call.id)
        else if (one.kind === 'call.unasked') open.add(one.call.id)
        else if (one.kind === 'call.completed' || one.kind === 'call.output') return open.has(one.id)
        return true
      })
    }),
  ).toBeUndefined()
})

/** The report of a sequence of messages for which this does not hold; undefined when none is found. */
function counterexample(holds: (seen: readonly Seen[]) => boolean): string | undefined {
  const property = fc.property(fc.constantFrom(...policies), fc.array(step, { maxLength: 60 }), (policy, steps) =>
    holds(replay(createCodexState({ cwd: '/workspace', policy, walled: false }), steps).seen),
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

function parts({ start, steps }: ReturnType<typeof readRecording>): [CodexState, readonly Step[]] {
  return [start, steps]
}
