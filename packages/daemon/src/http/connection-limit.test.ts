import { expect, test } from 'vitest'
import { readConnectionLimit, toConnectionLimit } from './connection-limit.ts'

const table = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            ${soft.padEnd(20)} 1048576              files
`

test.each([
  ['1048576', 1_048_064],
  ['1024', 512],
  ['65', 16],
  ['1', 1],
  ['unlimited', null],
])('of %s descriptors clients may have %s', (soft, expected) => expect(toConnectionLimit(table(soft))).toBe(expected))

test('a table of something else tells nothing', () => expect(toConnectionLimit('')).toBeNull())

test.skipIf(process.platform !== 'linux')('this system tells', () => expect(readConnectionLimit()).toBeGreaterThan(1))
