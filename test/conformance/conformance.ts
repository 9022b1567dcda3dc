import { capabilities } from '@codesdkd/protocol'
import { describe, expect, test, vi } from 'vitest'
import type { Cell } from './cell.ts'
import { openStage } from './stage.ts'
import type { Subject } from './subjects.ts'

/** A cell that takes longer has hung: nothing in the suite waits for more than a few seconds. */
const limitMs = 60_000

/** Registers one test per cell. Three play at a time, each on a stage of its own: while one waits for its agent, another can work. */
export function testConformance(subject: Subject, cells: readonly Cell[]): void {
  vi.setConfig({ maxConcurrency: 3 })
  describe.concurrent(`conformance of ${subject.runtime}`, () => {
    test.each(cells)('$name', { timeout: limitMs }, async ({ run }) => {
      await using stage = await openStage(subject)
      await run(stage)
    })
  })
}

/** What a runtime says of itself beside its capabilities. */
const described: ReadonlySet<string> = new Set(['runtime', 'models', 'notes'])

/** Registers the test that a runtime claims nothing, and denies nothing, that no cell looks at. */
export function testProofs(subject: Subject, cells: readonly Cell[]): void {
  test(`of ${subject.runtime} every capability flag has a cell that proves or disproves it`, async () => {
    await using stage = await openStage(subject)
    await using daemon = await stage.open()
    const { body } = await daemon.client.get(`/capabilities?runtime=${subject.runtime}`)
    const proved = new Set<string>(cells.flatMap(({ proves = [] }) => proves))
    expect(Object.keys(capabilities.parse(body)).filter((flag) => !described.has(flag) && !proved.has(flag))).toEqual([])
  })
}
