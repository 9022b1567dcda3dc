import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import { parseObject, toField } from './body.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`

function codeOf(body: Uint8Array): string | null {
  try {
    parseObject(body)
    return null
  } catch (error) {
    if (error instanceof Problem) return error.code
    throw error
  }
}

describe('parseObject', () => {
  const rows: readonly (readonly [string, string | null])[] = [
    ['', null],
    ['{}', null],
    [' \n{} ', null],
    ['{"a":1,"a":2}', null],
    [nested(63), null],
    [`{"a":"${'['.repeat(100)}\\""}`, null],
    [nested(64), 'invalid_request'],
    [nested(200_000), 'invalid_request'],
    ['[]', 'invalid_request'],
    ['"x"', 'invalid_request'],
    ['5', 'invalid_request'],
    ['null', 'invalid_request'],
    ['true', 'invalid_request'],
    ['\ufeff{}', 'invalid_json'],
    ['{', 'invalid_json'],
    ['{"a":1,}', 'invalid_json'],
    ['{"a":NaN}', 'invalid_json'],
    ["{'a':1}", 'invalid_json'],
    ['{}{}', 'invalid_json'],
    ['{"a":1e999}', 'invalid_request'],
    ['{"a":[{"b":-1e999}]}', 'invalid_request'],
    [`{"a":${'9'.repeat(1_000_000)}}`, 'invalid_request'],
    ['{"a":{"__proto__":1}}', null],
    ['{"env":{"__proto__":"1"}}', 'invalid_request'],
    ['{"env":{"constructor":"1"}}', 'invalid_request'],
    ['{"runtimeConfig":{"a":{"b":{"c":{"d":{"__proto__":{}}}}}}}', 'invalid_request'],
    ['{"runtime_config":{"a":[{"prototype":1}]}}', 'invalid_request'],
    ['{"metadata":{"__proto__":"x"}}', 'invalid_request'],
  ]
  test.each(rows.map(([body, code]) => ({ title: body.slice(0, 60), body, code })))('$title -> $code', ({ body, code }) => {
    expect(codeOf(bytes(body))).toBe(code)
  })

  test('of repeated keys the last one wins', () => {
    expect(parseObject(bytes('{"a":1,"a":2}'))).toEqual({ a: 2 })
  })

  test('invalid UTF-8 is refused, never repaired', () => {
    expect(codeOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))).toBe('invalid_json')
  })

  test('any object of reasonable depth comes through as it was sent', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => !['__proto__', 'env', 'metadata', 'runtimeConfig', 'runtime_config'].includes(key)),
          fc.jsonValue(),
        ),
        (value) => {
          const text = JSON.stringify(value)
          expect(parseObject(bytes(text))).toEqual(JSON.parse(text))
        },
      ),
    )
  })

  test('any bytes are an object or a Problem', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
        expect([null, 'invalid_json', 'invalid_request']).toContain(codeOf(body))
      }),
    )
  })
})

test('toField writes a path as people do', () => {
  expect(toField(['messages', 2, 'content', 0, 'text'])).toBe('messages[2].content[0].text')
  expect(toField(['x'.repeat(500)])).toHaveLength(120)
})
