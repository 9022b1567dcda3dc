import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import { pageSize, parseQuery, plainInteger } from './query.ts'

const names = ['after', 'limit', '__proto__']

test('any text is read, or refused because a parameter occurs twice', () => {
  const part = fc.oneof(fc.constantFrom('after', 'limit', '__proto__', '=', '&', '%', '%zz', '%ff', '+', ';', '[]', '?', '#'), fc.string())
  fc.assert(
    fc.property(
      fc.array(part).map((parts) => parts.join('')),
      (query) => {
        const times = (name: string) => [...new URLSearchParams(query).keys()].filter((one) => one === name).length
        let read: Record<string, string> | null = null
        try {
          read = parseQuery(query, names)
        } catch (error) {
          expect(error).toBeInstanceOf(Problem)
        }
        expect(read === null).toBe(names.some((name) => times(name) > 1))
        expect(Object.keys(read ?? {}).every((name) => names.includes(name) && times(name) === 1)).toBe(true)
      },
    ),
  )
  expect('polluted' in {}).toBe(false)
})

test('whatever the value is, it comes through as it was sent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const query = new URLSearchParams([['after', value]]).toString()
      expect(parseQuery(query, names)).toEqual({ after: value.toWellFormed() })
    }),
  )
})

test('a number is plain digits, and nothing else is one', () => {
  const near = fc.oneof(
    fc.string(),
    fc.maxSafeInteger().map(String),
    fc.double().map(String),
    fc.constantFrom('9007199254740992', '00', '٣', '1n', '0x1', '1_0'),
  )
  fc.assert(
    fc.property(near, (text) => {
      const plain = /^[0-9]{1,16}$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER
      expect(plainInteger({ min: 0 }).safeParse(text).success).toBe(plain)
      const size = pageSize({ fallback: 7, max: 500 }).safeParse(text)
      expect(size.success).toBe(plain && Number(text) >= 1)
      if (size.success) expect(size.data).toBe(Math.min(Number(text), 500))
    }),
  )
})
