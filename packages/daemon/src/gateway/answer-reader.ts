import type { Usage } from '@codesdkd/protocol'
import type { IncomingHttpHeaders } from 'node:http'
import type { Wording } from './endpoints.ts'
import { createEventData } from './event-data.ts'
import { addTold, readTold, tokens, type Told } from './tokens.ts'

/** Reads an answer of a model while it passes. Never throws, and never keeps more than a bound. */
export interface AnswerReader {
  push(chunk: Buffer): void
  /** As far as it is known when the answer has ended, or was broken off. */
  end(): { readonly model: string | null; readonly usage: Usage | null }
}

/** Bytes of one event, or of an answer that is no stream: what is larger is passed on unread. */
const LIMIT = 4 * 1024 * 1024

export function createAnswerReader(wording: Wording, headers: IncomingHttpHeaders): AnswerReader {
  const words = tokens[wording]
  let told: Told = { model: null, counts: {} }
  const texts = createTexts(headers)
  const read = (found: readonly string[]) => {
    for (const text of found) told = addTold(told, readTold(words, text))
  }
  return {
    push: (chunk) => read(texts.push(chunk)),
    end() {
      read(texts.end())
      return { model: told.model, usage: Object.keys(told.counts).length === 0 ? null : words.toUsage(told.counts) }
    },
  }
}

interface Texts {
  push(chunk: Buffer): readonly string[]
  end(): readonly string[]
}

function createTexts(headers: IncomingHttpHeaders): Texts {
  const encoding = headers['content-encoding'] ?? 'identity'
  const type = headers['content-type'] ?? ''
  // Asked for as it is; an endpoint that compresses nevertheless is not read.
  if (encoding !== 'identity') return { push: () => [], end: () => [] }
  return type.startsWith('text/event-stream') ? createEventData(LIMIT) : createWhole()
}

/** An answer in one piece. */
function createWhole(): Texts {
  let chunks: Buffer[] = []
  let size = 0
  return {
    push(chunk) {
      size += chunk.length
      if (size <= LIMIT) chunks.push(chunk)
      else chunks = []
      return []
    },
    end: () => (size > LIMIT || size === 0 ? [] : [Buffer.concat(chunks).toString('utf8')]),
  }
}
