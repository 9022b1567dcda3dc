import { emptyState, evolve, type Event } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodedForms } from './known-secrets.ts'
import { createMasker } from './redact.ts'

const key = Buffer.alloc(32, 1)
const secret = 'p"q\\r/s t&u<ü>1'
const mark = /\[REDACTED:known:[0-9a-f]{6}\]/

const event: Event = {
  schema_version: 1,
  seq: 1,
  time: '2026-11-22T12:00:00.000Z',
  type: 'runtime.notice',
  trace: { session_id: 'session-with-a-name', task_id: 'task-with-a-name' },
  runtime: { name: 'codex-sdk' },
  payload: { level: 'info', kind: 'x', message: 'nothing', data: null },
}

function withData(data: unknown): string {
  return JSON.stringify({ ...event, payload: { level: 'info', kind: 'x', message: 'm', data } })
}

describe('a known value', () => {
  const masker = createMasker([secret], key)
  const places: readonly (readonly [where: string, data: unknown])[] = [
    ['as it is', secret],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['in JSON with escaped slashes, as PHP writes it', JSON.stringify(secret).replaceAll('/', '\\/')],
    ['in JSON of ASCII only, as Python writes it', JSON.stringify(secret).replaceAll('ü', '\\u00fc')],
    [
      'in JSON for HTML, as Go writes it',
      JSON.stringify(secret).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026'),
    ],
    ['in a URL', `https://x/?a=${encodeURIComponent(secret)}&b=1`],
    ['in a form', new URLSearchParams({ a: secret }).toString()],
    ['in a URL in lower case', encodeURIComponent(secret).replace(/%../g, (escape) => escape.toLowerCase())],
    ...['', 'a', 'ab', 'user:'].map(
      (before) => [`in base64 behind ${JSON.stringify(before)}`, Buffer.from(`${before}${secret}tail`).toString('base64')] as const,
    ),
    ['in base64 for URLs', Buffer.from(`a${secret}`).toString('base64url')],
    ['in hex', Buffer.from(`a${secret}`).toString('hex')],
    ['in hex, in capitals', Buffer.from(secret).toString('hex').toUpperCase()],
    ['as the name of a field', { [secret]: 1 }],
    ['deep in a list', [[{ a: [secret] }]]],
  ]

  it.each(places)('is masked %s', (_where, data) => {
    const masked = masker.mask(withData(data))
    expect(masked).toMatch(mark)
    expect(masked).not.toMatch(/p"q|q\\\\r|cCJx|r\/s|%22q/)
    expect(JSON.parse(masked)).toMatchObject({ seq: 1, type: 'runtime.notice' })
  })

  it.each(places.filter(([, data]) => typeof data === 'string'))(
    'is masked %s, also where a text was cut short in the middle of it',
    (_where, data) => {
      const text = String(data)
      const start = [...encodedForms(secret)].map((form) => text.indexOf(form.slice(0, 8))).filter((at) => at >= 0)
      for (let end = Math.max(...start) + 8; end < text.length; end++) {
        const cut = JSON.parse(masker.mask(withData(text.slice(0, end)))) as { payload: { data: string } }
        expect([...encodedForms(secret)].some((form) => cut.payload.data.includes(form.slice(0, 8)))).toBe(false)
      }
    },
  )

  it('has the same mark everywhere, and another one under another key', () => {
    const marks = ['a', 'b'].map((name) => mark.exec(masker.mask(withData({ [name]: encodeURIComponent(secret) })))?.[0])
    expect(new Set(marks).size).toBe(1)
    expect(createMasker([secret], Buffer.alloc(32, 2)).maskText(secret)).not.toBe(masker.maskText(secret))
  })

  it('of less than eight characters is left alone', () => {
    expect(createMasker(['1234567'], key).maskText('1234567')).toBe('1234567')
  })

  it('is masked from when it is added', () => {
    const late = createMasker([], key)
    expect(late.maskText('late-value')).toBe('late-value')
    late.add(['late-value'])
    expect(late.maskText('late-value')).toMatch(mark)
  })
})

describe('an event', () => {
  it('without known values is returned as it is', () => {
    const json = JSON.stringify(event)
    expect(createMasker([secret], key).mask(json)).toBe(json)
  })

  it('keeps its envelope, whatever is secret', () => {
    const values = [
      'session-with-a-name',
      'task-with-a-name',
      'runtime.notice',
      'codex-sdk',
      '2026-11-22',
      'schema_version',
      '"payload":',
      'true,"seq"',
    ]
    const masked = JSON.parse(createMasker(values, key).mask(withData({ a: values }))) as Event
    expect({ ...masked, payload: null }).toEqual({ ...event, payload: null })
    expect(JSON.stringify(masked.payload)).not.toContain('task-with')
    expect(evolve(emptyState('session-with-a-name'), masked).last_seq).toBe(1)
  })

  it('keeps its numbers', () => {
    expect(createMasker(['12345678'], key).mask(withData({ n: 12345678, s: '12345678' }))).toMatch(/"n":12345678,"s":"\[REDACTED/)
  })
})

describe('any text', () => {
  const values = fc.array(fc.string({ unit: 'binary', minLength: 8, maxLength: 20 }), { minLength: 1, maxLength: 4 })

  it('loses every known value in every form', () => {
    fc.assert(
      fc.property(values, fc.string(), fc.nat(), (known, text, at) => {
        const forms = known.flatMap((value) => [...encodedForms(value)])
        const form = forms[at % forms.length] ?? ''
        const masked = createMasker(known, key).maskText(text + form + text)
        expect(masked).toMatch(mark)
      }),
    )
  })

  it('is masked once and for all, marks and all', () => {
    fc.assert(
      fc.property(values, fc.string(), (known, text) => {
        const masker = createMasker([...known, 'REDACTED', 'REDACTED:known:'], key)
        const once = masker.maskText(`${text}${known.join(text)}REDACTED:known:x`)
        expect(masker.maskText(once)).toBe(once)
      }),
    )
  })

  it('that is an event stays one', () => {
    fc.assert(
      fc.property(values, fc.jsonValue(), (known, data) => {
        const masked: unknown = JSON.parse(createMasker(known, key).mask(withData([data, known])))
        expect(masked).toMatchObject({ seq: 1, time: event.time, type: event.type, trace: event.trace })
      }),
    )
  })
})
