import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const module = join(import.meta.dirname, 'young-space.ts')

/** Megabytes of the space of young objects after a flood of objects that live for a while, in a process of its own. */
function sizeAfterFlood(before: string): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { setImmediate } from 'node:timers/promises'
    import { boundYoungSpace } from ${JSON.stringify(module)}
    ${before}
    const held = []
    for (let turn = 0; turn < 400; turn++) {
      for (let count = 0; count < 5_000; count++) held[(turn * 5_000 + count) % 200_000] = { text: 'x'.repeat(20) + count }
      // What watches collections is told between turns.
      await setImmediate()
    }
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script]).toString())
}

test('the space of young objects grows to what is enough, and no further', () => {
  const unbounded = sizeAfterFlood('')
  const bounded = sizeAfterFlood('boundYoungSpace()')
  expect(unbounded).toBeGreaterThan(40)
  expect([bounded >= 16, bounded <= 34]).toEqual([true, true])
})

test('it grows again after it was made small', () => {
  const small = `
    import { collectGarbage } from ${JSON.stringify(join(import.meta.dirname, 'rest-collector.ts'))}
    boundYoungSpace()
    collectGarbage()`
  const size = sizeAfterFlood(small)
  expect([size >= 16, size <= 34]).toEqual([true, true])
})
