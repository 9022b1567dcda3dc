const contextLines = 3

/**
 * The hunk that makes one text of the other, as `diff -u` would print it. One hunk from the first changed line to the last, in
 * linear time: what agents change is mostly in one place. Empty when nothing changed.
 */
export function toHunk(before: string, after: string): string {
  if (before === after) return ''
  const [old, now] = [toLines(before), toLines(after)]
  const shortest = Math.min(old.length, now.length)
  let head = 0
  while (head < shortest && old[head] === now[head]) head += 1
  let tail = 0
  while (tail < shortest - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1
  const from = Math.max(0, head - contextLines)
  const trailing = Math.min(contextLines, tail)
  const lines = [
    ...signed(' ', old.slice(from, head)),
    ...signed('-', old.slice(head, old.length - tail)),
    ...signed('+', now.slice(head, now.length - tail)),
    ...signed(' ', old.slice(old.length - tail, old.length - tail + trailing)),
  ]
  const range = (length: number): string => toRange(from, length - tail + trailing - from)
  return `@@ -${range(old.length)} +${range(now.length)} @@\n${lines.join('')}`
}

// A line keeps its end, so that one without differs from one with it.
function toLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function signed(sign: string, lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line.endsWith('\n') ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`))
}

function toRange(from: number, length: number): string {
  if (length === 0) return `${from},0`
  return length === 1 ? String(from + 1) : `${from + 1},${length}`
}
