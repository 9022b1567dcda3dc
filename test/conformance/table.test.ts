import { expect, test } from 'vitest'
import type { Entry } from './entry.ts'
import { toColumn, writeTable } from './table.ts'

const place = '# Runtimes\n\n<!-- conformance: written by `npm run conformance`; nobody edits it -->\n<!-- /conformance -->\n\nThe end.\n'

const played = (cell: string, more: Partial<Entry> = {}): Entry => ({
  cell,
  runtime: 'ada',
  quirk: false,
  remark: null,
  denies: [],
  others: [],
  reasons: {},
  ...more,
})

const ada = toColumn({ title: 'Ada', version: '1.0' }, [
  played('it speaks', { reasons: { supports_questions: 'it never asks' } }),
  played('it asks', { denies: ['supports_questions'] }),
  played('it is silent', { others: ['supports_steer: true'] }),
  played('it adds', { quirk: true }),
])

test('a column has a mark for each cell, reasons below the table, and what is true of one agent alone below them', () => {
  const written = writeTable(place, [ada])
  expect(written.split('\n').filter((line) => line.startsWith('| ') || line.startsWith('- '))).toEqual([
    '|  | Ada 1.0 |',
    '| --- | --- |',
    '| it speaks | ✓ |',
    '| it asks | ✗ `supports_questions` |',
    '| it is silent | – `supports_steer: true` |',
    '- Ada, `supports_questions`: it never asks',
    '- Ada alone: it adds ✓',
  ])
  expect([written.startsWith('# Runtimes\n'), written.endsWith('\nThe end.\n')]).toEqual([true, true])
})

test('writing it again changes nothing, and a column of another agent stays', () => {
  const once = writeTable(place, [ada])
  expect(writeTable(once, [ada])).toBe(once)
  const bob = toColumn({ title: 'Bob', version: '2.0' }, [
    played('it speaks', { remark: 'slowly' }),
    played('it asks'),
    played('it is silent'),
  ])
  const both = writeTable(once, [bob])
  expect(both).toContain('| it speaks | ✓ | ✓ (slowly) |')
  expect(both).toContain('- Ada alone: it adds ✓')
  expect(writeTable(both, [ada])).toBe(both)
  expect(writeTable(place, [bob, ada])).toBe(both)
})

test('a cell that is gone leaves the table with the next column that is written', () => {
  const fewer = toColumn({ title: 'Ada', version: '1.1' }, [played('it speaks')])
  expect(writeTable(writeTable(place, [ada]), [fewer])).not.toContain('it asks')
})
