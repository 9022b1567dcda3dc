import type { Entry } from './entry.ts'

/** One runtime in the table: a mark for each cell, and what there is to say about it. */
export interface Column {
  /** Name of the agent, as it is known by in the lines below the table. */
  readonly title: string
  readonly version: string
  /** Cell -> what stands beside it, in the order of the suite. */
  readonly marks: ReadonlyMap<string, string>
  /** Lines below the table. */
  readonly lines: readonly string[]
}

const begin = '<!-- conformance: written by `npm run conformance`; nobody edits it -->'
const end = '<!-- /conformance -->'

const legend = `✓ is green on the real agent. ✗ names what the agent cannot do: the reason stands below, and another cell proves it. – names the claim because of
which the cell says nothing about this agent: another cell does.`

/** The column of a runtime whose cells have all been played and are green; `entries` in their order. */
export function toColumn({ title, version }: Pick<Column, 'title' | 'version'>, entries: readonly Entry[]): Column {
  const reasons = Object.entries(entries[0]?.reasons ?? {}).map(([claim, reason]) => `- ${title}, \`${claim}\`: ${reason}`)
  const quirks = entries.filter(({ quirk }) => quirk).map((entry) => `- ${title} alone: ${entry.cell} ${toMark(entry)}`)
  const marks = new Map(entries.filter(({ quirk }) => !quirk).map((entry) => [entry.cell, toMark(entry)]))
  return { title, version, marks, lines: [...reasons.toSorted(), ...quirks] }
}

function toMark({ denies, others, remark }: Entry): string {
  if (denies.length > 0) return `✗ ${denies.map((claim) => `\`${claim}\``).join(', ')}`
  if (others.length > 0) return `– ${others.map((claim) => `\`${claim}\``).join(', ')}`
  return remark === null ? '✓' : `✓ (${remark})`
}

/** The document with these columns in its table; those of other agents stay as they are. Throws when it has no place for a table. */
export function writeTable(document: string, columns: readonly Column[]): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`the document has no place for the table: ${begin} … ${end}`)
  const kept = readColumns(document.slice(from, to)).filter(({ title }) => !columns.some((column) => column.title === title))
  return `${document.slice(0, from)}${begin}\n\n${render([...kept, ...columns], columns)}\n${document.slice(to)}`
}

/** Every runtime that was played has all cells, in the order of the suite: a row that none of them has is gone. */
function render(columns: readonly Column[], played: readonly Column[]): string {
  const sorted = columns.toSorted((a, b) => (a.title < b.title ? -1 : 1))
  const cells = new Set(played.flatMap(({ marks }) => [...marks.keys()]))
  return [
    legend,
    '',
    toRow(['', ...sorted.map(({ title, version }) => `${title} ${version}`)]),
    toRow(['---', ...sorted.map(() => '---')]),
    ...[...cells].map((cell) => toRow([cell, ...sorted.map(({ marks }) => marks.get(cell) ?? '')])),
    '',
    ...sorted.flatMap(({ lines }) => lines),
    '',
  ].join('\n')
}

const toRow = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`

/** The columns as an earlier run has written them. */
function readColumns(block: string): readonly Column[] {
  const lines = block.split('\n')
  const [[, ...headings] = [], , ...rows] = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | '))
  return headings.map((heading, index) => {
    const [version = '', ...title] = heading.split(' ').toReversed()
    const name = title.toReversed().join(' ')
    const marks = new Map(rows.map((row) => [row[0] ?? '', row[index + 1] ?? '']))
    return {
      title: name,
      version,
      marks,
      lines: lines.filter((line) => line.startsWith(`- ${name}, `) || line.startsWith(`- ${name} alone: `)),
    }
  })
}
