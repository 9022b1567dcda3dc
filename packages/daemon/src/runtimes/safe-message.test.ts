import { expect, test } from 'vitest'
import { toSafeMessage } from './safe-message.ts'

test('of a URL neither credentials nor query are shown', () => {
  expect(toSafeMessage('refused, url: https://me:secret@host:1/v1?key=secret#x, twice http://host/')).toBe(
    'refused, url: https://host:1/v1 twice http://host/',
  )
  expect(toSafeMessage('x'.repeat(5000))).toHaveLength(2000)
})
