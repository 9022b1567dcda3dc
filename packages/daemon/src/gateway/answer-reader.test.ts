import { usage as usageSchema, type Usage } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAnswerReader } from './answer-reader.ts'
import type { Wording } from './endpoints.ts'
import { findModel, createModelName } from './model-name.ts'

const stream = { 'content-type': 'text/event-stream; charset=utf-8' }
const whole = { 'content-type': 'application/json' }
const frames = (...messages: readonly unknown[]) => messages.map((one) => `event: x\ndata: ${JSON.stringify(one)}\n\n`).join('')

interface Sample {
  readonly wording: Wording
  readonly streamed: string
  /** The same answer in one piece. */
  readonly whole: unknown
  readonly usage: Usage
}

const samples: readonly Sample[] = [
  {
    wording: 'messages',
    streamed: frames(
      {
        type: 'message_start',
        message: {
          model: 'm',
          usage: { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 1 },
        },
      },
      { type: 'content_block_delta', delta: { text: '"usage": {"input_tokens": 9}, é' } },
      { type: 'message_delta', usage: { output_tokens: 7 } },
      { type: 'message_delta', usage: { input_tokens: null, output_tokens: 42, output_tokens_details: { thinking_tokens: 5 } } },
      { type: 'message_stop' },
    ),
    whole: {
      model: 'm',
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: 20,
        cache_read_input_tokens: 100,
        output_tokens: 42,
        output_tokens_details: { thinking_tokens: 5 },
      },
    },
    usage: { input_tokens: 123, output_tokens: 42, cached_input_tokens: 100, reasoning_tokens: 5 },
  },
  {
    wording: 'responses',
    streamed: frames(
      { type: 'response.created', response: { model: 'm', usage: null } },
      { type: 'response.output_text.delta', delta: '"usage"' },
      {
        type: 'response.completed',
        response: {
          model: 'm',
          usage: {
            input_tokens: 10,
            input_tokens_details: { cached_tokens: 4 },
            output_tokens: 6,
            output_tokens_details: { reasoning_tokens: 2 },
          },
        },
      },
    ),
    whole: {
      model: 'm',
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 6,
        output_tokens_details: { reasoning_tokens: 2 },
      },
    },
    usage: { input_tokens: 10, output_tokens: 6, cached_input_tokens: 4, reasoning_tokens: 2 },
  },
  {
    wording: 'chat_completions',
    streamed: `${frames({ model: 'm', choices: [{}], usage: null }, { model: 'm', choices: [], usage: { prompt_tokens: 8, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 0 } } })}data: [DONE]\n\n`,
    whole: { model: 'm', choices: [{}], usage: { prompt_tokens: 8, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 0 } } },
    usage: { input_tokens: 8, output_tokens: 5, cached_input_tokens: 0, reasoning_tokens: null },
  },
  {
    wording: 'generate_content',
    streamed: frames(
      { modelVersion: 'm', usageMetadata: { promptTokenCount: 11, totalTokenCount: 11 } },
      {
        modelVersion: 'm',
        usageMetadata: {
          promptTokenCount: 11,
          toolUsePromptTokenCount: 2,
          cachedContentTokenCount: 6,
          candidatesTokenCount: 4,
          thoughtsTokenCount: 3,
        },
      },
    ),
    whole: [
      { usageMetadata: { promptTokenCount: 11 } },
      {
        modelVersion: 'm',
        usageMetadata: {
          promptTokenCount: 11,
          toolUsePromptTokenCount: 2,
          cachedContentTokenCount: 6,
          candidatesTokenCount: 4,
          thoughtsTokenCount: 3,
        },
      },
    ],
    usage: { input_tokens: 13, output_tokens: 7, cached_input_tokens: 6, reasoning_tokens: 3 },
  },
]

function read(wording: Wording, headers: object, chunks: readonly Buffer[]) {
  const reader = createAnswerReader(wording, headers as Record<string, string>)
  for (const chunk of chunks) reader.push(chunk)
  return reader.end()
}

function cut(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const ends = sizes.map((_, index) => sizes.slice(0, index + 1).reduce((sum, size) => sum + size, 0))
  return [0, ...ends].map((from, index) => bytes.subarray(from, ends[index] ?? bytes.length))
}

const most = Number.MAX_SAFE_INTEGER
const sizes = fc.array(fc.nat({ max: 90 }), { maxLength: 40 })

describe.each(samples)('$wording', ({ wording, streamed, whole: body, usage }) => {
  test('a stream tells the same, however it is cut and its lines end', () => {
    fc.assert(
      fc.property(sizes, fc.constantFrom('\n', '\r\n'), (at, end) => {
        const bytes = Buffer.from(streamed.replaceAll('\n', end))
        expect(read(wording, stream, cut(bytes, at))).toEqual({ model: 'm', usage })
      }),
    )
  })

  test('so does an answer in one piece, and a stream without its last blank line', () => {
    fc.assert(
      fc.property(sizes, (at) => {
        expect(read(wording, whole, cut(Buffer.from(JSON.stringify(body)), at))).toEqual({ model: 'm', usage })
      }),
    )
    expect(read(wording, stream, [Buffer.from(streamed.trimEnd())]).usage).toEqual(usage)
  })

  test('rubbish is not known, and never thrown', () => {
    const nothing = { model: null, usage: null }
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), fc.constantFrom(stream, whole, {}), (chunks, headers) => {
        const mark = wording === 'generate_content' ? 'data: {"usageMetadata":' : 'data: {"usage":'
        const mixed = chunks.flatMap((chunk) => [Buffer.from(chunk), Buffer.from(mark)])
        expect(read(wording, headers, mixed)).toEqual(nothing)
      }),
    )
    for (const odd of [
      '{"usage":{"input_tokens":-1,"prompt_tokens":"7"},"usageMetadata":{"promptTokenCount":1.5}}',
      '{"usage":[]}',
      'null',
      '[[]]',
    ])
      expect(read(wording, stream, [Buffer.from(`data: ${odd}\n\n`)]).usage).toBe(null)
  })

  test('of an endless array the end is read, so that no endpoint keeps the daemon busy', () => {
    const told = (after: number) => [Buffer.from(JSON.stringify([body, Array.from({ length: after }, () => 1)].flat(2)))]
    expect(read(wording, whole, told(999))).toEqual({ model: 'm', usage })
    expect(read(wording, whole, told(1_000_000))).toEqual({ model: null, usage: null })
  })

  test('counts that no model can reach are not believed', () => {
    const sums = { cache_read_input_tokens: most, toolUsePromptTokenCount: most, thoughtsTokenCount: most }
    const counts = { input_tokens: most, prompt_tokens: most, promptTokenCount: most, output_tokens: 1, candidatesTokenCount: 1, ...sums }
    const found = read(wording, whole, [Buffer.from(JSON.stringify({ usage: counts, usageMetadata: counts }))])
    expect(usageSchema.nullable().safeParse(found.usage).error).toBe(undefined)
    expect(JSON.stringify(found)).not.toContain(String(most))
  })

  test('what is too large is not kept, and not known', () => {
    const filler = Buffer.alloc(1024 * 1024, 'x')
    const large = [Buffer.from('data: '), ...Array.from({ length: 5 }, () => filler), Buffer.from(`\n\n${streamed}`)]
    expect(read(wording, stream, large).usage).toBe(null)
    expect(read(wording, whole, large).usage).toBe(null)
    // Many events, none of them large.
    const many = Array.from({ length: 5 * 1024 }, () => Buffer.from(`data: ${'x'.repeat(1024)}\n\n`))
    expect(read(wording, stream, [...many, Buffer.from(streamed)]).usage).toEqual(usage)
  })
})

test('what is encoded is not read', () => {
  const [{ streamed } = { streamed: '' }] = samples
  expect(read('messages', { ...stream, 'content-encoding': 'gzip' }, [Buffer.from(streamed)]).usage).toBe(null)
})

describe('the model of a request', () => {
  test('is found wherever it stands, however the request is cut', () => {
    const messages = fc.jsonValue().map((value) => JSON.stringify({ model: 'inner', value, text: '{"model":"said"' }))
    fc.assert(
      fc.property(messages, fc.boolean(), sizes, (inner, first, at) => {
        const other = `"messages":[${inner}],"metadata":${inner}`
        const text = first ? `{ "model" : "m\\u00e9", ${other}}` : `{${other},"model":"m\\u00e9"}`
        const name = createModelName(null)
        for (const chunk of cut(Buffer.from(text), at)) name.push(chunk)
        name.end()
        expect(name.value).toBe('mé')
      }),
    )
  })

  test('is not known where the outermost object does not say it, or says it too late', () => {
    for (const text of [
      '',
      '[]',
      '{"a":{"model":"x"}}',
      '["model","x"]',
      '{"model":7}',
      '{"model":{"a":1}}',
      '{"model":"cut off',
      'model=x',
      '{"x":"model"}',
    ])
      expect([text, findModel(text)]).toEqual([text, null])
    const name = createModelName(null)
    name.push(Buffer.from(`{"text":"${'x'.repeat(100_000)}","model":"m"}`))
    expect([name.settled, name.value]).toEqual([true, null])
  })
})
