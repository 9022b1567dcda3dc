import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { layeredEntries, payloads } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Observation } from '../../core/task-host.ts'
import { mergeGeminiTool, toGeminiCall, toGeminiResult, toToolName } from './calls.ts'
import { geminiProfile } from './gemini.ts'
import { answered } from '../acp/call-flow.ts'
import { endPrompt, mapAcp } from '../acp/map.ts'
import { promptResult, toToolUpdate } from '../acp/native.ts'
import type { AcpTool } from '../acp/native.ts'
import { createAcpState } from '../acp/state.ts'
import type { AcpState } from '../acp/state.ts'

const directory = path.join(import.meta.dirname, '../../../../../test/fixtures/gemini')
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.native.jsonl') ? [file.slice(0, -'.native.jsonl'.length)] : []))
const { denial: _, ...hooks } = geminiProfile

interface Line {
  readonly to?: {
    readonly id?: number
    readonly method?: string
    readonly params?: { readonly sessionId: string }
    readonly result?: Answer
  }
  readonly from?: { readonly id?: number; readonly method?: string; readonly params?: unknown; readonly result?: unknown }
}

interface Answer {
  readonly outcome: { readonly optionId?: string }
}

const readLines = (name: string): readonly Line[] =>
  readFileSync(path.join(directory, `${name}.native.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

type Seen = Observation | { readonly answer: 'approved' | 'denied' }

/** All observations, and the answers where they were given. */
function replay(name: string): { readonly state: AcpState; readonly seen: readonly Seen[] } {
  const [first, ...lines] = readLines(name)
  let state = createAcpState({ sessionId: first?.to?.params?.sessionId ?? '', cwd: '/workspace', costBefore: 0 })
  const seen: Seen[] = []
  for (const line of lines) {
    const [next, more] = step(state, line)
    state = next
    seen.push(...more)
  }
  return { state, seen }
}

function step(state: AcpState, { to, from }: Line): readonly [AcpState, readonly Seen[]] {
  if (to?.id !== undefined && to.method === undefined) {
    const approved = to.result?.outcome.optionId === 'proceed_once'
    return [answered(state, to.id, approved), [{ answer: approved ? 'approved' : 'denied' }]]
  }
  if (from?.method !== undefined) {
    const { id, method, params } = from
    return mapAcp(hooks, state, id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params })
  }
  return from === undefined ? [state, []] : endPrompt(hooks, state, promptResult.parse(from.result))
}

describe.each(names)('recording %s', (name) => {
  const { state, seen } = replay(name)
  const observations = seen.flatMap((one) => ('kind' in one ? [one] : []))

  test('is understood as before', async () => {
    const text = seen.map((one) => `${JSON.stringify(one)}\n`).join('')
    await expect(text).toMatchFileSnapshot(path.join(directory, `${name}.observations.jsonl`))
  })

  test('leaves nothing over', () => {
    expect(layeredEntries(state.calls).filter(([, { phase }]) => phase !== 'ended' && phase !== 'declined')).toEqual([])
    const notices = observations.flatMap((one) =>
      one.kind === 'event' && one.event.type === 'runtime.notice' ? [one.event.payload.kind] : [],
    )
    expect(notices.filter((kind) => kind !== 'acp.call.refused')).toEqual([])
  })

  test('is what the protocol of events allows', () => {
    for (const one of observations)
      if (one.kind === 'event') expect(payloads[one.event.type].safeParse(one.event.payload).error).toBeUndefined()
  })
})

test('there are recordings', () => {
  expect(names.length).toBeGreaterThan(15)
})

const tool = (id: string, title: string, explanation: string): AcpTool =>
  mergeGeminiTool(null, { id, title, content: [{ type: 'content', content: { type: 'text', text: explanation } }] })
const inputOf = (title: string, explanation: string): unknown => tool('run_shell_command__1', title, explanation).rawInput

test('a name is what stands before the two underscores', () => {
  expect(toToolName('read_file__call_1__2')).toBe('read_file')
  expect(toToolName('mcp_my__notes_write__call_1')).toBe('mcp_my__notes_write')
  expect(toToolName('mcp_my__notes_write__mcp_my__notes_write_1795370076215_0')).toBe('mcp_my__notes_write')
  expect(toToolName('__x')).toBeNull()
  expect(toToolName('something else')).toBeNull()
})

test('the input of a command is told only where it can be read in one way', () => {
  expect(inputOf('ls', '[current working directory /home/user]')).toEqual({ command: 'ls' })
  expect(inputOf('ls', '[in sub] (Look (there).)')).toEqual({ command: 'ls', dir_path: 'sub', description: 'Look (there).' })
  expect(inputOf('ls', '[in sub] [background]')).toEqual({ command: 'ls', dir_path: 'sub', is_background: true })
  // A directory with such a name would pass for another one.
  for (const explanation of ['[in a] (b/../../..] (c)', '[in a] (x] [background]', '[in a] (b)] (c)', 'in a', ''])
    expect(inputOf('ls', explanation)).toBeUndefined()
})

test('the input of an MCP tool is what is shown of it', () => {
  expect(tool('mcp_a_b__1', 'rm', '{"command":"rm"}')).toMatchObject({ name: 'mcp_a_b', rawInput: { command: 'rm' } })
  expect(tool('mcp_a_b__1', 'b', '[Payload omitted due to length with parameters: text]').rawInput).toBeUndefined()
  expect(toGeminiCall(tool('mcp_a_b__1', 'ls', '{"command":"ls"}'), { cwd: '/', options: [] })).toMatchObject({
    title: 'mcp_a_b',
    kind: 'other',
  })
})

const ended = (output: string): object => {
  const content = [{ type: 'content' as const, content: { type: 'text' as const, text: output } }]
  const {
    output: printed,
    exitCode,
    isError,
  } = toGeminiResult(
    mergeGeminiTool(tool('run_shell_command__1', 'x', '[in a]'), {
      id: 'run_shell_command__1',
      kind: 'execute',
      status: 'completed',
      content,
    }),
    { cwd: '/', options: [] },
  )
  return { printed, exitCode, isError }
}

test('what a command printed, and how it ended', () => {
  expect(ended('Output: one\nExit Code: 3\nProcess Group PGID: 7')).toEqual({ printed: 'one', exitCode: 3, isError: true })
  expect(ended('Output: (empty)\nProcess Group PGID: 7')).toEqual({ printed: '', exitCode: 0, isError: false })
  expect(ended('Output: (empty)\nSignal: 9\nProcess Group PGID: 7')).toEqual({ printed: '', exitCode: null, isError: true })
  expect(ended('Output: a\nBackground PIDs: 1, 2\nProcess Group PGID: 7')).toEqual({ printed: 'a', exitCode: 0, isError: false })
  const long = 'x'.repeat(5_000_000)
  expect(ended(`Output: ${long}\nExit Code: 1\nProcess Group PGID: 7`)).toEqual({ printed: long, exitCode: 1, isError: true })
  expect(ended('Command was cancelled by user before it could complete.')).toMatchObject({ exitCode: null, isError: true })
  expect(ended('Command moved to background (PID: 7). Output hidden.')).toMatchObject({ exitCode: null, isError: false })
})

test('nothing that an agent could say is too much', () => {
  const words = fc.oneof(
    fc.string(),
    fc.constantFrom('run_shell_command__1', 'mcp_a__1', '[in a] (b)', '{"a":1}', '[]', 'Output: \nExit Code: 1'),
  )
  const said = fc.record({
    toolCallId: words,
    title: fc.oneof(words, fc.anything()),
    kind: fc.oneof(fc.constantFrom('execute', 'edit'), fc.anything()),
    status: fc.oneof(fc.constantFrom('completed', 'failed', 'in_progress'), fc.anything()),
    content: fc.oneof(
      fc.array(fc.record({ type: fc.constant('content'), content: fc.record({ type: fc.constant('text'), text: words }) })),
      fc.anything(),
    ),
  })
  fc.assert(
    fc.property(fc.array(said, { minLength: 1, maxLength: 3 }), (all) => {
      let known: AcpTool | null = null
      for (const each of all) {
        const told = toToolUpdate(each)
        if (told !== null) known = mergeGeminiTool(known, told)
      }
      if (known === null) return
      const context = { cwd: '/workspace', options: [] }
      expect(typeof toGeminiCall(known, context).title).toBe('string')
      expect(typeof toGeminiResult(known, context).output).toBe('string')
    }),
  )
})
