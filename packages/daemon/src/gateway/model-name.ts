/** How much of a request is read to find its model. */
const LIMIT = 64 * 1024

/** Finds the model that a request asks for while its body passes. */
export interface ModelName {
  /** True when no more has to be read. */
  readonly settled: boolean
  readonly value: string | null
  push(chunk: Buffer): void
  end(): void
}

/** `known`: the name where the path tells it. */
export function createModelName(known: string | null): ModelName {
  let chunks: Buffer[] = []
  let size = 0
  let next = 1
  let value = known
  let settled = known !== null
  const read = () => {
    value = findModel(Buffer.concat(chunks).toString('utf8'))
    settled = value !== null || size >= LIMIT
    // Not anew for each small chunk.
    next = size * 2
    if (settled) chunks = []
  }
  return {
    get settled() {
      return settled
    },
    get value() {
      return value
    },
    push(chunk) {
      if (settled) return
      chunks.push(chunk.subarray(0, LIMIT - size))
      size += Math.min(chunk.length, LIMIT - size)
      if (size >= next || size >= LIMIT) read()
    },
    end() {
      if (!settled && size > 0) read()
      settled = true
      chunks = []
    },
  }
}

const token = /\s*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^\s"[\]{},:]+)/y

/** The member `model` of the outermost object of a JSON text that may be cut off; null where it is not seen. */
export function findModel(text: string): string | null {
  let depth = 0
  let before = ['', '']
  token.lastIndex = 0
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [, now = ''] = match
    if (depth === 1 && before[0] === '"model"' && before[1] === ':') return now.startsWith('"') ? toName(now) : null
    if (now === '{' || now === '[') depth += 1
    else if (now === '}' || now === ']') depth -= 1
    before = [before[1] ?? '', now]
  }
  return null
}

function toName(literal: string): string | null {
  try {
    const name: unknown = JSON.parse(literal)
    return typeof name === 'string' && name.length <= 200 ? name : null
  } catch {
    return null
  }
}
