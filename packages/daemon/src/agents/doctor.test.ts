import { expect, test } from 'vitest'
import { isOlder } from './doctor.ts'

test.each([
  ['0.168.9', '0.169.0', true],
  ['0.9.0', '0.169.0', true],
  ['0.169.0', '0.169.0', false],
  ['0.169.0-alpha.1', '0.169.0', false],
  ['0.170.0', '0.169.0', false],
  ['1.0', '0.169.0', false],
  ['1', '1.0.1', true],
  ['10.0.0', '9.9.9', false],
  ['', '0.0.0', false],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older)
})
