import * as z from 'zod'
import type { Incoming } from '../json-rpc.ts'
import { openInside } from '../own-files.ts'

/** More than this between two looks is not read: it would be no calls of a model. */
const maxBytes = 64 * 1024 * 1024

const line = z.object({ type: z.literal('response_item'), payload: z.unknown() })

/**
 * The file in which Codex keeps a conversation, read from where it ends now. A resumed thread sends no raw items; here they are,
 * and Codex writes a call down before it asks about it or runs it.
 */
export class CodexRollout {
  readonly #home: string
  readonly #path: string
  #offset: number | null = null

  /** `path` is what the agent says: nothing outside `home` is read. */
  constructor(home: string, path: string) {
    this.#home = home
    this.#path = path
  }

  /** Raw items since the last look, as the messages that a new thread would have sent; none at the first look. Never rejects. */
  async read(turnId: string): Promise<readonly Incoming[]> {
    try {
      await using file = await openInside(this.#home, this.#path)
      if (file === null) return []
      const { size } = await file.stat()
      const from = this.#offset ?? size
      this.#offset = from
      if (size <= from || size - from > maxBytes) return this.#skip(size)
      const bytes = Buffer.alloc(size - from)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      // The last line may still be on its way.
      const whole = bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
      this.#offset = from + whole
      return bytes
        .toString('utf8', 0, whole)
        .split('\n')
        .flatMap((text) => toMessage(text, turnId))
    } catch {
      // Without it a question is taken for a wish to leave the sandbox: the safe side.
      return []
    }
  }

  #skip(size: number): readonly Incoming[] {
    this.#offset = size
    return []
  }
}

function toMessage(text: string, turnId: string): readonly Incoming[] {
  if (text === '') return []
  const parsed = line.safeParse(JSON.parse(text))
  return parsed.success
    ? [{ kind: 'notification', method: 'rawResponseItem/completed', params: { turnId, item: parsed.data.payload } }]
    : []
}
