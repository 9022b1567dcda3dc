import { readFileSync, writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { toColumn, writeTable, type Column } from './table.ts'

const file = new URL('../../docs/runtimes.md', import.meta.url)

/**
 * Writes the column of every runtime whose cells were all played and are green into docs/runtimes.md. A run that was filtered, or in which
 * a cell failed, changes nothing. Where `CI` is set it only compares: a table that is out of date fails the run.
 */
export default class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const columns = modules.flatMap((module) => toPlayed(module) ?? [])
    if (columns.length === 0) return
    const document = readFileSync(file, 'utf8')
    const written = writeTable(document, columns)
    if (written === document) return
    if ((process.env['CI'] ?? '') === '') {
      writeFileSync(file, written)
      return
    }
    process.stderr.write('docs/runtimes.md is out of date: npm run conformance\n')
    process.exitCode = 1
  }
}

/** The column of a module; null where anything of it was left out or is not green. */
function toPlayed(module: TestModule): Column | null {
  const tests = [...module.children.allTests()]
  const agent = tests.flatMap((test) => test.meta().agent ?? [])[0]
  const entries = tests.flatMap((test) => test.meta().conformance ?? [])
  // A cell says who it is before it is skipped, so that a test without a word was never begun.
  const whole = agent !== undefined && entries.length === tests.length - 1
  if (!whole || tests.some((test) => test.result().state === 'failed')) return null
  return toColumn(agent, entries)
}
