import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Statement {
  /** The heading that it stands under. */
  readonly heading: string
  readonly text: string
}

/** Words that only introduce what follows them. */
const labels = new Set(['Query params:', 'Response:', 'Request body:', 'Request body (all optional unless noted):', 'SSE:', 'Notes:'])

/** Every sentence, list entry and example of daemon-api.md, which is the user's own text, word for word. */
export function readStatements(): readonly Statement[] {
  const statements: Statement[] = []
  let heading = ''
  const text = readFileSync(join(import.meta.dirname, 'daemon-api.md'), 'utf8')
  for (const block of text.split(/^(```json\n[\s\S]*?\n```|#+ .*)$/m)) {
    if (block.startsWith('#')) heading = block.replace(/^#+ /, '').replaceAll('`', '')
    else if (block.startsWith('```')) statements.push({ heading, text: block.slice('```json\n'.length, -'\n```'.length) })
    else
      statements.push(
        ...block
          .split('\n')
          .flatMap(toSentences)
          .map((sentence) => ({ heading, text: sentence })),
      )
  }
  return statements
}

function toSentences(line: string): readonly string[] {
  const text = line.replace(/^- /, '').trim()
  return text === '' || labels.has(text) ? [] : text.split(/(?<=[^.]\.) (?=[A-Z])/)
}
