import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  emptyTranscript,
  eventSchema,
  evolveTranscript,
  transcriptPage,
  type Event,
  type NewEvent,
  type Transcript,
  type TranscriptBlock,
} from '@codesdkd/protocol'
import { bound, storeNothing } from './bounds.ts'
import { approved, denied, type Ground } from './call-events.ts'
import { evaluate, observe, request } from './decide.ts'
import type { Asked, NativeCall, Observation } from './task-host.ts'
import { Bench } from './testing/bench.ts'
import { addToTranscript, emptyTaskTranscript, toMessages } from './transcript.ts'

const fixtures = join(import.meta.dirname, '../../../../test/fixtures')
const agents = ['acp', 'claude', 'codex', 'gemini', 'opencode']
const recordings = agents.flatMap((agent) =>
  readdirSync(join(fixtures, agent))
    .filter((name) => name.endsWith('.observations.jsonl'))
    .map((name) => [agent, name.replace('.observations.jsonl', '')] as const),
)

/** A line of a recording: what the mapper made of what the agent said, or what the agent was answered. */
type Recorded =
  | (Observation & { readonly reply?: unknown })
  | { readonly request?: unknown; readonly approved?: boolean; readonly answer?: string }

/** The log that the daemon writes when a real agent says this. */
function replay(agent: string, name: string): readonly Event[] {
  const lines = readFileSync(join(fixtures, agent, `${name}.observations.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded)
  const bench = new Bench()
  for (const [at, line] of lines.entries()) {
    if ('kind' in line && line.kind === 'call.asked') ask(bench, line.call, isApproved(lines.slice(at + 1), line.reply))
    else if (isObserved(line))
      for (const prepared of bound(line, storeNothing)) bench.add(observe(bench.state, 't', prepared, bench.inputs))
  }
  bench.end()
  return bench.events
}

function isObserved(line: Recorded): line is Exclude<Observation, Asked> {
  return 'kind' in line && (line.kind === 'event' || line.kind.startsWith('call.')) && line.kind !== 'call.asked'
}

/** The answer to this request, or else the next one. */
function isApproved(later: readonly Recorded[], reply: unknown): boolean {
  const answers = later.filter((line) => 'approved' in line || 'answer' in line)
  const answer = answers.find((line) => 'request' in line && line.request === reply) ?? answers[0]
  return answer !== undefined && (('approved' in answer && answer.approved) || ('answer' in answer && answer.answer === 'approved'))
}

function ask(bench: Bench, native: NativeCall, yes: boolean): void {
  const asked = request(bench.state, 't', native, bench.inputs)
  if (asked === null) throw new Error('nothing can be asked')
  bench.add(asked.events)
  bench.add(evaluate(bench.state, 't', asked.call, { result: 'ask', rule: 'r' }, bench.inputs, null))
  const call = bench.task.calls.get(asked.call.tool_call_id)
  if (call === undefined) throw new Error('the call is not open')
  const person: Ground = { by: 'user', rule: 'person' }
  const decision: NewEvent = yes ? approved(bench.task, call, person, bench.inputs) : denied(bench.task, call, person, 'no', bench.inputs)
  bench.add([decision])
}

const blocksOf = ({ messages }: Transcript): readonly TranscriptBlock[] => messages.flatMap(({ content }) => content)
const keyOf = (id: string, attempt: number | undefined) => `${id} ${attempt}`

describe.each(recordings)('%s: %s', (agent, name) => {
  const events = replay(agent, name)
  const transcript = events.reduce(evolveTranscript, emptyTranscript('s'))

  test('is a valid log, and its transcript a valid page', () => {
    for (const event of events) expect(eventSchema(event.type).safeParse(event)).toMatchObject({ success: true })
    const page = { ...transcript, next_after: null }
    expect(transcriptPage.parse(JSON.parse(JSON.stringify(page)))).toEqual(page)
    expect(events.length).toBeGreaterThan(2)
  })

  test('has every call of the log once, with who decided it, and one result where it ran or was denied', () => {
    const blocks = blocksOf(transcript)
    const calls = events.flatMap(({ type, payload }) =>
      type === 'tool.call.requested' && 'attempt' in payload ? [keyOf(payload.tool_call_id, payload.attempt)] : [],
    )
    const uses = blocks.filter((block) => block.type === 'tool_use')
    expect(uses.map(({ id, attempt }) => keyOf(id, attempt))).toEqual(calls)
    for (const use of uses) {
      expect(use.decision).toBeDefined()
      const results = blocks.filter(
        (block) => block.type === 'tool_result' && keyOf(block.tool_use_id, block.attempt) === keyOf(use.id, use.attempt),
      )
      if (use.phase === 'approved') expect(results).toEqual([])
      else expect(results).toMatchObject([{ outcome: use.phase }])
    }
  })

  test('says what the session itself remembers of it, and nothing is left open', () => {
    const remembered = toMessages(events.reduce(addToTranscript, emptyTaskTranscript))
      .slice(1)
      .flatMap(({ content }) =>
        typeof content === 'string' ? [content] : content.map((block) => (block.type === 'text' ? block.text : '')),
      )
    const texts = blocksOf(transcript)
      .slice(1)
      .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    expect(texts.toSorted()).toEqual(remembered.filter((text) => text !== '').toSorted())
    expect(blocksOf(transcript).filter((block) => 'block_id' in block)).toEqual([])
    expect(transcript.tasks).toMatchObject([{ status: 'completed' }])
  })
})

describe('what real agents did reads as', () => {
  const shape = (agent: string, name: string) =>
    replay(agent, name)
      .reduce(evolveTranscript, emptyTranscript('s'))
      .messages.map(({ role, content }) => [
        role,
        ...content.map((block) =>
          block.type === 'tool_use' ? `${block.name} ${block.phase}` : block.type === 'text' ? block.text : block.type,
        ),
      ])

  test('Codex: a command that a person approved', () => {
    expect(shape('codex', 'command-approved')).toEqual([
      ['user', 'go'],
      ['assistant', 'I run it.', 'shell completed'],
      ['tool', 'tool_result'],
      ['assistant', 'Done.'],
    ])
  })

  test('Claude: a command that a person denied', () => {
    expect(shape('claude', 'command-denied')).toEqual([
      ['user', 'go'],
      ['assistant', 'Bash denied'],
      ['tool', 'tool_result'],
      ['assistant', 'Done.'],
    ])
  })

  test('Claude: a stream that began again is told once', () => {
    const discarded = replay('claude', 'stream-retried').filter(({ type }) => type === 'model.output.discarded')
    expect(discarded).not.toEqual([])
    const texts = shape('claude', 'stream-retried').flat()
    expect(new Set(texts).size).toBe(texts.length)
  })
})
