import { TextDecoder } from 'node:util'

/** One line of an agent's output, without its line end. */
export interface Line {
  readonly text: string
  /** The line was longer than the limit: `text` is its beginning. */
  readonly truncated: boolean
}

const newline = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts bytes into lines, in linear time and bounded memory: of a line longer than `maxBytes` only the beginning is kept.
 * Invalid UTF-8 becomes U+FFFD; a byte order mark and carriage returns before the line end are removed; empty lines are skipped.
 * What follows the last line end is a line of its own. Yields together what came together, never nothing.
 */
export async function* toLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder()
  let parts: Uint8Array[] = []
  let size = 0
  let truncated = false
  const keep = (part: Uint8Array): void => {
    const kept = part.subarray(0, maxBytes - size)
    truncated ||= kept.length < part.length
    if (kept.length > 0) parts.push(kept)
    size += kept.length
  }
  const take = (): Line => {
    const line = { text: toText(parts, decoder), truncated }
    parts = []
    size = 0
    truncated = false
    return line
  }
  for await (const chunk of chunks) {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      keep(chunk.subarray(start, end))
      start = end + 1
      const line = take()
      if (line.text !== '') lines.push(line)
    }
    keep(chunk.subarray(start))
    if (lines.length > 0) yield lines
  }
  const rest = take()
  if (rest.text !== '') yield [rest]
}

// Whole lines are decoded at once, so a character that two chunks share is never torn.
function toText(parts: readonly Uint8Array[], decoder: TextDecoder): string {
  const [first = new Uint8Array()] = parts
  const bytes = parts.length < 2 ? first : Buffer.concat(parts)
  return decoder.decode(bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes)
}
