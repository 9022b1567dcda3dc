import { describe, test, vi } from 'vitest'
import type { Cell } from './cell.ts'
import { openStage } from './stage.ts'
import type { Subject } from './subjects.ts'

/** A cell that takes longer has hung: nothing in the suite waits for more than a few seconds. */
const limitMs = 60_000

/** Registers one test per cell. Two play at a time: most wait for one agent or another, and each has a stage of its own. */
export function testConformance(subject: Subject, cells: readonly Cell[]): void {
  vi.setConfig({ maxConcurrency: 2 })
  describe.concurrent(subject.runtime, () => {
    test.each(cells)('$name', { timeout: limitMs }, async ({ run }) => {
      await using stage = await openStage(subject)
      await run(stage)
    })
  })
}
