import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { layeredEntries, payloads } from '@codesdkd/protocol'
import { describe, expect, test } from 'vitest'
import type { Observation } from '../../core/task-host.ts'
import { answered } from '../acp/call-flow.ts'
import { beginPrompt, endPrompt, mapAcp } from '../acp/map.ts'
import { mergeTool, promptResult } from '../acp/native.ts'
import type { AcpTool } from '../acp/native.ts'
import { createAcpState } from '../acp/state.ts'
import type { AcpState } from '../acp/state.ts'
import { mergeOpenCodeTool, toOpenCodeCall, toOpenCodeUsage } from './calls.ts'
import { openCodeProfile } from './profile.ts'

const directory = path.join(import.meta.dirname, '../../../../../test/fixtures/opencode')
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.native.jsonl') ? [file.slice(0, -'.native.jsonl'.length)] : []))
const { denial: _, ...hooks } = openCodeProfile

interface Line {
  readonly to?: {
    readonly id?: number
    readonly method?: string
    readonly params?: { readonly sessionId: string }
    readonly result?: { readonly outcome: { readonly optionId?: string } }
  }
  readonly from?: { readonly id?: number; readonly method?: string; readonly params?: unknown; readonly result?: unknown }
}

type Seen = Observation | { readonly answer: 'approved' | 'denied' }

const readLines = (name: string): readonly Line[] =>
  readFileSync(path.join(directory, `${name}.native.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** All observations, and the answers where they were given. */
function replay(name: string): { readonly state: AcpState; readonly seen: readonly Seen[] } {
  const [first, ...lines] = readLines(name)
  let state = createAcpState({ sessionId: first?.to?.params?.sessionId ?? '', cwd: '/workspace', costBefore: null })
  const seen: Seen[] = []
  for (const line of lines) {
    const [next, more] = step(state, line)
    state = next
    seen.push(...more)
  }
  return { state, seen }
}

function step(state: AcpState, { to, from }: Line): readonly [AcpState, readonly Seen[]] {
  if (to?.method === 'session/prompt') return beginPrompt(state)
  if (to?.id !== undefined && to.result !== undefined) {
    const approved = to.result.outcome.optionId === 'once'
    return [answered(state, to.id, approved), [{ answer: approved ? 'approved' : 'denied' }]]
  }
  if (from?.method !== undefined) {
    const { id, method, params } = from
    return mapAcp(hooks, state, id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params })
  }
  return from?.result === undefined ? [state, []] : endPrompt(hooks, state, promptResult.parse(from.result))
}

describe.each(names)('recording %s', (name) => {
  const { state, seen } = replay(name)

  test('is understood as before', async () => {
    const text = seen.map((one) => `${JSON.stringify(one)}\n`).join('')
    await expect(text).toMatchFileSnapshot(path.join(directory, `${name}.observations.jsonl`))
  })

  test('leaves nothing over', () => {
    expect(layeredEntries(state.calls).filter(([, { phase }]) => phase !== 'ended' && phase !== 'declined')).toEqual([])
    expect([...state.requests.keys()]).toEqual([])
  })

  test('is what the protocol of events allows', () => {
    for (const one of seen)
      if ('kind' in one && one.kind === 'event') expect(payloads[one.event.type].safeParse(one.event.payload).error).toBeUndefined()
  })
})

test('there are recordings', () => {
  expect(names.length).toBeGreaterThan(8)
})

const bash: AcpTool = mergeOpenCodeTool(null, { id: 'a', title: 'bash', kind: 'execute', status: 'pending', rawInput: { cwd: '/w' } })
const context = { cwd: '/w', options: [] }

test('a call is what was announced, not what little of it the question repeats', () => {
  const announced = mergeOpenCodeTool(bash, {
    id: 'a',
    status: 'in_progress',
    title: 'ls',
    rawInput: { command: 'ls', workdir: '/x', cwd: '/x' },
  })
  const asked = mergeOpenCodeTool(announced, { id: 'a', status: 'pending', title: 'other', rawInput: { command: 'other' }, locations: [] })
  expect(toOpenCodeCall(asked, context)).toMatchObject({ name: 'bash', title: 'ls', input: { command: 'ls', workdir: '/x', cwd: '/x' } })
})

test('what is added so that a command is asked about is not shown', () => {
  const changed = mergeOpenCodeTool(bash, { id: 'a', status: 'in_progress', rawInput: { command: ': codesdkd\n> one', cwd: '/w' } })
  expect(toOpenCodeCall(changed, context)).toMatchObject({ title: '> one', input: { command: '> one', cwd: '/w' } })
})

test('a search names the directory that it looks through', () => {
  const search = (rawInput: object) => toOpenCodeCall(mergeTool(null, { id: 'a', name: 'grep', kind: 'search', rawInput }), context)
  expect(search({ pattern: 'x' }).locations).toEqual([{ path: '/w' }])
  expect(search({ pattern: 'x', path: '/etc' }).locations).toEqual([{ path: '/etc' }])
})

test('tokens that nobody told are unknown', () => {
  const usage = (inputTokens: number | null, outputTokens: number | null) =>
    toOpenCodeUsage({ stopReason: 'end_turn', usage: { inputTokens, outputTokens, thoughtTokens: 2, cachedReadTokens: 3 } })
  expect(usage(0, 0)).toBeNull()
  expect(usage(5, 7)).toMatchObject({ input_tokens: 8, output_tokens: 9, cached_input_tokens: 3, reasoning_tokens: 2 })
  expect(toOpenCodeUsage({ stopReason: 'end_turn', usage: null })).toBeNull()
})
