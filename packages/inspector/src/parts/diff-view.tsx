import { signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { toHunks, type DiffHunk, type DiffLine } from '../model/diff-rows.ts'
import { Code } from './code.tsx'

const wide = matchMedia('(min-width: 60rem)')
const sideBySide = signal(wide.matches)
wide.addEventListener('change', () => {
  sideBySide.value = wide.matches
})

/** A unified diff: side by side where there is room, else one under the other. */
export function DiffView({ diff, label }: { readonly diff: string; readonly label: string }) {
  const hunks = useMemo(() => toHunks(diff), [diff])
  if (hunks === null) return <Code>{diff}</Code>
  const shown = sideBySide.value ? hunks.map(toPairs) : hunks.map(toLines)
  return (
    <div class="diff" role="region" aria-label={`Diff of ${label}`} tabIndex={0}>
      <table>{shown}</table>
    </div>
  )
}

function toPairs({ head, rows }: DiffHunk, place: number) {
  return (
    <tbody key={place}>
      <tr class="hunk">
        <td colSpan={4}>{head}</td>
      </tr>
      {rows.map(({ left, right }, index) => (
        <tr key={index}>
          <Half line={left} side="old" />
          <Half line={right} side="new" />
        </tr>
      ))}
    </tbody>
  )
}

function Half({ line, side }: { readonly line: DiffLine | null; readonly side: 'old' | 'new' }) {
  const look = line?.changed === true ? `half ${side}` : 'half'
  return (
    <>
      <td class="number">{line?.number}</td>
      <td class={look}>{line === null ? '' : <Text line={line} side={side} />}</td>
    </>
  )
}

function toLines({ head, rows }: DiffHunk, place: number) {
  const lines = rows.flatMap(({ left, right }) => {
    if (right !== null && !right.changed) return [{ line: right, side: 'new' as const }]
    return [
      left === null ? [] : [{ line: left, side: 'old' as const }],
      right === null ? [] : [{ line: right, side: 'new' as const }],
    ].flat()
  })
  return (
    <tbody key={place}>
      <tr class="hunk">
        <td colSpan={2}>{head}</td>
      </tr>
      {lines.map(({ line, side }, index) => (
        <tr key={index}>
          <td class="number">{line.number}</td>
          <td class={line.changed ? side : ''}>
            <Text line={line} side={side} />
          </td>
        </tr>
      ))}
    </tbody>
  )
}

/** What was taken away and what was added differ by more than their colours. */
function Text({ line, side }: { readonly line: DiffLine; readonly side: 'old' | 'new' }) {
  if (!line.changed) return <>{`  ${line.text}`}</>
  return side === 'old' ? <del>{`- ${line.text}`}</del> : <ins>{`+ ${line.text}`}</ins>
}
