import { expect, test } from 'vitest'
import { newId } from './new-id.ts'

test('an id is 32 hex digits, and none is given twice', () => {
  const ids = Array.from({ length: 2_000 }, newId)
  expect(ids.filter((id) => !/^[0-9a-f]{32}$/.test(id))).toEqual([])
  expect(new Set(ids).size).toBe(ids.length)
})
