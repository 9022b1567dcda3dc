import { describe, test } from 'vitest'
import { faults } from './faults.ts'
import { createRandom } from './random.ts'

/** What sets faults up by namespaces, /proc and strace is of Linux. */
describe.runIf(process.platform === 'linux')('nothing is lost, and the daemon lives, where', () => {
  for (const { id, name, rounds, run } of faults) {
    test.runIf(rounds.short > 0)(`${id}: ${name}`, { timeout: 120_000 }, async () => {
      for (let seed = 1; seed <= rounds.short; seed++) await run({ random: createRandom(seed), long: false, figure: () => undefined })
    })
  }
})
