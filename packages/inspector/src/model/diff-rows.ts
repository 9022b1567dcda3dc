import { parsePatch } from 'diff'

/** One line of a diff beside the one that took its place; null where there is none. */
export interface DiffRow {
  readonly left: DiffLine | null
  readonly right: DiffLine | null
}

export interface DiffLine {
  readonly number: number
  readonly text: string
  readonly changed: boolean
}

/** The lines of a hunk side by side, under the place where they stand. */
export interface DiffHunk {
  readonly head: string
  readonly rows: readonly DiffRow[]
}

/** The hunks of a unified diff. Null where it is none: then it is text like any other. */
export function toHunks(diff: string): readonly DiffHunk[] | null {
  try {
    const hunks = parsePatch(diff).flatMap((file) => file.hunks)
    return hunks.length === 0 ? null : hunks.map(toHunk)
  } catch {
    return null
  }
}

function toHunk({
  oldStart,
  newStart,
  lines,
}: {
  readonly oldStart: number
  readonly newStart: number
  readonly lines: readonly string[]
}): DiffHunk {
  const rows: DiffRow[] = []
  let removed: DiffLine[] = []
  let added: DiffLine[] = []
  let [oldNumber, newNumber] = [oldStart, newStart]
  const pair = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index += 1)
      rows.push({ left: removed[index] ?? null, right: added[index] ?? null })
    removed = []
    added = []
  }
  for (const line of lines) {
    const text = line.slice(1)
    if (line.startsWith('-')) removed.push({ number: oldNumber++, text, changed: true })
    else if (line.startsWith('+')) added.push({ number: newNumber++, text, changed: true })
    else if (line.startsWith(' ') || line === '') {
      pair()
      rows.push({ left: { number: oldNumber++, text, changed: false }, right: { number: newNumber++, text, changed: false } })
    }
  }
  pair()
  return { head: `line ${newStart}`, rows }
}
