import { describe, expect, test, vi } from 'vitest'
import type { Cell } from './cell.ts'
import { claimsOf, fits, toEntry, unmetBy } from './entry.ts'
import { openStage } from './stage.ts'
import type { Subject } from './subject.ts'
import { suite } from './suite.ts'

const limitMs = 120_000

/**
 * Registers everything that is asked of a runtime, and what is true of this one alone. When all of it was played and is green, the
 * table in docs/runtimes.md is written (see table-reporter.ts).
 */
export function testConformance(subject: Subject, quirks: readonly Cell[] = []): void {
  testCells(subject, suite, quirks)
  testClaims(subject)
}

/**
 * Registers one test per cell. Three play at a time, each on a stage of its own: while one waits for its agent, another can work. Five
 * where the agent itself waits for long.
 */
export function testCells(subject: Subject, cells: readonly Cell[], quirks: readonly Cell[] = []): void {
  vi.setConfig({ maxConcurrency: subject.perseverance === undefined ? 3 : 5 })
  describe.concurrent(`conformance of ${subject.runtime}`, () => {
    for (const cell of [...cells, ...quirks])
      // oxlint-disable-next-line vitest/valid-title -- the titles are the names of the cells
      test(cell.name, { timeout: toLimit(cell, subject), retry: subject.mistakes?.retries ?? 0 }, async ({ task, skip }) => {
        task.meta.conformance = toEntry(cell, subject, quirks.includes(cell))
        skip(!fits(cell, subject), 'the runtime claims otherwise')
        await using stage = await openStage(subject)
        await cell.run(stage)
      })
  })
}

function toLimit({ limitMs: own = limitMs, perseveres = 0 }: Cell, { perseverance }: Subject): number {
  return own + perseveres * (perseverance?.ms ?? 0)
}

/** Registers the test that the runtime claims nothing, and denies nothing, without a cell that shows it. */
function testClaims(subject: Subject): void {
  test(`every claim of ${subject.runtime} has its proof`, async ({ task }) => {
    await using stage = await openStage(subject)
    await using daemon = await stage.open()
    const { body } = await daemon.client.get(`/capabilities?runtime=${subject.runtime}`)
    // Beside them it may say what was measured, and when.
    const claims = claimsOf(subject)
    expect(body).toMatchObject({ ...subject.capabilities, confinement: claims.confinement })
    const proofs = suite
      .filter((cell) => fits(cell, subject))
      .map(({ proves }) => (typeof proves === 'function' ? proves(claims) : (proves ?? {})))
    expect(Object.assign({}, ...proofs)).toEqual(claims)
    for (const proof of proofs) expect(claims).toMatchObject(proof)
    const unmet = new Set(suite.flatMap((cell) => unmetBy(cell, subject)))
    const reasoned = Object.keys(subject.reasons)
    const denied = new Set(suite.flatMap((cell) => toEntry(cell, subject, false).denies))
    expect(
      [...denied].filter((claim) => !reasoned.includes(claim)),
      'claims that are denied without a reason',
    ).toEqual([])
    expect(
      reasoned.filter((claim) => ![...unmet].some((one) => one === claim)),
      'reasons for what is not denied',
    ).toEqual([])
    const { version } = (await daemon.client.get(`/health?runtime=${subject.runtime}`)).body
    task.meta.agent = { title: subject.title, version: String(version) }
  })
}
