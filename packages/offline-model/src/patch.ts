import type { ToolOf } from './scenario.ts'

type FileChange = ToolOf<'edit'> | ToolOf<'write'>

/** The change as a patch. A patch knows whole lines only, and ends every one of them. */
export function toPatch(change: FileChange): string {
  const body =
    change.tool === 'write'
      ? [`*** Add File: ${change.path}`, ...toLines(change.text).map((line) => `+${line}`)]
      : [
          `*** Update File: ${change.path}`,
          '@@',
          ...toLines(change.old_text).map((line) => `-${line}`),
          ...toLines(change.new_text).map((line) => `+${line}`),
        ]
  return ['*** Begin Patch', ...body, '*** End Patch', ''].join('\n')
}

/** The patch as a change of one file: a new file, or an update of one hunk. Null if it is more than that. */
export function toFileChange(patch: string): FileChange | null {
  const lines = toLines(patch)
  if (lines.shift() !== '*** Begin Patch' || lines.pop() !== '*** End Patch') return null
  const [, kind, path] = /^\*\*\* (Add|Update) File: (.+)$/.exec(lines.shift() ?? '') ?? []
  if (path === undefined) return null
  if (kind === 'Update' && lines[0]?.startsWith('@@')) lines.shift()
  const side = (marks: string): string => lines.flatMap((line) => (marks.includes(line.charAt(0)) ? [line.slice(1)] : [])).join('\n')
  if (!lines.every((line) => /^[ +-]/.test(line))) return null
  if (kind === 'Add') return { tool: 'write', path, text: `${side('+')}\n` }
  const old_text = side(' -')
  return old_text === '' ? null : { tool: 'edit', path, old_text, new_text: side(' +') }
}

function toLines(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}
