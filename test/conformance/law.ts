import { isTerminal, type Event } from '@codesdkd/protocol'
import { expect } from 'vitest'

/** The order in which the events of one attempt of a call may come. */
const callOrder = /^requested (policy_evaluated )*(denied |approved (completed |started (delta )*(output completed )?)?)?$/

const shortNames: Readonly<Record<string, string>> = {
  'tool.call.requested': 'requested',
  'tool.call.policy_evaluated': 'policy_evaluated',
  'tool.call.approved': 'approved',
  'tool.call.denied': 'denied',
  'tool.call.started': 'started',
  'tool.output.delta': 'delta',
  'tool.output.completed': 'output',
  'tool.call.completed': 'completed',
}

/** What is true of every log of a session, whatever agent wrote it and whatever happened to it. */
export function expectLawful(log: readonly Event[]): void {
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1))
  expect(new Set(log.map(({ trace }) => trace.session_id)).size).toBe(1)
  expectLawfulRuntimes(log)
  const tasks = Map.groupBy(
    log.filter(({ trace }) => trace.task_id !== undefined),
    ({ trace }) => trace.task_id ?? '',
  )
  for (const events of tasks.values()) expectLawfulTask(events)
}

/** Only a handoff changes who goes on; a fork says with its first event who does so now, and then what was copied. */
function expectLawfulRuntimes(log: readonly Event[]): void {
  const copied = log.some(({ type }) => type === 'session.forked')
  const own = log.slice(copied ? 1 : 0)
  let name = own[0]?.runtime.name
  for (const event of own) {
    if (event.type === 'session.handed_off') name = event.payload.to.runtime
    if (event.type === 'session.forked') name = event.payload.runtime
    expect(event.runtime.name, `${event.seq} ${event.type}`).toBe(name)
  }
}

function expectLawfulTask(events: readonly Event[]): void {
  const types = events.map(({ type }) => type)
  expect(['task.queued', 'task.started']).toContain(types[0])
  const ends = types.filter(isTerminal)
  expect(ends.length).toBeLessThanOrEqual(1)
  const ended = ends.length === 1
  if (ended) expect(types.at(-1)).toBe(ends[0])
  for (const attempt of attemptsOf(events).values()) expectLawfulAttempt(attempt, ended)
  for (const block of blocksOf(events).values()) expectLawfulBlock(block, ended)
}

function expectLawfulAttempt(events: readonly Event[], taskEnded: boolean): void {
  const order = events.map(({ type }) => `${shortNames[type] ?? type} `).join('')
  expect(order).toMatch(callOrder)
  if (taskEnded) expect(order).toMatch(/(denied|completed) $/)
}

function expectLawfulBlock(events: readonly Event[], taskEnded: boolean): void {
  let shown = ''
  let open = false
  for (const event of events) {
    if (event.type === 'model.output.delta') {
      shown += event.payload.delta
      open = true
    } else if (event.type === 'model.output.discarded') {
      shown = ''
      open = false
    } else if (event.type === 'model.output.completed') {
      const text = event.payload.content.map((block) => ('text' in block ? block.text : '')).join('')
      // A block that was never streamed comes as a whole.
      if (open) expect(text).toBe(shown)
      open = false
    }
  }
  if (taskEnded) expect(open).toBe(false)
}

function attemptsOf(events: readonly Event[]): Map<string, Event[]> {
  const calls = events.filter(({ type }) => Object.hasOwn(shortNames, type))
  return Map.groupBy(calls, ({ payload }) => {
    if (!('attempt' in payload)) throw new Error('an event of a call names no attempt')
    return `${payload.tool_call_id} ${payload.attempt} ${payload.input_hash}`
  })
}

function blocksOf(events: readonly Event[]): Map<string, Event[]> {
  const outputs = events.filter(({ payload }) => 'block_id' in payload && payload.block_id !== undefined)
  return Map.groupBy(outputs, ({ payload }) => ('block_id' in payload ? (payload.block_id ?? '') : ''))
}
