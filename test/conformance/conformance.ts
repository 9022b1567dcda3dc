import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import type { Cell, Claims } from './cell.ts'
import { openStage } from './stage.ts'
import type { Subject } from './subjects.ts'

/** A cell that takes longer has hung: nothing in the suite waits for more than a few seconds. */
const limitMs = 60_000

/** Registers one test per cell. Three play at a time, each on a stage of its own: while one waits for its agent, another can work. */
export function testConformance(subject: Subject, cells: readonly Cell[]): void {
  vi.setConfig({ maxConcurrency: 3 })
  describe.concurrent(`conformance of ${subject.runtime}`, () => {
    // '%s' keeps the whole name; '$name' would cut it.
    test.for(cells.map((cell) => [cell.name, cell] as const))('%s', { timeout: limitMs }, async ([, cell], { skip }) => {
      skip(!fits(cell, subject), 'the runtime claims otherwise')
      await using stage = await openStage(subject)
      await cell.run(stage)
    })
  })
}

/** Registers the test that the runtime claims nothing, and denies nothing, without a cell that shows it. */
export function testProofs(subject: Subject, cells: readonly Cell[]): void {
  test(`every claim of ${subject.runtime} has its proof`, async () => {
    await using stage = await openStage(subject)
    await using daemon = await stage.open()
    const { body } = await daemon.client.get(`/capabilities?runtime=${subject.runtime}`)
    expect(body).toEqual(subject.capabilities)
    const { runtime: _name, models: _models, notes: _notes, ...claims } = subject.capabilities
    const proofs = cells.filter((cell) => fits(cell, subject)).map(({ proves }) => proves)
    expect(Object.assign({}, ...proofs)).toEqual(claims)
    for (const proof of proofs) expect(claims).toMatchObject(proof ?? {})
  })
}

function fits({ needs = {} }: Cell, { capabilities }: Subject): boolean {
  return Object.entries(needs).every(([claim, value]) => isDeepStrictEqual(capabilities[claim as keyof Claims], value))
}
