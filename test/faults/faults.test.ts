import { describe, expect, test } from 'vitest'
import { faults } from './faults.ts'
import { runFault } from './run-fault.ts'

/** Few rounds of each; `npm run faults` is the long form. */
describe.concurrent('what was promised holds', () => {
  test.for(faults.map((fault) => [`${fault.id}: ${fault.name}`, fault] as const))(
    '%s',
    { timeout: 180_000 },
    async ([, fault], { skip }) => {
      const { skipped, violations } = await runFault(fault, { seed: 1, long: false })
      if (skipped !== null) skip(skipped)
      if (violations.length > 0) throw violations[0]?.error
      expect(violations).toEqual([])
    },
  )
})
