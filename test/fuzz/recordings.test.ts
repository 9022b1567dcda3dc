import { isTerminal, payloads, type Event } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluate, observe, request, type PreparedObservation } from '../../packages/daemon/src/core/decide.ts'
import { decideByPerson } from '../../packages/daemon/src/core/decision.ts'
import { Bench } from '../../packages/daemon/src/core/testing/bench.ts'
import { isAsked, passThrough, type Observation } from '../../packages/daemon/src/core/task-host.ts'
import { agents, type Line, type RecordedAgent } from './agents.ts'
import { atLeast } from './runs.ts'

/** What the real agents said, with lines lost, doubled, swapped, from elsewhere and damaged: all the way from the line to the log. */
type Deed = 'keep' | 'drop' | 'double' | 'swap' | 'damage' | 'rename' | 'borrow'

const deeds = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<Deed>('keep') },
      { weight: 5, arbitrary: fc.constantFrom<Deed>('drop', 'double', 'swap', 'damage', 'rename', 'borrow') },
    ),
    fc.nat(1_000),
    fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, -1, '', '__proto__', { __proto__: 1 }, 'x'.repeat(10_000), '\ud800', 2 ** 53)),
  ),
  { minLength: 5, maxLength: 60 },
)

function distort({ recordings }: RecordedAgent, which: number, plan: readonly (readonly [Deed, number, unknown])[]): readonly Line[] {
  const lines = recordings[which % recordings.length] ?? []
  const all = recordings.flat()
  const out: Line[] = []
  for (const [index, line] of lines.entries()) {
    const [deed, at, value] = plan[index % plan.length] ?? ['keep', 0, null]
    if (deed === 'keep') out.push(line)
    else if (deed === 'double') out.push(line, line)
    else if (deed === 'swap') out.splice(Math.max(0, out.length - 1 - (at % 5)), 0, line)
    else if (deed === 'damage') out.push(damaged(line, at, value))
    else if (deed === 'rename') out.push(renamed(line, all[at % all.length]))
    else if (deed === 'borrow') out.push(line, all[at % all.length] ?? line)
  }
  return out
}

/** One place of what the agent said holds something else. */
function damaged(line: Line, at: number, value: unknown): Line {
  const copy = structuredClone(line)
  const places = placesOf(copy.from)
  const place = places[at % places.length]
  if (place !== undefined) Reflect.set(place.holder, place.key, value)
  return copy
}

/** What the agent said, under the ids of something else that it said. */
function renamed(line: Line, other: Line | undefined): Line {
  const ids = JSON.stringify(other ?? {}).match(/"[\w-]*(?:id|Id|ID)":"[^"]+"/g) ?? []
  const named = new Map(ids.map((pair) => [pair.slice(0, pair.indexOf(':')), pair]))
  return JSON.parse(JSON.stringify(line).replaceAll(/("[\w-]*(?:id|Id|ID)"):"[^"]+"/g, (pair, name: string) => named.get(name) ?? pair))
}

function placesOf(value: unknown): readonly { readonly holder: object; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...placesOf(inner)])
}

interface History {
  readonly bench: Bench
  /** Calls that a person has allowed. */
  readonly allowed: number
  readonly seen: readonly Observation[]
}

/** What a session makes of it: each question waits for its answer, nothing is decided otherwise. */
function live(agent: RecordedAgent, lines: readonly Line[]): History {
  const bench = new Bench()
  const listener = agent.listen(lines)
  const waiting = new Map<string | number, string>()
  const all: Observation[] = []
  let allowed = 0
  const decide = (reply: string | number, decision: 'approved' | 'denied') => {
    const call = [...bench.task.calls.values()].find((one) => one.tool_call_id === waiting.get(reply))
    if (call === undefined || bench.task.status !== 'running') return
    const { attempt, input_hash, phase } = call
    if (phase !== 'pending') return
    bench.add(decideByPerson(bench.task, call, { decision, attempt, input_hash }, bench.inputs))
    if (decision === 'approved') allowed += 1
  }
  for (const line of lines) {
    const { seen, answer } = listener.take(line)
    if (answer !== undefined) decide(answer.reply, answer.approved ? 'approved' : 'denied')
    for (const one of seen) {
      all.push(one)
      if (one.kind === 'call.asked') {
        const made = request(bench.state, 't', one.call, bench.inputs)
        bench.add(made?.events ?? [])
        if (made === null) continue
        bench.add(evaluate(bench.state, 't', made.call, { result: 'ask', rule: 'ask_effects' }, bench.inputs, null))
        waiting.set(one.reply, made.call.tool_call_id)
      } else if (!isAsked(one)) bench.add(observe(bench.state, 't', prepared(one), bench.inputs))
    }
  }
  bench.end()
  return { bench, allowed, seen: all }
}

function prepared(one: Exclude<Observation, { kind: 'call.asked' | 'question.asked' }>): PreparedObservation {
  if (one.kind !== 'call.completed') return one
  const { output, isError, exitCode = null, durationMs, executionEnv } = one.result
  return {
    kind: 'call.completed',
    id: one.id,
    result: { preview: output.slice(0, 100), truncated: false, isError, exitCode, durationMs, executionEnv },
  }
}

const order = /^requested( policy_evaluated)*( denied| approved( completed| started( delta)*( output)? completed)?)$/

function expectInOrder(events: readonly Event[]): void {
  const calls = Map.groupBy(
    events.filter(({ type }) => type.startsWith('tool.')),
    ({ payload }) => ('attempt' in payload ? `${payload.tool_call_id} ${payload.attempt}` : ''),
  )
  for (const [, attempt] of calls) {
    const types = attempt.map(({ type }) =>
      type.replace('tool.call.', '').replace('tool.output.completed', 'output').replace('tool.output.', ''),
    )
    expect(types.join(' ')).toMatch(order)
  }
}

describe.each(agents)('$name', (agent) => {
  const told = new Set<string>(passThrough)

  test('whatever becomes of its lines, what is made of them is lawful', () => {
    expect(agent.recordings.length).toBeGreaterThan(5)
    fc.assert(
      fc.property(fc.nat(1_000), deeds, (which, plan) => {
        const { bench, allowed, seen } = live(agent, distort(agent, which, plan))
        const { events } = bench
        for (const one of seen) if (one.kind === 'event') expect(told).toContain(one.event.type)
        for (const { type, payload } of events) expect(payloads[type].safeParse(payload).error).toBeUndefined()
        expect(events.filter(({ type }) => isTerminal(type))).toHaveLength(1)
        expect(isTerminal(events.at(-1)?.type ?? '')).toBe(true)
        expectInOrder(events)
        const byPeople = events.filter(
          ({ type, payload }) => type === 'tool.call.approved' && 'decided_by' in payload && payload.decided_by === 'user',
        )
        expect(byPeople).toHaveLength(allowed)
      }),
      { numRuns: atLeast(100) },
    )
  })

  test('as it was recorded, people allow calls and they complete', () => {
    const logs = agent.recordings.map((lines) => live(agent, lines))
    expect(logs.some(({ allowed }) => allowed > 0)).toBe(true)
    expect(logs.some(({ bench }) => bench.events.some(({ type }) => type === 'tool.call.completed'))).toBe(true)
  })
})
