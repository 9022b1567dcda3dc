import type { Finding } from './run-fault.ts'

const columns = ['fault', 'rounds', 'violations', 'worst time', 'seed'] as const

/** The findings as lines for a terminal. */
export function toTable(findings: readonly Finding[]): string {
  return findings
    .map(({ fault, skipped, rounds, violations, worstMs, seed, figures }) => {
      const counts = skipped === null ? [rounds, violations.length, toSeconds(worstMs), seed] : [`skipped: ${skipped}`]
      const cells = [fault.id.padEnd(5), ...counts].map((cell) => String(cell).padStart(6))
      return `${cells.join('  ')}  ${fault.name}${toFigures(figures, ' [', ']')}`
    })
    .join('\n')
}

/** The findings as the table of docs/reliability.md. */
export function toMarkdown(findings: readonly Finding[]): string {
  const rows = findings.map(({ fault, skipped, rounds, violations, worstMs, seed, figures }) => {
    const counts = skipped === null ? [rounds, violations.length, toSeconds(worstMs), seed] : [`skipped: ${skipped}`, '', '', '']
    const cells = [`${fault.id} ${fault.name}${toFigures(figures, ' (', ')')}`, ...counts]
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [`| ${columns.join(' | ')} |`, `|${columns.map(() => '---|').join('')}`, ...rows, ''].join('\n')
}

const toSeconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

function toFigures(figures: Finding['figures'], open: string, close: string): string {
  if (figures.size === 0) return ''
  return `${open}${[...figures].map(([name, value]) => `${name} ${value}`).join(', ')}${close}`
}
